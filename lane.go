package botorate

import "slices"

// batchShare is Options.BatchShare if that is zero: batch is slowed, and never starved.
const batchShare = 0.1

// A lane holds the tickets that wait for the same set of buckets. Inside it two classes; in a class start-time fair queueing
// over tenants (Goyal, Vin and Cheng, SIGCOMM 1996): each tenant's queue carries the virtual time at which its next attempt
// starts, the least goes first and moves on by cost/weight. Between two tenants that both wait, the tokens taken, divided by
// weight, differ by at most the largest cost. Nothing is charged to an attempt that doesn't leave.
type lane struct {
	sched   *Scheduler
	buckets []*bucket // by serial
	classes [2]class  // by Class
	waiting int
	due     float64 // cost that batch may take before interactive, saved up while both waited: never more than its head's and a part of one interactive attempt's

	// The tokens of the first ticket since the lane was last empty, and whether another one has differed.
	unit  [MaxDraws]float64
	mixed bool

	// While tickets wait: the group, and the lane's place in it by turn.
	group      *group
	next, prev *lane
	turn       uint64
}

// A class is the part of a lane's tickets that have one [Class].
type class struct {
	queues  map[*tenant]*queue
	backlog heap[*queue, byTag] // the queues that aren't empty
	virtual float64             // the start of the attempt that left last
}

// A queue is one tenant's tickets in one class of one lane. Almost all come in the order of their since and are kept in a
// list; one with an older since (an absorbed retry) is early, before or among those.
type queue struct {
	lane   *lane
	tenant *tenant
	class  Class

	tag  float64 // when the next attempt starts, in virtual time
	turn uint64  // breaks ties: when the queue was last served or became busy
	slot int32

	first, last *Ticket
	early       heap[*Ticket, bySince]
	deadlines   int               // tickets that have one
	cost        float64           // of all tickets
	sums        [MaxDraws]float64 // their tokens, by the lane's buckets
}

type byTag struct{}

func (byTag) slot(q *queue) *int32 { return &q.slot }

func (byTag) before(a, b *queue) bool {
	if a.tag != b.tag {
		return a.tag < b.tag
	}
	return a.turn < b.turn
}

type bySince struct{}

func (bySince) slot(t *Ticket) *int32 { return &t.early }

func (bySince) before(a, b *Ticket) bool {
	if a.since != b.since {
		return a.since < b.since
	}
	return int32(a.seq-b.seq) < 0 //nolint:gosec // meant to wrap: only close numbers are compared
}

// head returns the ticket whose turn it is. It stays the same until a ticket comes, leaves or is cancelled.
func (l *lane) head() *Ticket {
	batch, interactive := l.classes[Batch].backlog.top(), l.classes[Interactive].backlog.top()
	switch {
	case interactive == nil && batch == nil:
		return nil
	case interactive == nil:
		return batch.head()
	case batch == nil:
		return interactive.head()
	}
	// What both take while both wait is shared: batch goes first when it has saved up what its head costs, but for its share of that itself.
	if t := batch.head(); l.due >= float64(t.cost()*(1-l.sched.batchShare))-grain {
		return t
	}
	return interactive.head()
}

// queue returns the tenant's queue, which may be new.
func (l *lane) queue(tn *tenant, cl Class) *queue {
	if cl != Interactive {
		cl = Batch
	}
	if q := l.classes[cl].queues[tn]; q != nil {
		return q
	}
	return l.newQueue(tn, cl)
}

func (l *lane) newQueue(tn *tenant, cl Class) *queue {
	c := &l.classes[cl]
	c.tidy()
	if c.queues == nil {
		c.queues = make(map[*tenant]*queue)
	}
	q := &queue{lane: l, tenant: tn, class: cl, slot: -1}
	c.queues[tn] = q
	return q
}

// tidy forgets empty queues whose tenants have no turn to make up for, once they are the most.
func (c *class) tidy() {
	if len(c.queues) <= 2*len(c.backlog.items)+16 {
		return
	}
	for tn, q := range c.queues {
		if q.slot < 0 && q.tag <= c.virtual {
			delete(c.queues, tn)
		}
	}
}

// rest forgets whose turn it was, when nobody waits any more.
func (l *lane) rest() {
	l.due, l.mixed = 0, false
	for i := range l.classes {
		c := &l.classes[i]
		c.virtual = 0
		if len(c.queues) > 16 {
			clear(c.queues)
		}
		for _, q := range c.queues {
			q.tag = 0
		}
	}
}

// start returns the virtual time at which the queue's next attempt starts.
func (q *queue) start() float64 {
	if q.slot < 0 {
		return max(q.tag, q.lane.classes[q.class].virtual)
	}
	return q.tag
}

func (q *queue) head() *Ticket {
	early := q.early.top()
	if early == nil || q.first != nil && (bySince{}).before(q.first, early) {
		return q.first
	}
	return early
}

// add puts the ticket in its place.
func (q *queue) add(t *Ticket) {
	l := q.lane
	switch {
	case q.last == nil:
		q.first, q.last = t, t
	case t.since >= q.last.since:
		t.prev, q.last.next, q.last = q.last, t, t
	default:
		q.early.push(t)
	}
	if l.waiting == 0 {
		for i := range l.buckets {
			l.unit[i] = t.tokens(i)
		}
	}
	for i := range l.buckets {
		n := t.tokens(i)
		q.sums[i] += n
		l.mixed = l.mixed || n != l.unit[i]
	}
	if t.deadline != never {
		q.deadlines++
	}
	q.cost += t.cost()
	l.waiting++
	q.tenant.waiting++
	if q.slot < 0 {
		q.tag = q.start()
		q.turn = l.sched.nextTurn()
		l.classes[q.class].backlog.push(q)
	}
}

// remove takes the ticket out. The queue's turn is as if it had never come.
func (q *queue) remove(t *Ticket) {
	l := q.lane
	if t.early >= 0 {
		q.early.remove(t)
	} else {
		q.unlink(t)
	}
	for i := range l.buckets {
		q.sums[i] -= t.tokens(i)
	}
	if t.deadline != never {
		q.deadlines--
	}
	q.cost -= t.cost()
	l.waiting--
	q.tenant.waiting--
	if q.first == nil && len(q.early.items) == 0 {
		q.cost, q.sums = 0, [MaxDraws]float64{} // no rounding is carried on
		l.classes[q.class].backlog.remove(q)
	}
	if len(l.classes[Batch].backlog.items) == 0 || len(l.classes[Interactive].backlog.items) == 0 {
		l.due = 0 // nothing is saved up for later
	}
}

func (q *queue) unlink(t *Ticket) {
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		q.first = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	} else {
		q.last = t.prev
	}
	t.next, t.prev = nil, nil
}

// serve removes the head, which leaves, and charges it to the tenant and to the class.
func (q *queue) serve(t *Ticket) {
	l, c := q.lane, &q.lane.classes[q.class]
	if share := l.sched.batchShare; q.class == Interactive {
		l.due += float64(t.cost() * share)
	} else {
		l.due = max(0, l.due-float64(t.cost()*(1-share)))
	}
	c.virtual = q.tag
	q.tag += t.cost() / q.tenant.weight
	q.turn = l.sched.nextTurn()
	q.remove(t)
	if q.slot >= 0 {
		c.backlog.fix(q)
	}
}

// drawsFrom reports whether the lane's tickets take tokens from b.
func (l *lane) drawsFrom(b *bucket) bool { return slices.Contains(l.buckets, b) }
