package scenario

import (
	"slices"
	"strings"
	"time"

	"github.com/botorate/botorate/internal/sim"
)

// A scan is ScoutSuite 5.14 as it calls AWS (https://github.com/nccgroup/ScoutSuite at 7909f2fc, read and counted 2026-11-23, and
// compared with what its own code does 2026-12-01): one asyncio loop, whose coroutines take turns, and one pool of threads that make the
// calls of all services, first come first served. Some calls are made on the loop itself and stop it meanwhile.
type scan struct {
	*load
	account string
	clients map[clientKey]*client
	loop    fifo[*task]
	busy    bool // the loop
	pool    fifo[*task]
	idle    int         // threads
	permits fifo[*task] // that wait for one of --max-rate's
	given   []time.Time
	poll    sim.Event
	read    time.Time // when the last of the threads has read the names of Regions that is to
	open    int       // tasks not done
}

// A clientKey names a client object: ScoutSuite keeps one for each service and Region, and throws away the others that it builds.
type clientKey struct{ service, region string }

// A link is one call of a coroutine, or one list of several pages that a thread gets one after the other. One without a name is no call: a
// thread reads the names of all Regions from a file of botocore's.
type link struct {
	name, region string
	onLoop       bool
	vital        bool // without its answer ScoutSuite drops the resource that it is about, and all after it
	pages        int  // 0 for 1
	item         int  // which of a task's resources it is about
}

// A task is a coroutine: calls, one after the other. After a call that failed, the others of the same item aren't made.
type task struct {
	links  []link
	passes int        // how often it is still to wait for its turn on the loop before it goes on
	failed func(link) // nil if nobody cares
	done   func()
}

// A coroutine that waited for a thread comes back to the loop's queue twice, for the future and for itself; one that waited for others as often
// again. Its children begin with turns of their own.
const passes = 2

func newScan(l *load) *scan {
	s := &scan{load: l, account: accountName(0), clients: map[clientKey]*client{}, idle: l.Workers}
	if s.paced && s.w.way.Kind == wayWorkers {
		s.idle = s.w.way.Count
	}
	s.poll.Do = s.permit
	return s
}

// client returns the client object for a service and Region.
func (s *scan) client(l link) *client {
	service, _, _ := strings.Cut(l.name, ":")
	key := clientKey{service, l.region}
	if s.clients[key] == nil {
		s.clients[key] = s.w.client(s.load, s.account)
	}
	return s.clients[key]
}

func (s *scan) target(l link) *target {
	service, operation, _ := strings.Cut(l.name, ":")
	return s.w.target(action{service: service, operation: operation}, s.account, l.region)
}

// buildCost is how long the loop takes to build the client that ScoutSuite makes before each call, and mostly throws away: measured for
// ec2 20 ms, s3 9.5 ms, iam 4.6 ms, kms 3 ms.
func (s *scan) buildCost(l link) time.Duration {
	cost := 4 * time.Millisecond
	switch service, _, _ := strings.Cut(l.name, ":"); service {
	case "":
		return 0
	case "ec2":
		cost = 20 * time.Millisecond
	case "s3":
		cost = 9500 * time.Microsecond
	case "iam":
		cost = 4600 * time.Microsecond
	case "kms":
		cost = 3 * time.Millisecond
	}
	return time.Duration(float64(cost) * s.Build)
}

// add gives the loop a task.
func (s *scan) add(t *task) {
	s.open++
	s.back(t)
}

// back puts a task at the end of the loop's queue.
func (s *scan) back(t *task) {
	s.loop.push(t)
	s.turn()
}

// turn lets the loop do the next thing.
func (s *scan) turn() {
	if s.busy || s.loop.empty() {
		return
	}
	s.busy = true
	t := s.loop.pop()
	s.w.loop.After(0, func() { s.work(t) })
}

func (s *scan) free() {
	s.busy = false
	s.turn()
}

// work takes a task up to its next wait.
func (s *scan) work(t *task) {
	switch {
	case t.passes > 0:
		t.passes--
		s.loop.push(t)
		s.free()
	case len(t.links) > 0:
		s.w.loop.After(s.buildCost(t.links[0]), func() { s.begin(t) })
	default:
		t.done()
		if s.open--; s.open == 0 {
			s.finish()
		}
		s.free()
	}
}

// begin makes the task's next call: here and now, or in the pool; with --max-rate, once there is a permit, one for all pages of a list.
func (s *scan) begin(t *task) {
	switch {
	case t.links[0].onLoop:
		s.call(t, func() { s.work(t) })
		return
	case s.paced && s.w.way.Kind == wayMaxRate:
		s.permits.push(t)
		s.permit()
	default:
		s.give(t)
	}
	s.free()
}

// permit gives out what permits there are: as many as the rate in any second, all at once. Who waits looks again every 10 ms.
func (s *scan) permit() {
	now := s.w.loop.Now()
	for len(s.given) > 0 && now.Sub(s.given[0]) >= time.Second {
		s.given = s.given[1:]
	}
	for !s.permits.empty() && len(s.given) < s.w.way.Count {
		s.given = append(s.given, now)
		s.give(s.permits.pop())
	}
	if !s.permits.empty() && !s.poll.Scheduled() {
		s.w.loop.SetAfter(&s.poll, 10*time.Millisecond)
	}
}

// give has the threads make a task's next call.
func (s *scan) give(t *task) {
	s.pool.push(t)
	s.drain()
}

// drain keeps the threads busy.
func (s *scan) drain() {
	for s.idle > 0 && !s.pool.empty() {
		s.idle--
		t := s.pool.pop()
		s.call(t, func() {
			s.idle++
			t.passes = passes
			s.back(t)
			s.drain()
		})
	}
}

// call makes the task's next call, with all its pages; then is what who made it does next.
func (s *scan) call(t *task, then func()) {
	l := &t.links[0]
	if l.name == "" {
		t.links = t.links[1:]
		s.readRegions(then)
		return
	}
	s.client(*l).do(s.target(*l), func(ok bool) {
		if ok && l.pages > 1 {
			l.pages--
			s.call(t, then)
			return
		}
		lost := *l
		t.links = t.links[1:]
		for !ok && len(t.links) > 0 && t.links[0].item == lost.item {
			t.links = t.links[1:]
		}
		if !ok && t.failed != nil {
			t.failed(lost)
		}
		then()
	})
}

// readRegions takes 100 ms of a processor (measured), which Python's threads have one at a time.
func (s *scan) readRegions(then func()) {
	now := s.w.loop.Now()
	if s.read.Before(now) {
		s.read = now
	}
	s.read = s.read.Add(time.Duration(float64(100*time.Millisecond) * s.Build))
	s.w.loop.At(s.read, then)
}

// chain makes calls one after the other; done comes also after one that failed.
func (s *scan) chain(links []link, done func()) {
	s.add(&task{links: links, done: done})
}

// list makes one list of n resources, so many a page. If a page fails all are missing, and then isn't done; nil for nothing.
func (s *scan) list(name, region string, n, size int, then func(g *group)) {
	g := s.group(n)
	s.add(&task{
		links: []link{{name: name, region: region, pages: pagesOf(n, size)}},
		failed: func(link) {
			g.first = 0
			g.count()
			then = nil
		},
		done: func() {
			if then != nil {
				then(g)
			}
		},
	})
}

// later does something after so many turns of the loop.
func (s *scan) later(turns int, do func()) { s.add(&task{passes: turns, done: do}) }

// A group is the resources of one list, each with coroutines of its own.
type group struct {
	s     *scan
	n     int
	open  int          // coroutines
	lost  map[int]bool // resources without an answer
	first int          // of those that lack a vital one
	told  int          // missing resources that are counted
}

// group counts n resources that are to be found.
func (s *scan) group(n int) *group {
	s.tally.Resources += n
	return &group{s: s, n: n, lost: map[int]bool{}, first: n}
}

// failed notes that a call was lost. A handler of ScoutSuite's that looks for a word in an exception object fails itself, and an answer that
// it can't do without ends the loop over the list.
func (g *group) failed(i int, l link) {
	g.lost[i] = true
	if l.vital {
		g.first = min(g.first, i)
	}
}

// count takes down what is missing: resources that lost an answer, and all from the first that lost a vital one.
func (g *group) count() {
	missing := g.n - g.first
	for i := range g.lost {
		if i < g.first {
			missing++
		}
	}
	g.s.tally.Missing += missing - g.told
	g.told = missing
}

// each makes the calls of all resources at once: for each, coroutines side by side. Then is done once all have ended; nil for nothing.
func (g *group) each(then func(), coroutines ...[]link) {
	after := func() {
		g.count()
		if then != nil {
			g.s.later(passes, then)
		}
	}
	if g.n == 0 {
		after()
		return
	}
	for i := range g.n {
		for _, c := range coroutines {
			g.open++
			g.s.add(&task{links: slices.Clone(c), failed: func(l link) { g.failed(i, l) }, done: func() {
				if g.open--; g.open == 0 {
					after()
				}
			}})
		}
	}
}

// serial makes the calls of one resource after the other. Then is done at the end; nil for nothing.
func (g *group) serial(then func(), links ...link) {
	all := make([]link, 0, g.n*len(links))
	for i := range g.n {
		for _, l := range links {
			l.item = i
			all = append(all, l)
		}
	}
	g.s.add(&task{links: all, failed: func(l link) { g.failed(l.item, l) }, done: func() {
		g.count()
		if then != nil {
			then()
		}
	}})
}
