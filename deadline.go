package botorate

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// A TooLateError tells that an attempt can't leave before its deadline.
type TooLateError struct {
	Wait time.Duration // how long it would have had to wait, as far as is known now; the longest Duration if nothing says that it ever ends
}

func (e *TooLateError) Error() string {
	if e.Wait == math.MaxInt64 {
		return "too late: under the present limits it could never leave"
	}
	return fmt.Sprintf("too late: it would have had to wait %v", e.Wait.Round(time.Millisecond))
}

// tenantsAhead bounds how many other tenants' turns are counted in a prediction; the rest make it kinder than it could be.
const tenantsAhead = 16

// earliest returns a time before which t can't leave, as limits and pauses are now: when each of its buckets will have what it
// needs after the tokens of ahead, which are the lane's to take first. It is never later than t would leave if nobody
// ahead gives up: what other lanes may take before is not counted.
func (l *lane) earliest(t *Ticket, ahead *[MaxDraws]float64) instant {
	at := l.sched.now
	for i, b := range l.buckets {
		b.refill(l.sched.now)
		at = max(at, b.when(b.need(t.tokens(i))+ahead[i]))
	}
	return at
}

// rivals adds to ahead what others take before t, which its tenant's cost goes before and which starts at the virtual time start.
// How much of which bucket that is can't be told where attempts with several draws differ, and none is counted.
func (q *queue) rivals(t *Ticket, ahead *[MaxDraws]float64, cost, start float64) {
	if q.lane.mixed && len(q.lane.buckets) > 1 {
		return
	}
	cost += q.others(ahead, start)
	q.otherClass(t, ahead, cost)
}

// others adds to ahead what other tenants of the class take before an attempt that starts at the virtual time start, and returns its cost: of what
// each has waiting, at least as much as its weight gives it.
func (q *queue) others(ahead *[MaxDraws]float64, start float64) (cost float64) {
	l := q.lane
	items := l.classes[q.class].backlog.items
	for _, o := range items[:min(len(items), tenantsAhead)] {
		if o == q {
			continue
		}
		part := min(1, max(0, (start-o.tag)*o.tenant.weight/o.cost))
		for i := range l.buckets {
			ahead[i] += float64(part * o.sums[i])
		}
		cost += float64(part * o.cost)
	}
	return cost
}

// otherClass adds to ahead what the other class takes before t, before which its own takes cost. Batch goes when its part is saved up, or no interactive
// attempt waits any more; so before it those have left, or as much as saves it up. Before an interactive attempt, what is saved up is less
// than the head of batch needs, or no batch waits any more.
func (q *queue) otherClass(t *Ticket, ahead *[MaxDraws]float64, cost float64) {
	l, share := q.lane, q.lane.sched.batchShare
	c := &l.classes[1-q.class]
	if len(c.backlog.items) == 0 {
		return
	}
	takes := (float64((cost+t.cost())*(1-share)) - l.due) / share
	if q.class == Interactive {
		if l.mixed {
			return // the head of batch may need any amount
		}
		takes = math.Inf(1)
		if share < 1 {
			takes = (l.due+float64(cost*share))/(1-share) - c.backlog.top().head().cost()
		}
	}
	total, sums := c.waiting()
	part := min(1, max(0, takes/total-grain))
	for i := range l.buckets {
		ahead[i] += float64(part * sums[i])
	}
}

// waiting returns the cost and the tokens of the class, of as many tenants as are counted.
func (c *class) waiting() (cost float64, sums [MaxDraws]float64) {
	items := c.backlog.items
	for _, o := range items[:min(len(items), tenantsAhead)] {
		cost += o.cost
		for i := range sums {
			sums[i] += o.sums[i]
		}
	}
	return cost, sums
}

// tooLate returns an error if t, which is not in its queue yet, can't leave before its deadline.
func (q *queue) tooLate(t *Ticket) error {
	if t.deadline == never {
		return nil
	}
	var ahead [MaxDraws]float64
	if q.last != nil && t.since >= q.last.since { // else some of those that wait come after it
		ahead = q.sums
		q.rivals(t, &ahead, q.cost, q.start()+q.cost/q.tenant.weight)
	} else if q.slot < 0 {
		q.rivals(t, &ahead, 0, q.start())
	}
	if at := q.lane.earliest(t, &ahead); at > t.deadline {
		return tooLate(at, t)
	}
	return nil
}

func tooLate(at instant, t *Ticket) *TooLateError {
	if at == never {
		return &TooLateError{Wait: math.MaxInt64}
	}
	return &TooLateError{Wait: t.waited(at)}
}

// expire decides the tickets whose deadline is not after last, and reports whether there were any.
func (s *Scheduler) expire(last instant) (any bool) {
	for t := s.deadlines.top(); t != nil && t.deadline <= last; t = s.deadlines.top() {
		var ahead [MaxDraws]float64
		at := max(t.queue.lane.earliest(t, &ahead), s.now)
		s.dequeue(t)
		s.decide(t, late, at)
		any = true
	}
	return any
}

// shed decides the tickets that can't leave before their deadline any more, after b was made slower.
func (s *Scheduler) shed(b *bucket) {
	if b.group == nil || s.deadlines.top() == nil {
		return
	}
	for l := b.group.first; l != nil; {
		next := l.next
		if l.drawsFrom(b) {
			for i := range l.classes {
				for _, q := range slices.Clone(l.classes[i].backlog.items) {
					q.shed()
				}
			}
		}
		l = next
	}
}

// shed goes through the queue from its front, counting what is ahead, if any has a deadline.
func (q *queue) shed() {
	var none, sums [MaxDraws]float64
	for _, t := range slices.Clone(q.early.items) {
		q.shedIf(t, &none, 0)
	}
	cost := 0.0
	for _, t := range q.early.items {
		cost += q.count(t, &sums)
	}
	for t := q.first; t != nil && q.deadlines > 0; {
		next := t.next
		if !q.shedIf(t, &sums, cost) {
			cost += q.count(t, &sums)
		}
		t = next
	}
}

// count adds t's tokens to sums and returns its cost.
func (q *queue) count(t *Ticket, sums *[MaxDraws]float64) float64 {
	for i := range q.lane.buckets {
		sums[i] += t.tokens(i)
	}
	return t.cost()
}

// shedIf decides t if it can't leave before its deadline after the tenant's own tokens ahead, which cost that, and others'.
func (q *queue) shedIf(t *Ticket, own *[MaxDraws]float64, cost float64) bool {
	if t.deadline == never {
		return false
	}
	ahead := *own
	q.rivals(t, &ahead, cost, q.tag+cost/q.tenant.weight)
	at := q.lane.earliest(t, &ahead)
	if at <= t.deadline {
		return false
	}
	s := q.lane.sched
	s.dequeue(t)
	s.decide(t, late, at)
	return true
}
