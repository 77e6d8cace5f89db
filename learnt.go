package botorate

import (
	"math"
	"time"
)

// week is how old what was learnt can be and still be worth half.
const week = 7 * 24 * time.Hour

// recall begins with what was learnt earlier: near the edge at once if that is fresh. The older it is the more cautious; it is grown back to from there.
// What makes no sense is ignored.
func (m *belief) recall(l Learnt, now instant, wall time.Time) {
	if !(l.Rate > 0 && l.Rate <= mostRate) {
		return
	}
	age := wall.Sub(l.At).Abs()
	worth := 1 / (1 + age.Hours()/week.Hours())
	m.phase, m.tested, m.recalled = holding, true, &l
	m.avail = max(min(l.Rate, m.limit.Rate), l.Rate*worth*recallTo)
	m.top = l.Rate
	if l.Burst >= 1 && l.Burst <= mostRate {
		m.depth, m.measured = l.Burst, true
	}
	m.depth = max(m.depth, m.avail)
	m.level = m.depth / 2 * worth
	m.trial = max(trialLeast, min(l.Steady.Seconds()*worth, m.longest()))
	m.anchor, m.guess = now, true
}

const (
	// recallTo is the part of what was learnt a moment ago with which to begin.
	recallTo = 0.97
	// recalledFor is how often what the bucket holds must have come in before the first anchor is a reading: how full it was at the beginning is a
	// guess, and off by half of it.
	recalledFor = 4
)

// guessed reports whether an anchor says nothing of the rate, since how full the real bucket was when it was recalled still matters.
func (m *belief) guessed(now instant) bool {
	return m.guess && m.phase != growing && now.seconds(m.anchor)*m.avail < recalledFor*m.depth
}

// learnt returns what is to be kept of a bucket; ok is false if nothing is.
func (s *Scheduler) learnt(b *bucket) (l Learnt, ok bool) {
	m := b.pace.belief
	if m == nil || !b.limit.Unknown || !m.tested {
		return l, false
	}
	if m.recalled != nil {
		return *m.recalled, true
	}
	l = Learnt{Rate: m.avail, Steady: time.Duration(m.trial * float64(time.Second)), At: s.time(m.anchor).Round(0)}
	if m.measured {
		l.Burst = math.Floor(m.depth)
	}
	return l, true
}

// Learnt returns what is known now of each bucket whose limit is unknown, and that was put to the test: a throttle showed where its edge is,
// or it began with what an earlier scheduler had learnt.
func (s *Scheduler) Learnt(now time.Time) map[BucketID]Learnt {
	all := make(map[BucketID]Learnt)
	s.addLearnt(s.advance(now), all)
	return all
}

func (s *Scheduler) addLearnt(at instant, all map[BucketID]Learnt) {
	for id, b := range s.buckets {
		b.refill(at)
		if l, ok := s.learnt(b); ok {
			all[id] = l
		}
	}
}

// learnt adds what is known now.
func (part *partition) learnt(all map[BucketID]Learnt) {
	part.mu.Lock()
	defer part.mu.Unlock()
	part.sched.addLearnt(part.sched.advance(part.now()), all)
}
