package botorate

import (
	"math"
	"time"
)

// A pace is how a bucket's rate adapts.
type pace struct {
	belief *belief // nil while the limit holds as it is
	anchor instant // when the last throttle that was news was reported; -1 when none was
}

// plain reports whether nothing would be lost by forgetting how the rate adapts.
func (p *pace) plain(now instant) bool { return p.belief == nil || p.belief.plain(now) }

// throttled finds out which bucket was empty when an attempt with several draws was refused. The service doesn't say; likeliest is the one in which least
// should be left, of what it holds. If that was found empty a moment ago, it may have been another all along: then the next is paused,
// too. An attempt that left before one of its buckets was found empty is no news.
func (s *Scheduler) throttled(p *Pass, o Outcome) {
	left := s.instant(p.Left)
	var first, second *bucket
	for i := range p.Draws {
		b := s.bucket(p.Draws[i].Bucket)
		b.refill(s.now)
		b.throttled++
		switch {
		case left <= b.pace.anchor:
			left = -1
		case first == nil || b.filled() < first.filled():
			first, second = b, first
		case second == nil || b.filled() < second.filled():
			second = b
		}
	}
	if left < 0 || first == nil {
		return
	}
	again := first.pace.anchor >= 0 && s.now.seconds(first.pace.anchor) < suspect.Seconds()
	s.empty(first, o)
	if second != nil && (again || o.Incident) {
		s.empty(second, o)
	}
}

// empty takes in that a bucket was found empty.
func (s *Scheduler) empty(b *bucket, o Outcome) {
	b.throttle(o)
	s.shed(b)
	s.look(b.group)
}

// filled is which part of the real bucket should be full.
func (b *bucket) filled() float64 {
	switch m := b.pace.belief; {
	case m != nil:
		return m.level / m.depth
	case b.limit.unlimited():
		return 1
	default:
		ours := max(b.limit.Capacity, b.limit.Burst)
		return 1 - (b.limit.Burst-b.level)/ours
	}
}

// emptied takes in that the real bucket was found empty, as was reported now, and returns until when to pause and whether the rate was
// lowered.
func (b *bucket) emptied(now instant, o Outcome) (until instant, lowered bool) {
	p := &b.pace
	p.anchor = now
	pause := emptyPause
	if !o.Incident {
		if p.belief == nil {
			p.belief = believe(b.limit, now)
			p.belief.anchor = now.add(-time.Minute) // about; it was not looked at
		}
		before := p.belief.rate()
		p.belief.take(-1)
		p.belief.empty(now)
		pause = p.belief.pause(b.limit.share())
		lowered = p.belief.rate() < before
	}
	return now.add(min(max(pause, o.RetryAfter), longestPause)), lowered
}

// pause is how long the headroom takes to refill, at a share of the quota.
func (m *belief) pause(share float64) time.Duration {
	seconds := (1 - share) * m.depth / m.avail
	if !(seconds < headroomPause.Seconds()) {
		return headroomPause
	}
	return max(emptyPause, time.Duration(seconds*float64(time.Second)))
}

// empty takes in an anchor.
func (m *belief) empty(now instant) {
	next, apart := recovering, max(now.seconds(m.anchor), 0.1)
	guessed := m.guessed(now)
	switch {
	case guessed: // but from this anchor on, the level is known
	case m.nervous && m.low > 0 && m.phase != starting && m.avail > jumped*m.low && m.level > 0:
		m.fallBack(now)
	case m.burst(now, apart):
		m.burstAt = now
		if now.seconds(m.sure) > m.doubt {
			next, m.checking = probing, true
		}
	default:
		m.learn(now, apart)
	}
	m.avail = min(max(m.avail, leastPart*m.limit.Rate), mostRate)
	if !guessed {
		m.recalled = nil
	}
	m.tested, m.guess = true, false
	m.phase, m.level, m.anchor, m.taken = next, 0, now, 0
}

// burst reports whether an anchor that came so many seconds after the last one is taken for somebody's burst, since there should be much left. It
// says nothing about the rate then. But when one comes soon after another, it is the rate that is another.
func (m *belief) burst(now instant, apart float64) bool {
	if m.burstAt >= 0 && now.seconds(m.burstAt) < burstsApart {
		return false
	}
	switch m.phase {
	case starting, growing:
		return false
	case recovering:
		return m.level > 0 && apart > max(stillEmpty, stillEmptyAfter/m.avail)
	default:
		// By what we took it can't be empty. Where the depth is a guess it may be too small for the general rule.
		full := m.limit.Unknown && m.phase == holding && m.proof > 0 && m.level >= nearlyFull*max(m.depth, m.avail)
		return full || m.level > m.depth/2 && m.level > 1.5*m.avail
	}
}

// fallBack takes an anchor that comes early for the next fall of a rate that goes up and down.
func (m *belief) fallBack(now instant) {
	m.wasThere(now)
	m.avail, m.trial = m.low, trialNervous
	m.fallen(now)
}

// wasThere notes that the rate was what is believed until now, and may be again.
func (m *belief) wasThere(now instant) {
	if m.avail >= m.top {
		m.top, m.topAt = m.avail, now
	}
}

// learn changes what is believed after an anchor.
func (m *belief) learn(now instant, apart float64) {
	seen := apart
	if m.share < 1 {
		seen = min(apart, max(now.seconds(m.full), 0.1)) // what overflowed before was not, and it does while only a share is taken
	}
	read := max(m.avail-m.level/seen, 0)
	switch m.phase {
	case starting:
		m.peak, m.avail, m.trial = m.avail, m.avail*startBackTo, m.shortest()
		m.depth = max(m.depth, m.avail)
	case growing:
		m.outgrown(now, apart)
	case recovering:
		m.stillEmpty(now, read, seen)
	default:
		m.reading(now, read, seen)
	}
	m.sure, m.checking, m.cut = now, false, m.phase == recovering
	if m.nervous = m.nervousUntil > now; m.nervous {
		m.trial = min(m.trial, trialNervous)
	}
	if apart > 8 && m.phase != starting && m.phase != growing {
		m.high = m.avail
	}
}

// outgrown ends a growth: somewhere between its beginning and its end is what there is, and not below what we got.
func (m *belief) outgrown(now instant, apart float64) {
	there := max(m.from, backTo*m.avail)
	if !m.nervous {
		there = max(there, min(m.taken/apart, m.avail))
	}
	if there > jumped*m.from {
		m.risen(now)
	}
	m.compare(m.from, there)
	m.high, m.avail, m.proof = m.avail, there, 0
	if there < jumped*m.from && apart > 8 {
		m.measure()
	}
}

// stillEmpty takes in an anchor shortly after another: there is less than was believed.
func (m *belief) stillEmpty(now instant, read, apart float64) {
	least := cutFirst
	if m.cut {
		least = cutAgain
	}
	there := max(min(read, m.avail), least*m.avail)
	m.wasThere(now)
	if m.high > jumped*there {
		m.fallen(now)
	}
	m.compare(m.avail, there)
	m.avail, m.proof = there, apart
}

// reading takes in an anchor that was to be expected.
func (m *belief) reading(now instant, read, apart float64) {
	if m.avail > changed*read && m.proof > 0 { // else it was a guess
		m.wasThere(now)
	}
	m.compare(m.avail, read)
	if m.checking && math.Abs(read-m.avail) < 0.07*m.avail {
		m.doubt = min(2*m.doubt, doubtMost)
	}
	weight := apart / (apart + m.proof)
	m.proof = min(m.proof+apart, proofMost)
	if m.avail > changed*read || read > changed*m.avail {
		read, weight, m.proof = max(read, m.avail/3), 1, apart
		if m.high > jumped*read && read < changed*m.low {
			m.fallen(now) // to where it was before it rose
		}
	}
	m.avail += float64(weight * (read - m.avail))
	if m.trial > m.shortest() && apart > 8 {
		m.measure()
	}
	if m.trial > 3*m.shortest() && now.seconds(m.topAt) > nervesLast {
		m.top = 0 // it has not been there for long
	}
}

// compare says how long to wait for the next probe: longer and longer while readings agree.
func (m *belief) compare(old, read float64) {
	switch factor := max(old, read) / min(old, read); {
	case factor < agrees:
		m.trial = min(2*m.trial, m.longest())
	case factor >= changed:
		m.trial, m.doubt = m.shortest(), doubtLeast
	}
}

// shortest is the time from an anchor to the next probe when the rate is another.
func (m *belief) shortest() float64 {
	if m.share < 1 {
		return trialCourtly * trialLeast
	}
	return trialLeast
}

// longest is the longest time from an anchor to the next probe.
func (m *belief) longest() float64 {
	most := max(trialMost, trialTokens/m.avail)
	if m.share < 1 {
		most *= trialCourtly
	}
	return min(most, trialEver)
}

// measure finds the depth from the start, when the rate grew by e in each startTime until what was stored was gone, now that it is known at
// which rate that began. A start whose end others brought about says nothing.
func (m *belief) measure() {
	switch {
	case m.peak > m.avail && !m.measured:
		m.depth = max(m.avail, startTime*(m.peak-m.avail-float64(m.avail*ln(m.peak/m.avail))))
		m.measured = true
	case m.peak > 0 && m.peak <= m.avail:
		m.depth, m.measured, m.peak = max(m.depth, m.avail), false, 0
	}
}

// ln is the natural logarithm of an x of at least 1, by its series: the last digits of [math.Log] depend on the processor.
func ln(x float64) float64 {
	twos := 0.0
	for ; x >= 2; twos++ {
		x /= 2
	}
	z := (x - 1) / (x + 1)
	sum, term := 0.0, z
	for n := 1.0; n < 40; n += 2 {
		sum += term / n
		term = float64(term * z * z)
	}
	return 2*sum + float64(twos*math.Ln2)
}
