package botorate

import "time"

// What a throttle changes. A throttle is the one exact observation there is: the real bucket was empty when the attempt
// came. Why it was empty (callers that we don't see, or a limit lower than we think) it does not say.
const (
	// emptyPause lets the real bucket refill for the others first. EC2 adds tokens once a second
	// (https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html, read 2026-11-23).
	emptyPause = time.Second
	// longestPause bounds what a service can make us wait with one answer.
	longestPause = 30 * time.Second
	// cutTo is what a cut leaves of the rate: half loses too much to somebody's burst, and nine tenths takes
	// many throttles to find a limit that fell to a quarter.
	cutTo = 0.7
	// leastPart of Limit.Rate is never cut: a caller that crawls still finds out when the others are gone.
	leastPart = 0.1
	// quiet is how long after a throttle the rate stays cut. A rate that is wrong by 10 % shows within this time
	// after the bucket was empty; probing earlier would mix two tests.
	quiet = 10 * time.Second
	// probeFor is the busy time from a cut back to Limit.Rate. Time without attempts waiting proves nothing and doesn't count.
	probeFor = time.Minute
)

// A pace is the part of its Limit.Rate with which a bucket refills: 1 − off right after a cut, and back to 1, linearly,
// over probeFor of busy time that begins quiet after the throttle. The zero value with an anchor of -1 was never throttled.
type pace struct {
	off    float64       // what the last cut took off; 0 when nothing is
	probed time.Duration // busy time since quiet ended
	anchor instant       // when the last throttle that was news was reported
}

// part returns the part now.
func (p *pace) part() float64 {
	if p.off == 0 {
		return 1
	}
	return 1 - p.off*(1-float64(p.probed)/float64(probeFor))
}

// pass lets time pass and returns the mean part over it.
func (p *pace) pass(from, to instant, busy bool) float64 {
	before := p.part()
	start := max(from, p.anchor.add(quiet))
	if p.off == 0 || !busy || to <= start {
		return before
	}
	p.probed += time.Duration(to - start)
	if p.probed >= probeFor {
		p.off, p.probed = 0, 0
	}
	return before + (p.part()-before)/2*float64(to-start)/float64(to-from)
}

// throttle takes in a throttle, reported now, of an attempt that left at left, and returns until when to pause and whether
// the rate was lowered. It is no news if the attempt left before the last throttle that was: both met the same empty bucket.
func (p *pace) throttle(now, left instant, o Outcome) (until instant, lowered, news bool) {
	if left <= p.anchor {
		return 0, false, false
	}
	p.anchor = now
	until = now.add(min(max(emptyPause, o.RetryAfter), longestPause))
	if o.Incident {
		return until, false, true
	}
	part := p.part()
	next := max(leastPart, part*cutTo)
	p.off, p.probed = 1-next, 0
	return until, next < part, true
}
