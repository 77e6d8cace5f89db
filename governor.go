package botorate

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrDraws is returned for an attempt without draws, or with more than MaxDraws.
var ErrDraws = errors.New("an attempt has one to four draws of different buckets, each of a positive number of tokens")

// Options configure a [Governor] and a [Scheduler]. The zero value lets everything out at once.
type Options struct {
	// Limit says what a bucket lets out. It is asked once, when the bucket is first drawn from, must not block and must
	// not call the governor. Nil means no bucket has a limit until [Governor.SetLimit].
	Limit func(BucketID) Limit
	// Weight says how many turns a tenant gets beside others that wait for the same buckets. It is asked once, when the tenant
	// is first seen, under the same conditions. Nil means 1 for each; what isn't a positive number counts as 1.
	Weight func(tenant string) float64
	// BatchShare is the least part of a lane's grants that batch attempts get while interactive ones wait too, from 0 to 1. Zero means 0.1.
	BatchShare float64
	// Partition says which buckets can be drawn from together: those of the same partition. Attempts of different partitions never wait for
	// each other's lock. Nil means one partition for all. It must be pure.
	Partition func(BucketID) string
	// Learnt says what an earlier governor learnt of a bucket whose limit is unknown; ok is false if nothing. It is asked when Limit is,
	// under the same conditions. Nil means nothing was learnt.
	Learnt func(BucketID) (l Learnt, ok bool)
}

// A Governor decides when each attempt leaves: a [Scheduler] with a clock, a lock, one timer and the goroutines that wait.
// It is safe for concurrent use.
//
// Its clock is monotonic: it stands still while the machine sleeps, and then no tokens are added.
type Governor struct {
	base    time.Time // when it was made
	waiters sync.Pool // of *waiter

	mu    sync.Mutex
	sched *Scheduler
	timer *time.Timer // fires at armed
	armed time.Time   // zero when it won't
}

// A waiter is a goroutine in Wait.
type waiter struct {
	ticket  Ticket
	decided chan struct{} // gets one value when the ticket is decided; has room for it
}

// New returns a governor. It runs no goroutine and needs no closing.
func New(o Options) *Governor {
	g := &Governor{base: time.Now(), sched: NewScheduler(o)}
	g.sched.advance(g.base)
	return g
}

// Wait returns when the attempt may leave. The error is ctx's when that ends first, or a *[TooLateError] as soon as it is
// known that the attempt can't leave before its deadline; nothing is spent then. It is [ErrDraws] for an attempt that is malformed.
func (g *Governor) Wait(ctx context.Context, a Attempt) (p Pass, err error) {
	if err := ctx.Err(); err != nil {
		return p, err
	}
	if !a.Since.IsZero() || !a.Deadline.IsZero() {
		g.translate(&a)
	}
	g.mu.Lock()
	left := g.sched.try(g.sched.advanceTo(instant(time.Since(g.base))), &a, &p)
	g.mu.Unlock()
	if !left {
		err = g.hold(ctx, &a, &p)
	}
	return p, err
}

// translate puts an attempt's times, which may have been read from a message, on the governor's clock: each is as far from its now as it
// is from the real one.
func (g *Governor) translate(a *Attempt) {
	now := g.now()
	if !a.Since.IsZero() {
		a.Since = now.Add(time.Until(a.Since))
	}
	if !a.Deadline.IsZero() {
		a.Deadline = now.Add(time.Until(a.Deadline))
	}
}

// hold waits. It is apart from Wait, whose frame stays small when there is no need to.
func (g *Governor) hold(ctx context.Context, a *Attempt, p *Pass) error {
	w := g.waiter()
	err := g.submit(&w.ticket, a)
	if err == nil {
		select {
		case <-w.decided:
			err = w.ticket.pass(p)
		case <-ctx.Done():
			err = ctx.Err()
			g.cancel(w)
		}
	}
	w.ticket = Ticket{Owner: w} // keeps nothing alive
	g.waiters.Put(w)
	return err
}

// submit lets the attempt wait.
func (g *Governor) submit(t *Ticket, a *Attempt) error {
	g.mu.Lock()
	now := g.now()
	err := g.sched.submit(now, t, a)
	g.settle(now)
	g.mu.Unlock()
	return err
}

// waiter returns one that isn't used.
func (g *Governor) waiter() *waiter {
	if w, ok := g.waiters.Get().(*waiter); ok {
		return w
	}
	w := &waiter{decided: make(chan struct{}, 1)}
	w.ticket.Owner = w
	return w
}

// cancel takes back what the waiter asked for, or got while its context ended.
func (g *Governor) cancel(w *waiter) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if !g.sched.Cancel(now, &w.ticket) {
		<-w.decided // it has come: tickets are decided under the lock
		if pass, err := w.ticket.Pass(); err == nil {
			g.sched.Return(now, pass)
		}
	}
	g.settle(now)
}

// Report tells what became of an attempt that left.
func (g *Governor) Report(p Pass, o Outcome) {
	g.update(func(now time.Time) { g.sched.Report(now, p, o) })
}

// Return gives back the tokens of an attempt that was let out but never sent. At most once for each pass.
func (g *Governor) Return(p Pass) {
	g.update(func(now time.Time) { g.sched.Return(now, p) })
}

// SetLimit changes a bucket's limit at once, for waiting attempts too. The bucket keeps its tokens, up to the new burst.
func (g *Governor) SetLimit(id BucketID, l Limit) {
	g.update(func(now time.Time) { g.sched.SetLimit(now, id, l) })
}

// Pause lets nothing out of a bucket before that instant; one that has come ends a pause. The bucket goes on filling.
func (g *Governor) Pause(id BucketID, until time.Time) {
	g.update(func(now time.Time) { g.sched.Pause(now, id, until) })
}

// Snapshot returns the state of every bucket, lane and tenant at one instant.
func (g *Governor) Snapshot() Snapshot {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sched.Snapshot(g.now())
}

// Learnt returns what is known by now of each bucket whose limit is unknown, and that was put to the test.
func (g *Governor) Learnt() map[BucketID]Learnt { return nil }

// update changes the scheduler and does what follows from it.
func (g *Governor) update(change func(now time.Time)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	change(now)
	g.settle(now)
}

// now reads the clock, at half of what time.Now costs. What refills or decides must read it under the lock, else times are out of order.
func (g *Governor) now() time.Time { return g.base.Add(time.Since(g.base)) }

// settle wakes those that are decided and sets the timer. It must be called under the lock, after every change.
func (g *Governor) settle(now time.Time) {
	for t := g.sched.Next(now); t != nil; t = g.sched.Next(now) {
		t.Owner.(*waiter).decided <- struct{}{}
	}
	wake, ok := g.sched.Wake()
	if !ok || wake.Equal(g.armed) {
		return // a timer that fires for nothing does no harm
	}
	g.armed = wake
	if g.timer == nil {
		g.timer = time.AfterFunc(wake.Sub(now), g.tick)
	} else {
		g.timer.Reset(wake.Sub(now))
	}
}

// tick runs when the timer fires.
func (g *Governor) tick() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.armed = time.Time{}
	g.settle(g.now())
}
