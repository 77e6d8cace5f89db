package lab

import "time"

// A Bucket is one of AWS's own token buckets. It begins full and never holds more than Capacity; a refused attempt costs
// nothing unless ChargeRefused is set. It is not safe for concurrent use, and its fields must not change after the first use.
//
// EC2 documents that tokens are added every second
// (https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html, read 2026-11-23): Step is that second.
// Steps fall on whole multiples of Step since 1970, so that all buckets of an account are refilled at one instant.
type Bucket struct {
	Capacity float64       // the most tokens it holds
	Refill   float64       // tokens added per second
	Step     time.Duration // tokens are added in steps of this; 0 means continuously

	// ChargeRefused takes what is left from a bucket that refuses. AWS says nothing about EC2; of IAM it says that a token
	// represents a non-throttled call, and reports show that refused attempts don't lower the rate of the admitted ones.
	ChargeRefused bool

	level float64
	at    time.Time // up to when it was refilled; zero before the first use
}

// slack forgives the rounding of many small refills: less than this is missing from no token.
const slack = 1e-9

// Take takes n tokens, all or nothing, and reports whether it did. Time that runs backwards adds nothing.
func (b *Bucket) Take(now time.Time, n float64) bool {
	if !b.holds(now, n) {
		b.refuse(n)
		return false
	}
	b.take(n)
	return true
}

// Level returns how many tokens the bucket holds.
func (b *Bucket) Level(now time.Time) float64 {
	b.refill(now)
	return b.level
}

func (b *Bucket) holds(now time.Time, n float64) bool { return b.Level(now) >= n-slack }

func (b *Bucket) take(n float64) { b.level = max(0, b.level-n) }

func (b *Bucket) refuse(n float64) {
	if b.ChargeRefused {
		b.take(n)
	}
}

// resize changes how large the bucket is.
func (b *Bucket) resize(now time.Time, capacity, refill float64) {
	b.refill(now)
	b.Capacity, b.Refill = capacity, refill
	b.level = min(b.level, capacity)
}

func (b *Bucket) refill(now time.Time) {
	if b.at.IsZero() {
		b.level, b.at = b.Capacity, now
		return
	}
	elapsed := now.Sub(b.at)
	if elapsed <= 0 {
		return
	}
	if b.Step > 0 {
		steps := stepsUntil(now, b.Step) - stepsUntil(b.at, b.Step)
		elapsed = time.Duration(steps) * b.Step
	}
	b.at = now
	b.level = min(b.Capacity, b.level+float64(b.Refill*elapsed.Seconds())) // not fused: the same on every machine
}

// stepsUntil counts the whole steps since 1970.
func stepsUntil(t time.Time, step time.Duration) int64 { return t.UnixNano() / int64(step) }
