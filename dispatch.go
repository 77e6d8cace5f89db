package botorate

import (
	"math"
	"time"
)

// dispatchDue lets out whatever can leave now.
func (s *Scheduler) dispatchDue() {
	for g := s.groups.top(); g != nil && g.wake <= s.now; g = s.groups.top() {
		if g.loose {
			g.loose = false
			if g.size > 1 {
				s.regroup(g)
				continue
			}
		}
		s.lag.note(time.Duration(s.now - g.wake))
		s.dispatch(g)
	}
}

// dispatch goes through the group's lanes in turn and lets out the heads that can leave; a lane that was served goes to the back.
//
// A head that can't leave yet reserves. It is planned to leave at the first instant at which each of its buckets will have what it
// needs, besides what earlier heads have reserved there; that is never later than if all left strictly in turn. What a
// bucket will have above that is spare: a later head may leave now if it takes no more. (Were a bucket not full at its burst,
// it would have level + rate × time; the burst makes that less whoever leaves now, so that a head that takes what is spare
// changes no plan.) The first in turn has nobody before it, so it leaves in bounded time and every lane becomes first.
func (s *Scheduler) dispatch(g *group) {
	s.passes++
	wake := never // g.wake says until the end since when this is due
	for l := g.first; l != nil; {
		next := l.next
		if ready := s.ready(l); ready > s.now {
			wake = min(wake, ready)
			if g.spent(l) {
				break
			}
			l = next
			continue
		}
		s.grant(l)
		if l.group != nil && g.last != l {
			g.unlink(l)
			g.insert(l, g.last)
		}
		if next == nil && l.group != nil {
			next = l
		}
		l = next
	}
	g.wake = wake
	if g.size > 0 {
		s.groups.fix(g)
	}
}

// ready returns when the lane's head can leave without making an earlier one later: never if only one of those can change that.
// If not now, the head reserves.
func (s *Scheduler) ready(l *lane) instant {
	t, ready, plan, fits := l.head(), s.now, s.now, true
	for i, b := range l.buckets {
		b.refill(s.now)
		b.enter(s.passes)
		n := t.tokens(i)
		ready = max(ready, b.when(b.need(n)))
		plan = max(plan, b.slot(n))
		fits = fits && n <= b.spare+float64(grain*(1+n))
	}
	if fits && ready <= s.now {
		return ready
	}
	if plan != never { // else it waits for another limit, and holds nobody up meanwhile
		for i, b := range l.buckets {
			b.reserve(t.tokens(i), plan)
		}
	}
	if !fits {
		return never
	}
	return ready
}

// spent reports whether nobody behind l can leave now, since nothing is spare in a bucket that all need. Then a pass is as long as what it lets
// out, however many lanes share the bucket. (What it refills in 2 ns is rounding: plans are in whole nanoseconds.)
func (g *group) spent(l *lane) bool {
	for _, b := range l.buckets {
		if b.active == g.size && b.spare <= float64(b.rate()*2e-9)+grain {
			return true
		}
	}
	return false
}

// enter makes the bucket's fields for a pass ready.
func (b *bucket) enter(pass uint64) {
	if b.pass != pass {
		b.pass, b.reserved, b.spare = pass, 0, math.Inf(1)
		b.restAt, b.rest = b.at, b.level
	}
}

// slot returns when the bucket will have what n tokens need besides what is reserved. If it can't hold that
// much at once, that is after the last of the reserved has left.
func (b *bucket) slot(n float64) instant {
	if want := b.need(n) + b.reserved; want <= b.full || b.limit.unlimited() {
		return b.when(want)
	}
	at := b.restAt
	if need := b.need(n); b.rest < need {
		at = at.after((need - b.rest) / b.rate())
	}
	return max(at, b.paused)
}

// reserve keeps n tokens for a head that is planned to leave at plan.
func (b *bucket) reserve(n float64, plan instant) {
	if b.limit.unlimited() {
		return
	}
	b.spare = min(b.spare, b.level+float64(b.rate()*plan.seconds(b.at))-b.reserved-b.need(n))
	b.reserved += n
	if plan > b.restAt {
		b.rest = min(b.rest+float64(b.rate()*plan.seconds(b.restAt)), b.full)
		b.restAt = plan
	}
	b.rest -= n
}

// grant lets the lane's head out.
func (s *Scheduler) grant(l *lane) {
	t := l.head()
	for i, b := range l.buckets {
		n := t.tokens(i)
		b.take(n)
		b.spare -= n
		b.rest -= n
	}
	l.turn = s.nextTurn()
	t.queue.serve(t)
	t.queue.tenant.left++
	s.dropped(t)
	s.decide(t, decided, s.now)
}

// decide hands a ticket, which is out of its queue, to Next: it leaves now, or is late and could at the instant left.
func (s *Scheduler) decide(t *Ticket, state ticketState, left instant) {
	t.state, t.left = state, left
	if s.firstDecided == nil {
		s.firstDecided = t
	} else {
		s.lastDecided.next = t
	}
	s.lastDecided = t
}
