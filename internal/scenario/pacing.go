package scenario

import (
	"errors"
	"time"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/sim"
)

// A pacer decides when the attempts of a paced workload leave.
type pacer interface {
	// submit takes an attempt that wants to leave now. It has it leave, now or later, or refuses it.
	submit(c *call)
	// answered is told of an answer before the client, and reports whether the client gets to see it.
	answered(c *call) (absorbed bool)
}

func (w *world) newPacer() pacer {
	switch w.way.Kind {
	case wayInterval:
		return &interval{w: w, gap: w.way.Delay, services: map[string]*turns{}}
	case wayBucket:
		return newByHand(w)
	case wayBotorate:
		return newGovernor(w)
	}
	return unpaced{}
}

// unpaced lets everything out at once. The ways that work elsewhere are unpaced here: latency in the network, the SDK's adaptive mode in the
// client, ScoutSuite's own settings in ScoutSuite.
type unpaced struct{}

func (unpaced) submit(c *call)      { c.leave() }
func (unpaced) answered(*call) bool { return false }

// interval is what the first botorate did (https://github.com/museadmin/botorate, read 2026-11-23): a queue in front of each
// service, worked off one call at a time, with a pause after each.
type interval struct {
	w        *world
	gap      time.Duration
	services map[string]*turns
}

// turns is one service's queue.
type turns struct {
	waiting fifo[*call]
	busy    bool
	free    sim.Event
}

func (p *interval) submit(c *call) {
	t := p.services[c.to.service]
	if t == nil {
		t = &turns{}
		t.free.Do = func() {
			t.busy = false
			p.serve(t)
		}
		p.services[c.to.service] = t
	}
	t.waiting.push(c)
	p.serve(t)
}

func (p *interval) serve(t *turns) {
	if t.busy || t.waiting.empty() {
		return
	}
	t.busy = true
	t.waiting.pop().leave()
}

func (p *interval) answered(c *call) bool {
	p.w.loop.SetAfter(&p.services[c.to.service].free, p.gap)
	return false
}

// byHand is a token bucket for each service, as a program has that uses golang.org/x/time/rate. It is the real Scheduler with
// limits that know nothing of actions.
type byHand struct{ governor }

const byHandScope = "by hand"

func newByHand(w *world) *byHand {
	limit := botorate.Limit{Rate: w.way.Rate, Burst: w.way.Burst}
	p := &byHand{governor{w: w, sched: botorate.NewScheduler(botorate.Options{Limit: func(botorate.BucketID) botorate.Limit { return limit }})}}
	p.draws = func(t *target) []botorate.Draw {
		return []botorate.Draw{{Bucket: botorate.BucketID{Quota: t.service, Scope: byHandScope}, Tokens: 1}}
	}
	p.wake.Do = p.look
	return p
}

func (p *byHand) answered(*call) bool { return false }

// A governor is botorate: the real Scheduler, fed as the proxy feeds it.
type governor struct {
	w     *world
	sched *botorate.Scheduler
	wake  sim.Event
	draws func(*target) []botorate.Draw // nil means the target's own
}

func newGovernor(w *world) *governor {
	g := &governor{w: w, sched: botorate.NewScheduler(botorate.Options{Limit: w.limit()})}
	g.wake.Do = g.look
	return g
}

// limit says what botorate takes the buckets' limits for.
func (w *world) limit() func(botorate.BucketID) botorate.Limit {
	if !w.way.Unknown {
		return func(id botorate.BucketID) botorate.Limit {
			q, _ := w.real.initial(id)
			l := q.Limit(float64(w.way.Share))
			l.Unknown = false // this way is told what the simulated service has
			return l
		}
	}
	guess, _ := w.policy.Quota(botorate.BucketID{Quota: "unheard-of:Action", Scope: "0/nowhere"})
	return func(botorate.BucketID) botorate.Limit {
		l := guess.Limit(float64(w.way.Share))
		l.Unknown = true
		return l
	}
}

func (g *governor) submit(c *call) {
	now := g.w.loop.Now()
	draws := c.to.draws
	if g.draws != nil {
		draws = g.draws(c.to)
	}
	err := g.sched.Submit(now, &c.ticket, botorate.Attempt{Draws: draws, Tenant: c.client.load.Name, Since: c.began, Deadline: c.until})
	if err != nil {
		g.refuse(c, err)
	}
	g.look()
}

// look does what is due, and comes back when there may be more.
func (g *governor) look() {
	now := g.w.loop.Now()
	for t := g.sched.Next(now); t != nil; t = g.sched.Next(now) {
		c, _ := t.Owner.(*call)
		pass, err := t.Pass()
		if err != nil {
			g.refuse(c, err)
			continue
		}
		c.pass = pass
		c.leave()
	}
	if wake, ok := g.sched.Wake(); ok {
		g.w.loop.Set(&g.wake, wake)
	}
}

// refuse answers an attempt that can't leave in time: with AWS's own throttle if there was one, else with botorate's, which says
// when to come again.
func (g *governor) refuse(c *call, err error) {
	var late *botorate.TooLateError
	c.shed = 0
	if errors.As(err, &late) && c.absorbed == 0 {
		c.shed = late.Wait
	}
	c.next(stageShed, 0)
}

// The proxy's pauses before an absorbed throttle is sent again.
const (
	firstPause = 100 * time.Millisecond
	mostPause  = 5 * time.Second
)

func (g *governor) answered(c *call) bool {
	now := g.w.loop.Now()
	g.sched.Report(now, c.pass, c.outcome)
	g.look()
	if c.outcome.Kind != botorate.Throttled {
		return false
	}
	pause := min(firstPause<<min(c.absorbed, 10), mostPause)
	if !now.Add(pause).Before(c.until) {
		return false
	}
	c.absorbed++
	c.next(stageAgain, pause)
	return true
}

// A fifo is a queue. The zero value is empty.
type fifo[T any] struct {
	items []T
	head  int
}

func (q *fifo[T]) empty() bool { return q.head == len(q.items) }

func (q *fifo[T]) push(x T) { q.items = append(q.items, x) }

func (q *fifo[T]) pop() T {
	var zero T
	x := q.items[q.head]
	q.items[q.head] = zero
	q.head++
	if q.head > 1024 && q.head > len(q.items)/2 {
		q.items, q.head = append(q.items[:0], q.items[q.head:]...), 0
	}
	return x
}
