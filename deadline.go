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
// ahead gives up: what other lanes and the other class may take before is not counted.
func (l *lane) earliest(t *Ticket, ahead *[MaxDraws]float64) instant {
	at := l.sched.now
	for i, b := range l.buckets {
		b.refill(l.sched.now)
		at = max(at, b.when(b.need(t.tokens(i))+ahead[i]))
	}
	return at
}

// others adds to ahead what other tenants take before an attempt that starts at the virtual time start: of the cost that each has waiting,
// at least as much as its weight gives it. How much of which bucket that is can't be told where attempts with several draws
// differ, and none is counted.
func (q *queue) others(ahead *[MaxDraws]float64, start float64) {
	l := q.lane
	if l.mixed && len(l.buckets) > 1 {
		return
	}
	items := l.classes[q.class].backlog.items
	for _, o := range items[:min(len(items), tenantsAhead)] {
		if o == q {
			continue
		}
		part := min(1, max(0, (start-o.tag)*o.tenant.weight/o.cost))
		for i := range l.buckets {
			ahead[i] += part * o.sums[i]
		}
	}
}

// tooLate returns an error if t, which is not in its queue yet, can't leave before its deadline.
func (q *queue) tooLate(t *Ticket) error {
	if t.deadline == never {
		return nil
	}
	var ahead [MaxDraws]float64
	if q.last != nil && t.since >= q.last.since { // else some of those that wait come after it
		ahead = q.sums
		q.others(&ahead, q.start()+q.cost/q.tenant.weight)
	} else if q.slot < 0 {
		q.others(&ahead, q.start())
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
	if b.group == nil {
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

// shed goes through the queue from its front, counting what is ahead.
func (q *queue) shed() {
	var none, sums [MaxDraws]float64
	for _, t := range slices.Clone(q.early.items) {
		q.shedIf(t, &none, q.tag)
	}
	cost := 0.0
	for _, t := range q.early.items {
		cost += q.count(t, &sums)
	}
	for t := q.first; t != nil; {
		next := t.next
		if !q.shedIf(t, &sums, q.tag+cost/q.tenant.weight) {
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

// shedIf decides t if it can't leave before its deadline after the tenant's own tokens ahead, and others' until start.
func (q *queue) shedIf(t *Ticket, own *[MaxDraws]float64, start float64) bool {
	if t.deadline == never {
		return false
	}
	ahead := *own
	q.others(&ahead, start)
	at := q.lane.earliest(t, &ahead)
	if at <= t.deadline {
		return false
	}
	s := q.lane.sched
	s.dequeue(t)
	s.decide(t, late, at)
	return true
}
