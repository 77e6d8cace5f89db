package trial

import (
	"math"
	"time"

	"github.com/botorate/botorate"
)

// A Pacer decides when callers' attempts leave, and learns what became of them. Times count from its beginning.
type Pacer interface {
	// Ask lets a caller's attempt wait; since is when its call was first submitted.
	Ask(now time.Duration, caller int, since time.Duration)
	// Next returns a caller whose attempt leaves now; ok is false when none does.
	Next(now time.Duration) (caller int, ok bool)
	// Wake returns when Next may have one if nothing is asked or told before; ok is false if never.
	Wake(now time.Duration) (at time.Duration, ok bool)
	// Tell says that the caller's attempt, which left, was answered, or throttled.
	Tell(now time.Duration, caller int, throttled bool)
}

// A governed pacer is botorate's own scheduler.
type governed struct {
	epoch   time.Time
	sched   *botorate.Scheduler
	tickets map[int]*ticket
}

type ticket struct {
	caller int
	ticket botorate.Ticket
	pass   botorate.Pass
}

// NewGoverned returns botorate's scheduler, with one bucket of that limit.
func NewGoverned(limit botorate.Limit) Pacer {
	return &governed{
		epoch:   time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		sched:   botorate.NewScheduler(botorate.Options{Limit: func(botorate.BucketID) botorate.Limit { return limit }}),
		tickets: make(map[int]*ticket),
	}
}

func (g *governed) time(at time.Duration) time.Time { return g.epoch.Add(at) }

func (g *governed) Ask(now time.Duration, caller int, since time.Duration) {
	t := g.tickets[caller]
	if t == nil {
		t = &ticket{caller: caller}
		t.ticket.Owner = t
		g.tickets[caller] = t
	}
	draws := []botorate.Draw{{Bucket: botorate.BucketID{Quota: "trial"}, Tokens: 1}}
	if err := g.sched.Submit(g.time(now), &t.ticket, botorate.Attempt{Draws: draws, Since: g.time(since)}); err != nil {
		panic(err)
	}
}

func (g *governed) Next(now time.Duration) (int, bool) {
	next := g.sched.Next(g.time(now))
	if next == nil {
		return 0, false
	}
	t := next.Owner.(*ticket)
	pass, err := next.Pass()
	if err != nil {
		panic(err)
	}
	t.pass = pass
	return t.caller, true
}

func (g *governed) Wake(time.Duration) (time.Duration, bool) {
	at, ok := g.sched.Wake()
	return at.Sub(g.epoch), ok
}

func (g *governed) Tell(now time.Duration, caller int, throttled bool) {
	kind := botorate.OK
	if throttled {
		kind = botorate.Throttled
	}
	g.sched.Report(g.time(now), g.tickets[caller].pass, botorate.Outcome{Kind: kind})
}

// An aimd pacer is the textbook's token bucket: it adds a tenth of what it began with to its rate each second, and halves it
// when an attempt is throttled, at most once a second.
type aimd struct {
	rate, level float64
	at, cut     time.Duration
	queue       []int
}

// NewAIMD returns a token bucket of a burst of one second's rate, with additive increase and multiplicative decrease.
func NewAIMD() Pacer { return &aimd{rate: 1, cut: -time.Second} }

const (
	aimdStep   = 0.1 // per second, each second
	aimdFactor = 0.5
	aimdLeast  = 0.1
)

func (p *aimd) Ask(_ time.Duration, caller int, _ time.Duration) { p.queue = append(p.queue, caller) }

func (p *aimd) refill(now time.Duration) {
	dt := (now - p.at).Seconds()
	p.at = now
	p.level = math.Min(p.level+p.rate*dt, math.Max(1, p.rate))
	p.rate += aimdStep * dt
}

func (p *aimd) Next(now time.Duration) (int, bool) {
	p.refill(now)
	if len(p.queue) == 0 || p.level < 1-1e-9 {
		return 0, false
	}
	p.level--
	caller := p.queue[0]
	p.queue = p.queue[1:]
	return caller, true
}

func (p *aimd) Wake(now time.Duration) (time.Duration, bool) {
	p.refill(now)
	return now + seconds(math.Max(0, 1-p.level)/p.rate) + 1, len(p.queue) > 0
}

func (p *aimd) Tell(now time.Duration, _ int, throttled bool) {
	p.refill(now)
	if throttled && now-p.cut >= time.Second {
		p.cut, p.rate, p.level = now, math.Max(aimdLeast, p.rate*aimdFactor), 0
	}
}
