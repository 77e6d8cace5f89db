package botorate

import (
	"context"
	"errors"
	"iter"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// ErrDraws is returned for an attempt without draws, with more than MaxDraws, or with draws of different partitions.
var ErrDraws = errors.New("an attempt has one to four draws of different buckets, each of a positive number of tokens")

// Options configure a [Governor] and a [Scheduler]. The zero value lets everything out at once.
type Options struct {
	// Limit says what a bucket lets out. It is asked when the bucket is first drawn from, and again if it was forgotten since
	// (see Forgotten). It must not block and must not call the governor. Nil means no bucket has a limit until [Governor.SetLimit].
	Limit func(BucketID) Limit
	// Weight says how many turns a tenant gets beside others that wait for the same buckets. It is asked when the tenant
	// is first seen, or was forgotten, under the same conditions. Nil means 1 for each; what isn't a positive number counts as 1.
	Weight func(tenant string) float64
	// BatchShare is the part that batch attempts get of what a lane lets out while interactive ones wait too, by cost (an attempt's largest draw). It is
	// kept to within one attempt of each class. Zero, or what is no positive number, means 0.1; more than 1 counts as 1, and then batch goes first.
	BatchShare float64
	// Partition says which buckets can be drawn from together: those of the same partition. Attempts of different partitions never wait for
	// each other's lock; a tenant has its turns in each. A partition costs about 1 KB for ever. Nil means one partition for all. It must be
	// pure and quick, and a [Scheduler] does not look at it: that is one partition.
	Partition func(BucketID) string
	// Learnt says what an earlier governor learnt of a bucket whose limit is unknown; ok is false if nothing. It is asked when Limit is,
	// under the same conditions. Nil means nothing was learnt.
	Learnt func(BucketID) (l Learnt, ok bool)
}

// A Governor decides when each attempt leaves: a [Scheduler] for each partition, with a clock, a lock, one timer and the goroutines that wait.
// It is safe for concurrent use.
//
// Its clock is monotonic: it stands still while the machine sleeps, and then no tokens are added.
type Governor struct {
	options Options
	base    time.Time // when it was made
	tickets sync.Pool // of *Ticket, with a channel each

	single *partition // if Options.Partition is nil
	mu     sync.Mutex // for writing parts
	parts  atomic.Pointer[map[string]*partition]
}

// New returns a governor. It runs no goroutine and needs no closing.
func New(o Options) *Governor {
	g := &Governor{options: o, base: time.Now()}
	if o.Partition == nil {
		g.single = newPartition(g.base, o)
	}
	g.parts.Store(&map[string]*partition{})
	return g
}

// Wait returns when the attempt may leave. The error is ctx's when that ends first, or a *[TooLateError] as soon as it is
// known that the attempt can't leave before its deadline; nothing is spent then. It is [ErrDraws] for an attempt that is malformed.
func (g *Governor) Wait(ctx context.Context, a Attempt) (p Pass, err error) {
	if err = ctx.Err(); err != nil {
		return p, err
	}
	part := g.single
	if part == nil {
		if part = g.common(a.Draws); part == nil {
			return p, ErrDraws
		}
	}
	if !a.Since.IsZero() || !a.Deadline.IsZero() {
		g.translate(&a)
	}
	if part.try(&a, &p) {
		return p, nil
	}
	t := g.ticket()
	if err = part.submit(t, &a); err == nil {
		if !await(t.Owner.(chan struct{}), ctx.Done()) {
			part.cancel(t) // and leave it to the collector: when many give up, keeping their tickets costs more than new ones
			return p, ctx.Err()
		}
		err = part.pass(t, &p)
	}
	g.release(t)
	return p, err
}

// await waits for one or the other, and reports whether it was decided. Submitting, waiting, and what comes then are done one after the other,
// instead of one in the other, and the frames between are small: so the stack that a goroutine begins with is enough for one who waits.
//
//go:noinline // its frame would be Wait's
func await(decided, done <-chan struct{}) bool {
	select {
	case <-decided:
		return true
	case <-done:
		return false
	}
}

// common returns the partition of all the draws; nil if there is none.
func (g *Governor) common(draws []Draw) *partition {
	if !wellFormed(draws) {
		return nil
	}
	part := g.partition(draws[0].Bucket)
	for i := range draws[1:] {
		if g.partition(draws[1+i].Bucket) != part {
			return nil
		}
	}
	return part
}

// partition returns the bucket's partition, which may be new.
func (g *Governor) partition(id BucketID) *partition {
	if g.single != nil {
		return g.single
	}
	name := g.options.Partition(id)
	if part := (*g.parts.Load())[name]; part != nil {
		return part
	}
	return g.newPartition(name)
}

func (g *Governor) newPartition(name string) *partition {
	g.mu.Lock()
	defer g.mu.Unlock()
	parts := *g.parts.Load()
	if part := parts[name]; part != nil {
		return part
	}
	parts = maps.Clone(parts)
	parts[name] = newPartition(g.base, g.options)
	g.parts.Store(&parts)
	return parts[name]
}

// all returns the partitions that there are.
func (g *Governor) all() iter.Seq[*partition] {
	if g.single != nil {
		return func(yield func(*partition) bool) { yield(g.single) }
	}
	return maps.Values(*g.parts.Load())
}

// translate puts an attempt's times, which may have been read from a message, on the governor's clock: each is as far from its now as it
// is from the real one.
func (g *Governor) translate(a *Attempt) {
	now := g.base.Add(time.Since(g.base))
	if !a.Since.IsZero() {
		a.Since = now.Add(time.Until(a.Since))
	}
	if !a.Deadline.IsZero() {
		a.Deadline = now.Add(time.Until(a.Deadline))
	}
}

// ticket returns one that isn't used. Its owner is a channel that gets one value when it is decided, and has room for it.
func (g *Governor) ticket() *Ticket {
	if t, ok := g.tickets.Get().(*Ticket); ok {
		return t
	}
	return &Ticket{Owner: make(chan struct{}, 1)}
}

//go:noinline // Wait's frame stays small
func (g *Governor) release(t *Ticket) {
	*t = Ticket{Owner: t.Owner} // keeps nothing alive
	g.tickets.Put(t)
}

// Report tells what became of an attempt that left.
func (g *Governor) Report(p Pass, o Outcome) {
	if o.Kind == OK {
		return // nothing that a later throttle doesn't tell better
	}
	if part := g.of(&p); part != nil {
		part.update(func(now time.Time) { part.sched.Report(now, p, o) })
	}
}

// Return gives back the tokens of an attempt that was let out but never sent. At most once for each pass.
func (g *Governor) Return(p Pass) {
	if part := g.of(&p); part != nil {
		part.update(func(now time.Time) { part.sched.Return(now, p) })
	}
}

// of returns the partition that a pass is of; nil if it has no draws.
func (g *Governor) of(p *Pass) *partition {
	if p.part == nil && len(p.Draws) > 0 {
		return g.partition(p.Draws[0].Bucket)
	}
	return p.part
}

// SetLimit changes a bucket's limit at once, for waiting attempts too. The bucket keeps its tokens, up to the new burst.
func (g *Governor) SetLimit(id BucketID, l Limit) {
	part := g.partition(id)
	part.update(func(now time.Time) { part.sched.SetLimit(now, id, l) })
}

// Pause lets nothing out of a bucket before that instant; one that has come ends a pause. The bucket goes on filling.
func (g *Governor) Pause(id BucketID, until time.Time) {
	part := g.partition(id)
	part.update(func(now time.Time) { part.sched.Pause(now, id, until) })
}

// Snapshot returns the state of every bucket, lane and tenant: of one partition at one instant, of several one after the other.
func (g *Governor) Snapshot() (s Snapshot) {
	for part := range g.all() {
		s.add(part.snapshot())
	}
	s.sort()
	return s
}

// Learnt returns what is known by now of each bucket whose limit is unknown, and that was put to the test.
// It may be called at any time.
func (g *Governor) Learnt() map[BucketID]Learnt {
	all := make(map[BucketID]Learnt)
	for part := range g.all() {
		part.learnt(all)
	}
	return all
}
