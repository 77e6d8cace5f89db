package botorate

import (
	"math"
	"time"
)

// What adaptation knows is in throttles. A throttle is the one exact observation there is: the real bucket was empty when the attempt came
// (an anchor). A success says only that it wasn't. Between two anchors what we took is what the service added and nobody else took, but for
// one step of its refill; so a belief about that rate is off by the level that it predicted at the second anchor, divided by the time. The
// farther apart two anchors are, the better the reading; and since the real bucket stores what isn't taken, taking a little less than there
// is for a while costs nothing until that is full. From this follows the cycle:
//
//	anchor → pause → recovering: take less, till the real bucket is nearly full, for bursts of others
//	       → holding: take what is there
//	       → probing: take a little more, till the next anchor. The less of it is left, the gentler: then the bucket runs empty
//	         just before a step of its refill, and one throttle is all it costs anybody
//	       → growing: no anchor though there can't be any tokens left by what was believed: there is more than that. Faster and faster
//
// docs/decisions/0006 has the reasons, the alternatives and what each number was measured against.
const (
	// emptyPause lets the real bucket refill for the others first. EC2 adds tokens once a second
	// (https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html, read 2026-11-23).
	emptyPause = time.Second
	// headroomPause bounds the pause in which the headroom refills.
	headroomPause = 5 * time.Second
	// longestPause bounds what a service can make us wait with one answer.
	longestPause = 30 * time.Second
	// suspect is how long after a bucket was found empty another throttle raises the suspicion that it was another bucket.
	suspect = 10 * time.Second

	recoverLess = 0.2   // of what is available is left while recovering
	holdLess    = 0.002 // and while holding
	recoverTo   = 0.9   // of the depth

	probeLeast  = 0.02 // more than what is available is taken while probing: one a second, but at least this part of it
	probeMost   = 0.1  // and at most this one
	probeNerves = 0.2  // or this one, when the rate goes up and down
	probeOfTop  = 0.03 // but not less than this part of what was there once
	probeDrain  = 25   // seconds in which what should be left is halved, about: while there is much of it, the probe is faster

	edge      = 0.6 // seconds of what is available, and one token, are missing when a belief was too low
	edgeNerve = 0.4 // or these, and half a token, when the rate goes up and down

	startTime   = 4.3  // seconds in which the rate grows by e at the start
	growTime    = 16   // at the fastest when it grows later
	growSquare  = 1050 // square seconds: growth sets in slowly
	growNervous = 16   // and back to a rate that was there before, when it goes up and down
	growBeyond  = 1500 // and beyond that
	backTo      = 0.75 // of the rate at which a growth ended was there
	startBackTo = 0.5  // and of the rate at the end of the start

	cutFirst = 0.85 // of the rate is left at least when the bucket is still empty for the first time: it may be another's probe
	cutAgain = 0.25 // and when it still is

	trialLeast   = 12  // seconds from an anchor to the next probe, after a change
	trialMost    = 110 // and after many readings that agreed,
	trialTokens  = 540 // or the time that so many tokens take, if that is longer
	trialNervous = 5.7 // when the rate goes up and down
	trialCourtly = 10  // times as long when others are to have a share of what is found: a probe takes it all
	trialKnown   = 60  // to the first probe of a published limit

	agrees     = 1.15 // two readings agree that differ by this factor at most,
	changed    = 1.25 // and from this one on the rate is another
	jumped     = 1.8  // or has jumped
	nervesLast = 300  // seconds after which a rate that was there, or a jump, is forgotten

	stillEmpty      = 4    // seconds after an anchor in which another one says that the bucket is still empty,
	stillEmptyAfter = 60   // or the time that so many tokens take; later it is somebody's burst
	nearlyFull      = 0.9  // of the depth
	burstsApart     = 15   // seconds between two bursts that are taken for such
	proofMost       = 60   // seconds that a belief is worth at most, beside a new reading
	doubtLeast      = 45   // seconds for which somebody's bursts may hide what is there, before that is looked at
	doubtMost       = 600  // and when that showed nothing new
	leastPart       = 0.05 // of Limit.Rate is never cut: a caller that crawls still finds out when the others are gone
	mostRate        = 1e12
	trialEver       = 3600
)

// A phase is what adaptation does with a bucket.
type phase uint8

const (
	starting phase = iota
	growing
	recovering
	holding
	probing
)

func (p phase) String() string {
	return [...]string{"starting", "growing", "recovering", "holding", "probing"}[p]
}

// A belief is what is believed of the real bucket, and what is done to find out. Rates are tokens per second.
type belief struct {
	limit Limit
	share float64 // of what is found that we take: less than 1 for an unknown limit of which others are to have a part
	most  float64 // the rate never exceeds it

	phase    phase
	avail    float64 // what the service adds and nobody else takes
	level    float64 // in the real bucket
	depth    float64 // that it holds
	measured bool    // depth is not a guess

	recalled *Learnt // with what it began, until there is a reading
	guess    bool    // there was no anchor since it was recalled: level is a guess
	anchor   instant // when the real bucket was last known to be empty, or the beginning
	taken    float64 // since then
	full     instant // when it was last believed to be full
	tested   bool    // there was an anchor
	trial    float64 // seconds from an anchor to a probe
	proof    float64 // seconds for which avail was observed
	cut      bool    // the last reading was that the bucket is still empty

	// Of a growth.
	from  float64 // avail when it began
	since float64 // seconds
	short float64 // tokens that had to be missing
	peak  float64 // avail at the end of the start, from which the depth is found

	// What was there once, while avail is below it, and when it was last there.
	top   float64
	topAt instant
	// Rates that go up and down: what was there before the last rise, when that and the last fall were, and until when to expect another.
	low, high    float64
	rose, fell   instant
	nervousUntil instant
	nervous      bool

	burstAt  instant // when an anchor was last taken for somebody's burst; -1 if none was
	sure     instant // when avail was last read
	doubt    float64 // seconds after which somebody's burst is taken as an occasion to read it,
	checking bool    // as now
}

// believe returns what to believe of a bucket of which only the limit is known, and what was learnt earlier, if anything.
func believe(l Limit, now instant) *belief {
	m := &belief{
		limit: l, share: 1, full: -1, burstAt: -1, most: math.Inf(1), anchor: now, sure: now, rose: -1, fell: -1, doubt: doubtLeast, trial: trialLeast,
	}
	if l.Unknown {
		m.share = l.share()
		m.phase, m.avail, m.level, m.depth = starting, l.Rate, 1, l.Burst
		return m
	}
	m.phase, m.trial = holding, trialKnown
	m.avail = max(l.Refill, l.Rate)
	m.depth = max(l.Capacity-float64(m.avail/2), l.Burst) // half a step's refill never fits in
	m.level = m.depth
	if !l.whole() {
		m.most = l.Rate
	}
	return m
}

// share is the part of the quota that is ours.
func (l Limit) share() float64 {
	if l.Refill > l.Rate && l.Refill <= math.MaxFloat64 {
		return l.Rate / l.Refill
	}
	return 1
}

// whole reports whether all of a published quota is ours, so that looking for more than was published costs nobody else.
func (l Limit) whole() bool { return !l.Unknown && l.Refill > 0 && l.Refill <= l.Rate }

// adapts reports whether the bucket is to be observed from the beginning on. Else the limit holds until there is a throttle.
func (l Limit) adapts() bool { return !l.unlimited() && l.Rate > 0 && (l.Unknown || l.whole()) }

// rate is what we take now.
func (m *belief) rate() float64 {
	switch m.phase {
	case recovering:
		return min(m.avail*(1-recoverLess)*m.share, m.most)
	case holding:
		return min(m.avail*(1-holdLess)*m.share, m.most)
	default:
		return min(m.avail+m.more(), m.most)
	}
}

// more is what is taken above what is believed to be available, to find out.
func (m *belief) more() float64 {
	most := probeMost
	if m.nervous {
		most = probeNerves
	}
	gentle := max(m.avail*min(max(1/m.avail, probeLeast), most), probeOfTop*m.top)
	return max(gentle, min(m.level/probeDrain, m.avail/2))
}

// enough is the level up to which to recover: what a probe can take in time.
func (m *belief) enough() float64 { return min(recoverTo*m.depth, probeMost*m.avail*m.trial) }

// missing is how many tokens less than none there must be before a belief was wrong.
func (m *belief) missing() float64 {
	if m.nervous {
		return float64(edgeNerve*m.avail) + 0.5
	}
	return float64(edge*m.avail) + 1
}

// pass lets seconds pass, up to now.
func (m *belief) pass(now instant, seconds float64) {
	dry := m.phase == growing && m.level <= -m.short // before what came in meanwhile, or growth would depend on how often we look
	if dry {
		m.level = max(m.level, -m.short-1)
	}
	m.level += float64(m.avail * seconds)
	if full := max(m.depth, m.avail); m.level >= full {
		m.level, m.full = full, now
	}
	switch m.phase {
	case recovering:
		if m.level >= m.enough() {
			m.phase = holding
		}
	case holding:
		if now.seconds(m.anchor) >= m.trial && m.rate() < m.most {
			m.phase = probing
		}
	case probing:
		if m.level <= -m.missing() {
			m.phase, m.from, m.since, m.short = growing, m.avail, 0, m.missing()
		}
	case starting:
		if m.level <= 1 {
			m.grow(startTime, seconds)
			m.level = max(m.level, -1)
		}
	case growing:
		if dry {
			m.since += seconds
			m.grow(m.pacing(), seconds)
			m.regained(now)
		}
	}
}

// grow raises what is believed by e in time. A long while without looking counts as a moment: nothing was found out in it.
func (m *belief) grow(time, seconds float64) { m.avail *= 1 + min(seconds, 1)/time }

// pacing is the time in which a growth gains e.
func (m *belief) pacing() float64 {
	switch {
	case m.nervous && m.top > 0:
		return growNervous / m.since
	case m.nervous:
		return max(growBeyond/m.since, growTime)
	default:
		return max(growSquare/m.since, growTime)
	}
}

// regained ends a growth that has reached what was there once.
func (m *belief) regained(now instant) {
	if m.top == 0 || m.avail < m.top {
		return
	}
	m.avail, m.top = m.top, 0
	m.phase, m.level, m.anchor = holding, 0, now
	if m.avail > jumped*m.from {
		m.risen(now)
	}
}

// risen notes that the rate has jumped up from m.from.
func (m *belief) risen(now instant) {
	m.rose, m.low = now, m.from
	m.nerves(now, m.fell)
}

// fallen notes that the rate has jumped down.
func (m *belief) fallen(now instant) {
	m.fell = now
	m.nerves(now, m.rose)
}

// nerves makes the belief nervous when the rate goes up and down.
func (m *belief) nerves(now, other instant) {
	if other >= 0 && now.seconds(other) < nervesLast {
		m.nervousUntil = now.after(nervesLast)
	}
}

// take notes that we took n tokens, or less than none when it turned out that we didn't.
func (m *belief) take(n float64) {
	m.level = max(m.level-n, -mostRate)
	m.taken += n
}

// plain reports whether nothing would be lost by forgetting what is believed.
func (m *belief) plain(now instant) bool {
	switch {
	case m.limit.Unknown:
		return !m.tested
	case now.seconds(m.anchor) < forgetAfter.Seconds():
		return false
	default:
		return math.Abs(m.rate()-m.limit.Rate) <= 0.02*m.limit.Rate
	}
}
