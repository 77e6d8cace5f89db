package botorate

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// A partition is a [Scheduler] with a clock, a lock and one timer.
type partition struct {
	base  time.Time // when the governor was made: instant 0
	known atomic.Pointer[known]
	_     [64]byte // what is read without the lock is not in the cache line of the lock

	mu     sync.Mutex
	sched  *Scheduler
	misses int         // of known, since it was made
	timer  *time.Timer // fires at armed
	armed  time.Time   // zero when it won't
}

// What was known of a scheduler some time ago, to be looked up without its lock. It never changes; what is forgotten later is marked as gone.
type known struct {
	buckets map[BucketID]*bucket
	tenants map[string]*tenant
}

func newPartition(base time.Time, o Options) *partition {
	part := &partition{base: base, sched: NewScheduler(o)}
	part.sched.advance(base)
	part.known.Store(&known{})
	return part
}

func (part *partition) time(at instant) time.Time { return part.base.Add(time.Duration(at)) }

// pass makes the pass of a ticket that is decided.
//
//go:noinline // Wait's frame stays small
func (part *partition) pass(t *Ticket, p *Pass) error {
	if err := t.tooLate(); err != nil {
		return err
	}
	p.Draws, p.Tenant, p.Left, p.Waited, p.part = t.draws, t.queue.tenant.name, part.time(t.left), t.waited(t.left), part
	return nil
}

// now reads the clock, at half of what time.Now costs. What refills or decides must read it under the lock, else times are out of order.
func (part *partition) now() time.Time { return part.base.Add(time.Since(part.base)) }

// try lets the attempt out if it can leave at once. Most of what it costs is done before the lock is taken.
func (part *partition) try(a *Attempt, p *Pass) bool {
	var set [MaxDraws]*bucket
	tn := part.known.Load().find(a, &set)
	at, tn := part.enter(a, &set, tn)
	left := tn != nil && part.sched.try(at, a, &set, tn)
	part.mu.Unlock()
	if left {
		p.Draws, p.Tenant, p.Left, p.part = a.Draws, a.Tenant, part.time(at), part
	}
	return left
}

// enter takes the lock and reads the clock, and finds what was not known: no tenant if the draws aren't as [ErrDraws] says.
func (part *partition) enter(a *Attempt, set *[MaxDraws]*bucket, tn *tenant) (instant, *tenant) {
	part.mu.Lock()
	at := part.sched.advanceTo(instant(time.Since(part.base)))
	if tn == nil || !present(tn, set) {
		tn = part.missed(a, set)
	}
	return at, tn
}

// find looks up what the attempt needs; nil if not all is known, or not as [ErrDraws] says.
func (k *known) find(a *Attempt, set *[MaxDraws]*bucket) *tenant {
	if !wellFormed(a.Draws) {
		return nil
	}
	for i := range a.Draws {
		if set[i] = k.buckets[a.Draws[i].Bucket]; set[i] == nil {
			return nil
		}
	}
	if !distinct(set[:len(a.Draws)]) {
		return nil
	}
	return k.tenants[a.Tenant]
}

// present reports whether none was forgotten since it was found.
func present(tn *tenant, set *[MaxDraws]*bucket) bool {
	for _, b := range set {
		if b != nil && b.gone {
			return false
		}
	}
	return !tn.gone
}

// missed finds under the lock, what may make the buckets, and makes known what there is when that was missed as often as it takes to copy.
// It returns nil if the draws aren't as [ErrDraws] says.
func (part *partition) missed(a *Attempt, set *[MaxDraws]*bucket) *tenant {
	s := part.sched
	if !s.find(a.Draws, set) {
		return nil
	}
	tn := s.tenant(a.Tenant)
	if part.misses++; part.misses >= len(s.buckets)+len(s.tenants) {
		part.misses = 0
		part.known.Store(&known{maps.Clone(s.buckets), maps.Clone(s.tenants)})
	}
	return tn
}

// submit lets the attempt wait. It finds what it needs again: what is done one after the other, instead of one in the other, fits on the stack that a
// goroutine begins with.
func (part *partition) submit(t *Ticket, a *Attempt) (err error) {
	var set [MaxDraws]*bucket
	tn := part.known.Load().find(a, &set)
	at, tn := part.enter(a, &set, tn)
	if tn == nil {
		part.mu.Unlock()
		return ErrDraws
	}
	now := part.time(at)
	part.sched.fill(now, t, a)
	err = part.sched.submit(t, &set, tn, a.Class)
	part.settle(now)
	part.mu.Unlock()
	return err
}

// cancel takes back what was asked for, or what it got while the context ended.
func (part *partition) cancel(t *Ticket) {
	part.mu.Lock()
	at := part.sched.advanceTo(instant(time.Since(part.base)))
	if !part.sched.cancel(t) {
		part.giveBack(part.time(at), t)
	}
	if part.sched.wake() <= at { // else the timer is set for that, or for earlier
		part.settle(part.time(at))
	}
	part.mu.Unlock()
}

// giveBack returns what the ticket got.
func (part *partition) giveBack(now time.Time, t *Ticket) {
	<-t.Owner.(chan struct{}) // it has come: tickets are decided under the lock
	if pass, err := t.Pass(); err == nil {
		part.sched.Return(now, pass)
	}
}

// update changes the scheduler and does what follows from it.
func (part *partition) update(change func(now time.Time)) {
	part.mu.Lock()
	defer part.mu.Unlock()
	now := part.now()
	change(now)
	part.settle(now)
}

// settle wakes those that are decided and sets the timer. It must be called under the lock, after every change.
func (part *partition) settle(now time.Time) {
	for t := part.sched.Next(now); t != nil; t = part.sched.Next(now) {
		t.Owner.(chan struct{}) <- struct{}{}
	}
	wake, ok := part.sched.Wake()
	if !ok || wake.Equal(part.armed) {
		return // a timer that fires for nothing does no harm
	}
	part.armed = wake
	if part.timer == nil {
		part.timer = time.AfterFunc(wake.Sub(now), part.tick)
	} else {
		part.timer.Reset(wake.Sub(now))
	}
}

// tick runs when the timer fires.
func (part *partition) tick() {
	part.mu.Lock()
	defer part.mu.Unlock()
	part.armed = time.Time{}
	part.settle(part.now())
}

func (part *partition) snapshot() Snapshot {
	part.mu.Lock()
	defer part.mu.Unlock()
	return part.sched.Snapshot(part.now())
}
