package scenario

import (
	"strings"
	"time"

	"github.com/botorate/botorate/internal/sim"
)

// A scan is ScoutSuite 5.14 as it calls AWS (https://github.com/nccgroup/ScoutSuite at 7909f2fc, read and counted 2026-11-23): one loop
// that prepares calls one by one, and a pool of threads that makes them, first come first served. Some calls run on the loop itself
// and stop it meanwhile.
type scan struct {
	*load
	client  *client
	account string
	teams   map[string]*team
	permits fifo[task] // calls that wait for one of --max-rate's
	given   []time.Time
	poll    sim.Event
	open    int // tasks not done
}

// A team is a loop and the threads that work for it: one for the whole scan, or with pool-per-service, as Prowler has it, one each.
type team struct {
	s    *scan
	loop fifo[task]
	busy bool // the loop
	idle int  // threads
	pool fifo[task]
}

func (s *scan) team(t *target) *team {
	name := ""
	if s.PoolPerService {
		name = t.service
	}
	m := s.teams[name]
	if m == nil {
		m = &team{s: s, idle: s.Workers}
		if s.paced && s.w.way.Kind == wayWorkers {
			m.idle = s.w.way.Count
		}
		s.teams[name] = m
	}
	return m
}

// A task is one call.
type task struct {
	to     *target
	onLoop bool
	pages  int // that the thread gets one after the other; at least 1
	done   func(ok bool)
}

func newScan(l *load) *scan {
	s := &scan{load: l, account: accountName(0), teams: map[string]*team{}}
	s.client = l.w.client(l, s.account)
	s.poll.Do = s.permit
	return s
}

// region is where a target is: the one that is named, or nowhere for a service that is global.
func (s *scan) target(name, region string) *target {
	service, operation, _ := strings.Cut(name, ":")
	return s.w.target(action{service: service, operation: operation}, s.account, region)
}

// buildCost is how long the loop takes to build the client that ScoutSuite makes for each call, and throws away: measured for ec2
// 20 ms, s3 9.5 ms, iam 4.6 ms, kms 3 ms.
func (s *scan) buildCost(t *target) time.Duration {
	if s.Build == 0 {
		return 0
	}
	cost := 4 * time.Millisecond
	switch t.service {
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

// add has the loop prepare a call.
func (s *scan) add(t task) {
	s.open++
	m := s.team(t.to)
	m.loop.push(t)
	m.turn()
}

// turn lets the loop do the next thing.
func (m *team) turn() {
	if m.busy || m.loop.empty() {
		return
	}
	m.busy = true
	t := m.loop.pop()
	m.s.w.loop.After(m.s.buildCost(t.to), func() {
		if t.onLoop {
			m.s.call(t, m.free)
			return
		}
		m.s.enqueue(t)
		m.free()
	})
}

func (m *team) free() {
	m.busy = false
	m.turn()
}

// enqueue gives a call to the pool; with --max-rate, once there is a permit: one for all pages of a list.
func (s *scan) enqueue(t task) {
	if !s.paced || s.w.way.Kind != wayMaxRate {
		s.pool(t)
		return
	}
	s.permits.push(t)
	s.permit()
}

// permit gives out what permits there are: as many as the rate in any second, all at once. Who waits looks again every 10 ms.
func (s *scan) permit() {
	now := s.w.loop.Now()
	for len(s.given) > 0 && now.Sub(s.given[0]) >= time.Second {
		s.given = s.given[1:]
	}
	for !s.permits.empty() && len(s.given) < s.w.way.Count {
		s.given = append(s.given, now)
		s.pool(s.permits.pop())
	}
	if !s.permits.empty() && !s.poll.Scheduled() {
		s.w.loop.SetAfter(&s.poll, 10*time.Millisecond)
	}
}

// pool gives a call to the threads.
func (s *scan) pool(t task) {
	m := s.team(t.to)
	m.pool.push(t)
	m.drain()
}

// drain keeps the threads busy.
func (m *team) drain() {
	for m.idle > 0 && !m.pool.empty() {
		m.idle--
		m.s.call(m.pool.pop(), func() {
			m.idle++
			m.drain()
		})
	}
}

// call makes a call; then is what its thread does next, after what follows from the answer.
func (s *scan) call(t task, then func()) {
	if s.Fresh {
		s.client.renew()
	}
	s.client.do(t.to, func(ok bool) {
		if ok && t.pages > 1 {
			t.pages--
			s.call(t, then)
			return
		}
		t.done(ok)
		s.open--
		then()
		if s.open == 0 {
			s.finish()
		}
	})
}

// renew makes the client a new one, but for what it shares with nobody.
func (cl *client) renew() {
	cl.tokens = retryTokens
	if cl.limiter != nil {
		cl.limiter = newAdaptive(cl.w.loop.Now())
	}
}

// A link is one call of a chain: the operation, and where.
type link struct {
	name, region string
	onLoop       bool
}

// chain makes calls one after the other, and tells whether all were answered. After a failure the rest isn't made.
func (s *scan) chain(links []link, done func(ok bool)) {
	if len(links) == 0 {
		done(true)
		return
	}
	l := links[0]
	s.add(task{to: s.target(l.name, l.region), onLoop: l.onLoop, done: func(ok bool) {
		if !ok {
			done(false)
			return
		}
		s.chain(links[1:], done)
	}})
}

// pages makes one list of so many pages. If one fails, all n resources of it are missing.
func (s *scan) pages(name, region string, pages, n int, then func()) {
	s.add(task{to: s.target(name, region), pages: pages, done: func(ok bool) {
		switch {
		case !ok:
			s.tally.Resources += n
			s.tally.Missing += n
		case then != nil:
			then()
		}
	}})
}

// A group is the resources of one list, each with calls of its own.
type group struct {
	s      *scan
	left   int
	n      int
	failed int
	first  int  // of those that failed
	tail   bool // the result ends before the first that failed
}

// each makes the calls of n resources, all at once. tail tells that ScoutSuite drops the first resource that failed and all
// after it: its handlers look for a word in an exception object, which is an error that ends the loop over the list.
func (s *scan) each(n int, tail bool, links func(i int) [][]link) {
	s.tally.Resources += n
	g := &group{s: s, left: n, n: n, first: n, tail: tail}
	for i := range n {
		chains := links(i)
		left, good := len(chains), true
		for _, c := range chains {
			s.chain(c, func(ok bool) {
				good = good && ok
				if left--; left == 0 {
					g.done(i, good)
				}
			})
		}
	}
}

func (g *group) done(i int, ok bool) {
	if !ok {
		g.failed++
		g.first = min(g.first, i)
	}
	if g.left--; g.left > 0 {
		return
	}
	if g.tail {
		g.s.tally.Missing += g.n - g.first
	} else {
		g.s.tally.Missing += g.failed
	}
}
