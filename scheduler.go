package botorate

import (
	"math"
	"slices"
	"time"
)

// A Scheduler decides which attempts leave when. It is pure: it has no clock, no goroutine and no lock, so that the same code
// serves a [Governor], a callback-driven middleware and a simulation in virtual time. Time is what its caller says; a time before
// one that it was told already counts as that one. It is not safe for concurrent use.
//
// After every call that changes something, and when the time of [Scheduler.Wake] has come, call [Scheduler.Next] until it returns nil:
//
//	if err := s.Submit(now, &call.ticket, attempt); err != nil {
//		return err // never queued
//	}
//	for t := s.Next(now); t != nil; t = s.Next(now) {
//		t.Owner.(*call).decided(t.Pass())
//	}
//	wake, ok := s.Wake() // look again then, or after the next change
//
// What it promises:
//   - In any window a bucket lets out at most burst + rate × (elapsed + 2 ms) tokens, and it isn't drawn below its floor.
//     One exception: an attempt that wants more than burst − floor leaves when the bucket is full and leaves it in debt.
//     Where Next is called later than Wake said, and attempts wait for it, it is at most 1 + rate × (elapsed + 100 ms) if that is more: what they
//     would have taken in time is made up for. A bucket whose burst is a tenth of a second's rate has no need of that.
//   - An attempt takes all its draws or none.
//   - A tenant's attempts of one class that draw from the same buckets leave in the order of Since; tenants that wait for the same
//     buckets get tokens in proportion to their weights; of what a lane's classes take while both wait, batch gets BatchShare, but for one attempt.
//   - Lanes that share a bucket take turns. A lane whose head can't leave yet keeps its turn: others go ahead only if that makes it no
//     later. So each lane's head leaves after at most one attempt of each other lane, or those that don't matter to it.
//   - An attempt that could leave without making an earlier one later does leave.
type Scheduler struct {
	options    Options
	batchShare float64   // in range
	base       time.Time // instant 0: the first time it was told
	told       bool
	now        instant

	buckets       map[BucketID]*bucket
	forgotten     map[BucketID]forgotten
	folded        Forgotten // what else was forgotten
	tidiedTenants instant   // when there were last too many
	tidied        instant   // when idle buckets were last looked for
	lanes         map[[MaxDraws]*bucket]*lane
	tenants       map[string]*tenant
	recent        *tenant // that was looked up last

	groups    heap[*group, byWake]
	deadlines heap[*Ticket, byDeadline]

	firstDecided, lastDecided *Ticket

	lag    Lag
	serial uint32 // of the newest bucket
	seq    uint32 // of the newest ticket
	turns  uint64
	passes uint64
}

// A tenant is what is known of one tenant.
type tenant struct {
	name    string
	weight  float64
	used    instant // last looked up
	waiting int
	left    uint64
	held    time.Duration
	gone    bool // forgotten: another one has its name
}

// NewScheduler returns a scheduler without buckets.
func NewScheduler(o Options) *Scheduler {
	s := &Scheduler{
		options:    o,
		batchShare: batchShare,
		buckets:    make(map[BucketID]*bucket),
		forgotten:  make(map[BucketID]forgotten),
		lanes:      make(map[[MaxDraws]*bucket]*lane),
		tenants:    make(map[string]*tenant),
	}
	if o.BatchShare > 0 {
		s.batchShare = min(o.BatchShare, 1)
	}
	return s
}

// Try lets the attempt out if it can leave at once and nobody waits for any of its buckets. Else nothing changes:
// [Scheduler.Submit] it to wait, or to learn why it never can.
func (s *Scheduler) Try(now time.Time, a Attempt) (p Pass, ok bool) {
	at := s.advance(now)
	var set [MaxDraws]*bucket
	if !s.find(a.Draws, &set) || !s.try(at, &a, &set, s.tenant(a.Tenant)) {
		return p, false
	}
	return Pass{Draws: a.Draws, Tenant: a.Tenant, Left: s.time(at)}, true
}

// try is Try for an attempt whose buckets and tenant are found.
func (s *Scheduler) try(at instant, a *Attempt, set *[MaxDraws]*bucket, tn *tenant) bool {
	if !a.Deadline.IsZero() && a.Deadline.Before(s.time(at)) {
		return false
	}
	for i := range a.Draws {
		b := set[i]
		b.used = at
		b.refill(at)
		if b.waiting > 0 || b.paused > at || !b.limit.unlimited() && !b.has(b.need(a.Draws[i].Tokens)) {
			return false
		}
	}
	for i := range a.Draws {
		set[i].take(a.Draws[i].Tokens)
	}
	tn.left++
	tn.used = at
	return true
}

// Submit puts an attempt in its lane; [Scheduler.Next] returns t once it is decided. The error is [ErrDraws], or a
// *[TooLateError] if the attempt can't leave before its deadline as things are; t is not queued then.
// Submitting a ticket that waits is a mistake of the caller's, and panics.
func (s *Scheduler) Submit(now time.Time, t *Ticket, a Attempt) error {
	if t.state == waiting {
		panic("botorate: submit a ticket that waits")
	}
	s.advance(now)
	var set [MaxDraws]*bucket
	if !s.find(a.Draws, &set) {
		return ErrDraws
	}
	s.fill(now, t, &a)
	return s.submit(t, &set, s.tenant(a.Tenant), a.Class)
}

// submit is Submit for a ticket that is filled, whose buckets and tenant are found.
func (s *Scheduler) submit(t *Ticket, set *[MaxDraws]*bucket, tn *tenant, cl Class) error {
	s.place(t, set, tn, cl)
	if err := t.queue.tooLate(t); err != nil {
		return err
	}
	s.enqueue(t)
	return nil
}

// fill makes the ticket the attempt's.
func (s *Scheduler) fill(now time.Time, t *Ticket, a *Attempt) {
	s.seq++
	t.draws, t.state, t.seq, t.place, t.early = a.Draws, idle, s.seq, -1, -1
	t.submitted, t.since, t.deadline = s.now, s.now, never
	if !a.Since.IsZero() {
		t.since = min(s.now, s.relative(now, a.Since))
	}
	if !a.Deadline.IsZero() {
		t.deadline = s.relative(now, a.Deadline)
	}
}

// place finds the ticket's queue.
func (s *Scheduler) place(t *Ticket, set *[MaxDraws]*bucket, tn *tenant, cl Class) {
	t.order = sortDraws(set, len(t.draws))
	t.queue = s.lane(set, len(t.draws)).queue(tn, cl)
}

// Next returns the next ticket that is decided at now, or nil: it was let out, or it can't leave before its deadline.
func (s *Scheduler) Next(now time.Time) *Ticket {
	s.advance(now)
	if s.firstDecided == nil {
		s.expire(s.now - 1)
		s.dispatchDue()
		if s.expire(s.now) {
			s.dispatchDue()
		}
	}
	t := s.firstDecided
	if t == nil {
		return nil
	}
	s.firstDecided, t.next = t.next, nil
	return t
}

// Wake returns when Next may have something to return if nothing changes before; ok is false if never.
func (s *Scheduler) Wake() (wake time.Time, ok bool) {
	at := s.wake()
	if at == never {
		return time.Time{}, false
	}
	return s.time(at), true
}

// wake is Wake: never if there is nothing to wait for.
func (s *Scheduler) wake() instant {
	if s.firstDecided != nil {
		return s.now
	}
	at := never
	if g := s.groups.top(); g != nil {
		at = g.wake
	}
	if t := s.deadlines.top(); t != nil {
		at = min(at, t.deadline)
	}
	return max(at, s.now)
}

// Cancel takes a waiting ticket out, as if it had never come, and reports whether it did. It is false
// for a ticket that is decided already; if that was let out, its pass must be used or returned.
func (s *Scheduler) Cancel(now time.Time, t *Ticket) bool {
	s.advance(now)
	return s.cancel(t)
}

// cancel is Cancel now.
func (s *Scheduler) cancel(t *Ticket) bool {
	if t.state != waiting {
		return false
	}
	s.dequeue(t)
	t.state = idle
	return true
}

// Return gives back the tokens of an attempt that was let out but never sent. At most once for each pass.
func (s *Scheduler) Return(now time.Time, p Pass) {
	at := s.advance(now)
	left := s.instant(p.Left)
	for _, d := range p.Draws {
		b := s.bucket(d.Bucket)
		b.refill(at)
		b.giveBack(d.Tokens, left)
		s.look(b.group)
	}
	if tn := s.tenant(p.Tenant); tn.left > 0 { // else it was forgotten meanwhile
		tn.left--
	}
}

// Report tells what became of an attempt that left. A throttle means that one of its buckets was empty: it is paused for a second
// (or what the service asked for, up to 30 s), and what is believed of it changes; see [Limit], and [Outcome] for what is not learnt from.
func (s *Scheduler) Report(now time.Time, p Pass, o Outcome) {
	at := s.advance(now)
	switch o.Kind {
	case Throttled:
		s.throttled(&p, o)
	case Failed:
		for _, d := range p.Draws {
			b := s.bucket(d.Bucket)
			b.refill(at)
			b.unspent(d.Tokens, s.instant(p.Left))
		}
	case OK: // nothing that a later throttle doesn't tell better
	}
}

// SetLimit changes a bucket's limit at once, for waiting attempts too. The bucket keeps its tokens, up to the new burst.
func (s *Scheduler) SetLimit(now time.Time, id BucketID, l Limit) {
	at := s.advance(now)
	b := s.buckets[id]
	if b == nil {
		s.open(id, l)
		return
	}
	b.used = at
	b.refill(at)
	if b.setLimit(l) {
		s.shed(b)
	}
	s.look(b.group)
}

// Pause lets nothing out of a bucket before until; a time that has come ends a pause. The bucket goes on filling.
func (s *Scheduler) Pause(now time.Time, id BucketID, until time.Time) {
	at := s.advance(now)
	b := s.bucket(id)
	b.refill(at)
	b.paused = s.relative(now, until)
	s.shed(b)
	s.look(b.group)
}

// advance notes the time, which never goes back.
func (s *Scheduler) advance(now time.Time) instant {
	if !s.told {
		s.told, s.base = true, now
	}
	return s.advanceTo(s.instant(now))
}

func (s *Scheduler) advanceTo(at instant) instant {
	s.now = max(s.now, at)
	return s.now
}

func (s *Scheduler) time(i instant) time.Time { return s.base.Add(time.Duration(i)) }

func (s *Scheduler) instant(t time.Time) instant { return instant(t.Sub(s.base)) }

// relative is instant for a time that may come from elsewhere, with another or no monotonic reading: it is as far from now as it says.
func (s *Scheduler) relative(now, t time.Time) instant { return s.instant(now).add(t.Sub(now)) }

func (s *Scheduler) nextTurn() uint64 {
	s.turns++
	return s.turns
}

// find looks up the buckets of the draws, and reports whether these are as [ErrDraws] says.
func (s *Scheduler) find(draws []Draw, set *[MaxDraws]*bucket) bool {
	if !wellFormed(draws) {
		return false
	}
	for i := range draws {
		set[i] = s.bucket(draws[i].Bucket)
	}
	return distinct(set[:len(draws)])
}

// wellFormed reports whether there are as many draws as there may be, of amounts that there are.
func wellFormed(draws []Draw) bool {
	for i := range draws {
		if n := draws[i].Tokens; !(n > 0 && n <= math.MaxFloat64) {
			return false
		}
	}
	return len(draws) > 0 && len(draws) <= MaxDraws
}

func distinct(set []*bucket) bool {
	for i := 1; i < len(set); i++ {
		if slices.Contains(set[:i], set[i]) {
			return false
		}
	}
	return true
}

// bucket returns the bucket, which may be new.
func (s *Scheduler) bucket(id BucketID) *bucket {
	if b := s.buckets[id]; b != nil {
		b.used = s.now
		return b
	}
	return s.newBucket(id)
}

func (s *Scheduler) newBucket(id BucketID) *bucket {
	if f, ok := s.forgotten[id]; ok {
		return s.open(id, f.limit)
	}
	if s.options.Limit == nil {
		return s.open(id, Limit{Rate: math.Inf(1)})
	}
	return s.open(id, s.options.Limit(id))
}

// open makes a bucket, full; it may be one that was forgotten.
func (s *Scheduler) open(id BucketID, l Limit) *bucket {
	s.tidy()
	s.serial++
	b := &bucket{id: id, serial: s.serial, at: s.now, used: s.now, pace: pace{anchor: -1}, tally: s.forgotten[id].tally}
	b.set(l)
	b.level = b.limit.Burst
	s.adapt(b)
	delete(s.forgotten, id)
	s.buckets[id] = b
	return b
}

// adapt begins to observe a bucket, if that is called for.
func (s *Scheduler) adapt(b *bucket) {
	if !b.limit.adapts() {
		return
	}
	b.pace.belief = believe(b.limit, s.now)
	if b.limit.Unknown && s.options.Learnt != nil {
		if l, ok := s.options.Learnt(b.id); ok {
			b.pace.belief.recall(l, s.now, s.time(s.now))
		}
	}
}

// tenant returns the tenant, which may be new.
func (s *Scheduler) tenant(name string) *tenant {
	tn := s.recent
	if tn == nil || tn.name != name {
		if tn = s.tenants[name]; tn == nil {
			tn = s.newTenant(name)
		}
		s.recent = tn
	}
	tn.used = s.now
	return tn
}

func (s *Scheduler) newTenant(name string) *tenant {
	if len(s.tenants) >= rememberMost && s.now-s.tidiedTenants >= instant(forgetAfter)/10 {
		s.tidiedTenants = s.now
		s.foldTenants()
	}
	tn := &tenant{name: name, weight: 1}
	if s.options.Weight != nil {
		if w := s.options.Weight(name); w > 0 && w <= math.MaxFloat64 {
			tn.weight = w
		}
	}
	s.tenants[name] = tn
	return tn
}

// sortDraws puts the first n buckets in the lane's order and returns which draw belongs to which, two bits each.
func sortDraws(set *[MaxDraws]*bucket, n int) (order uint8) {
	index := [MaxDraws]uint8{0, 1, 2, 3}
	for i := 1; i < n; i++ {
		for j := i; j > 0 && set[j].serial < set[j-1].serial; j-- {
			set[j], set[j-1] = set[j-1], set[j]
			index[j], index[j-1] = index[j-1], index[j]
		}
	}
	for place, i := range index[:n] {
		order |= i << (2 * place)
	}
	return order
}

// lane returns the lane of the first n buckets of set, which may be new.
func (s *Scheduler) lane(set *[MaxDraws]*bucket, n int) *lane {
	if l := s.lanes[*set]; l != nil {
		return l
	}
	return s.newLane(set, n)
}

//go:noinline // lane's frame stays small
func (s *Scheduler) newLane(set *[MaxDraws]*bucket, n int) *lane {
	l := &lane{sched: s, buckets: slices.Clone(set[:n])}
	s.lanes[*set] = l
	for _, b := range l.buckets {
		b.lanes = append(b.lanes, l)
	}
	return l
}

// enqueue lets the ticket wait.
func (s *Scheduler) enqueue(t *Ticket) {
	l := t.queue.lane
	for _, b := range l.buckets {
		b.refill(s.now)
		b.waiting++
	}
	head := l.head()
	t.queue.add(t)
	t.state = waiting
	if t.deadline != never {
		s.deadlines.push(t)
	}
	switch {
	case l.group == nil:
		s.join(l)
	case l.head() != head:
		s.look(l.group)
	}
}

// dequeue takes a waiting ticket out of its lane.
func (s *Scheduler) dequeue(t *Ticket) {
	l := t.queue.lane
	head := l.head()
	t.queue.remove(t)
	if l.head() != head { // which may not have been t: the other class may have been waiting for t to be cheap enough
		s.look(l.group)
	}
	s.dropped(t)
}

// dropped does what remains to be done when a ticket has left its queue.
func (s *Scheduler) dropped(t *Ticket) {
	l, tn := t.queue.lane, t.queue.tenant
	tn.held += t.waited(s.now)
	tn.used = s.now
	if t.place >= 0 {
		s.deadlines.remove(t)
	}
	for _, b := range l.buckets {
		b.refill(s.now)
		b.used = s.now
		b.waiting--
	}
	if l.waiting == 0 {
		s.part(l)
		l.rest()
	}
}
