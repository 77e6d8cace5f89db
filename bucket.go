package botorate

import (
	"math"
	"time"
)

// timerSlack is how much later than asked a timer may fire without costing rate: Go timers on Linux have a granularity
// of 1 ms, so that an attempt due now leaves up to 1 ms late, and a bucket of burst 1 would overflow meanwhile.
const timerSlack = 2 * time.Millisecond

// catchUp is how much late dispatching is made up for. A process that gets no CPU looks at its buckets late, and what they would have let out on
// time is let out then, up to this much of their rate. A bucket whose burst is that much anyway (AWS's hold a second and more) gets nothing on top.
const catchUp = 100 * time.Millisecond

// grain is the part of an amount below which differences are rounding.
const grain = 1e-9

// An instant is a time inside a scheduler: nanoseconds since the first time that it was told.
type instant int64

// never is after every instant.
const never instant = math.MaxInt64

// after returns the instant that many seconds later, rounded up; never if that is not within a century.
func (i instant) after(seconds float64) instant {
	ns := math.Ceil(seconds * 1e9)
	if !(ns < 1<<61) || i > never/2 {
		return never
	}
	return i + instant(ns)
}

// add returns i+d, or never if that overflows.
func (i instant) add(d time.Duration) instant {
	if sum := i + instant(d); d <= 0 || sum > i {
		return sum
	}
	return never
}

// seconds returns how long it is from earlier to i.
func (i instant) seconds(earlier instant) float64 { return float64(i-earlier) * 1e-9 }

// A tally counts what a bucket did. It outlives the bucket: see [forgotten].
type tally struct {
	left      uint64
	tokens    float64
	throttled uint64
	cuts      uint64
}

// A bucket holds tokens. It refills when looked at; its level is right as of at.
//
// In any window it lets out at most most + rate × elapsed tokens, where most is what its level can rise to: burst + rate × [timerSlack];
// while attempts wait for a dispatch that is late, it goes on rising from there for as long as that is late, but not above floor + 1 + rate × [catchUp].
type bucket struct {
	id     BucketID
	serial uint32  // order of creation: the order of a lane's buckets
	limit  Limit   // in range: see normal
	full   float64 // the highest level that the bucket reaches when it is looked at in time
	most   float64 // the highest when not
	level  float64
	at     instant
	paused instant // nothing leaves before
	used   instant // last looked up
	gone   bool    // forgotten: another one has its id
	pace   pace
	tally

	waiting int     // tickets in all lanes
	lanes   []*lane // every lane that draws from it, idle ones too
	active  int     // how many of them have tickets
	group   *group  // of the lanes that have tickets; nil if none has

	// Valid during one pass over the group: see [Scheduler.dispatch].
	pass     uint64
	reserved float64 // tokens that earlier heads wait for
	spare    float64 // tokens that may leave now without making an earlier head later
	rest     float64 // the level when the last of those that reserved has left,
	restAt   instant // which is then

	root *bucket // see [Scheduler.regroup]
}

// normal returns the limit with each number in range: a burst of at least 1, a floor from 0 to the burst, a rate of
// at least 0; one to begin with of more than 0.
func (l Limit) normal() Limit {
	l.Rate = atLeast(l.Rate, 0)
	l.Burst = atLeast(l.Burst, 1)
	l.Floor = min(atLeast(l.Floor, 0), l.Burst)
	l.Refill, l.Capacity = finite(l.Refill), finite(l.Capacity)
	if l.Unknown && l.Rate == 0 {
		l.Rate = 1
	}
	return l
}

// atLeast is max, except that it returns least for a NaN.
func atLeast(x, least float64) float64 {
	if x >= least {
		return x
	}
	return least
}

// finite returns x if that is a number of at least 0, else 0.
func finite(x float64) float64 {
	if x >= 0 && x <= mostRate {
		return x
	}
	return 0
}

func (l Limit) unlimited() bool { return l.Rate > math.MaxFloat64 }

// set sets the limit.
func (b *bucket) set(l Limit) {
	b.limit = l.normal()
	b.full = b.limit.Burst + float64(b.limit.Rate*timerSlack.Seconds())
	b.most = max(b.full, b.need(1)+float64(b.limit.Rate*catchUp.Seconds()))
}

// has reports whether the level is want, but for rounding.
func (b *bucket) has(want float64) bool { return b.level >= want-float64(grain*(1+want)) }

// refill brings the level up to now. It must be called before anything that changes the rate, or who waits.
func (b *bucket) refill(now instant) {
	if now <= b.at || b.limit.unlimited() {
		b.at = max(b.at, now)
		return
	}
	rate, dt := b.rate(), now.seconds(b.at)
	full := b.full
	if b.most > full && b.group != nil && b.group.wake < now {
		full = min(full+float64(rate*now.seconds(b.group.wake)), b.most)
	}
	b.level = min(b.level+float64(rate*dt), full)
	b.at = now
	if m := b.pace.belief; m != nil {
		b.observe(m, dt)
	}
}

// rate is what the bucket refills now, per second.
func (b *bucket) rate() float64 {
	if b.pace.belief != nil {
		return b.pace.belief.rate()
	}
	return b.limit.Rate
}

// need is the level at which n tokens may leave. An attempt larger than the bucket leaves when that is full, and the level becomes negative.
func (b *bucket) need(n float64) float64 { return min(n+b.limit.Floor, b.limit.Burst) }

// when returns the first instant, from at on, at which the level is want and the bucket isn't paused, if nothing leaves before.
func (b *bucket) when(want float64) instant {
	at := b.at
	if !b.limit.unlimited() && !b.has(want) {
		at = at.after((want - b.level) / b.rate())
	}
	return max(at, b.paused)
}

// take draws n tokens.
func (b *bucket) take(n float64) {
	b.level -= n
	if b.pace.belief != nil {
		b.pace.belief.take(n)
	}
	b.left++
	b.tokens += n
}

// observe lets seconds pass for what is believed, and fits what the bucket can hold to the rate that was found.
func (b *bucket) observe(m *belief, seconds float64) {
	m.pass(b.at, seconds)
	rate, burst := m.rate(), b.limit.Burst
	if b.limit.Unknown {
		burst = max(burst, m.share*min(m.depth/2, m.avail))
	}
	b.full = burst + float64(rate*timerSlack.Seconds())
	b.most = max(b.full, b.need(1)+float64(rate*catchUp.Seconds()))
}

// giveBack undoes the take of n tokens at left. If the bucket was found empty since then, what was taken before says
// nothing about the level any more.
func (b *bucket) giveBack(n float64, left instant) {
	if left > b.pace.anchor {
		b.level = max(b.level, min(b.level+n, b.full))
	}
	b.unspent(n, left)
	if b.left > 0 { // else it was forgotten meanwhile
		b.left--
		b.tokens -= n
	}
}

// unspent notes that an attempt that left at left took n tokens of ours, but none of the service's, as far as is known.
func (b *bucket) unspent(n float64, left instant) {
	if b.pace.belief != nil && left > b.pace.anchor {
		b.pace.belief.take(-n)
	}
}

// setLimit changes the limit, and reports whether an attempt may now have to wait longer. What was found of a limit that is unknown, and
// still is, stays.
func (b *bucket) setLimit(l Limit) (worse bool) {
	old, rate := b.limit, b.rate()
	b.set(l)
	m := b.pace.belief
	switch {
	case b.limit == old:
	case m != nil && m.tested && old.Unknown && b.limit.Unknown:
		m.limit, m.share = b.limit, b.limit.share()
	case b.limit.adapts():
		b.pace.belief = believe(b.limit, b.at)
	default:
		b.pace.belief = nil
	}
	b.level = min(b.level, b.full)
	if old.unlimited() {
		b.level = b.limit.Burst
	}
	return b.rate() < rate || b.limit.Burst < old.Burst || b.limit.Floor > old.Floor
}

// throttle takes in that the service refused an attempt for lack of tokens in this bucket.
func (b *bucket) throttle(o Outcome) {
	o.Incident = o.Incident || b.limit.unlimited() || b.limit.Rate == 0 // there is no rate to cut and no level to correct
	until, lowered := b.emptied(b.at, o)
	if lowered {
		b.cuts++
	}
	if !o.Incident {
		b.level = min(b.level, 0) - float64(b.rate()*until.seconds(b.at)) // nothing is saved up in the pause
	}
	b.paused = max(b.paused, until)
}

// idle reports whether nothing would be lost by forgetting the bucket at now, but its limit and tally.
func (b *bucket) idle(now instant) bool {
	return b.waiting == 0 && b.paused <= now && b.pace.plain(now) && now-b.used > instant(forgetAfter) &&
		(b.limit.unlimited() || b.level >= b.limit.Burst)
}
