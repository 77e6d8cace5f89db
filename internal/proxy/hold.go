package proxy

import (
	"time"

	"github.com/botorate/botorate/internal/wire"
)

// How long an attempt may be held. Measured and read for botorate on 2026-11-23; AWS's part is
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html: "a request must reach AWS within five minutes of the time stamp".
const (
	signatureHold   = 4 * time.Minute  // of the five, from the time in the signature
	presignedMargin = 10 * time.Second // before a presigned URL expires
	ttlMargin       = 2 * time.Second  // before the instant at which the client says that it gives up
	leastHold       = time.Second      // however late it is: AWS's own refusal tells the client more than ours
	interimEvery    = 20 * time.Second // between two interim answers to a client that is kept alive by them
)

// patience is how long a client waits for the first byte of an answer, less a margin; false means without end.
// An unknown client gets less than the shortest of the common ones, Java's 30 s.
func patience(c wire.Client) (d time.Duration, bounded bool) {
	switch c {
	case wire.GoSDK, wire.JavaScriptSDK, wire.RustSDK:
		return 0, false
	case wire.Botocore, wire.RubySDK, wire.PHPSDK:
		return 50 * time.Second, true
	case wire.DotNetSDK:
		return 90 * time.Second, true
	case wire.CppSDK:
		return 2 * time.Second, true
	default:
		return 25 * time.Second, true
	}
}

// holdBound says until when r, which arrived at that time, is of use to its client and to AWS, and whether interim answers keep
// the client waiting meanwhile. expect tells that the client waits for a 100 Continue that means something; most, if positive,
// caps all.
func holdBound(r *wire.Request, expect bool, most time.Duration, arrival time.Time) (until time.Time, interim bool) {
	interim = r.Client == wire.Botocore && !expect
	until = arrival.Add(signatureHold)
	if !r.SignedAt.IsZero() {
		signed := earlier(r.SignedAt, arrival) // a clock ahead of ours does not make the signature last
		until = signed.Add(signatureHold)
		if r.Presigned {
			until = signed.Add(r.Expires - presignedMargin)
		}
	}
	if d, bounded := patience(r.Client); bounded && !interim {
		until = earlier(until, arrival.Add(d))
	}
	if r.TTL.After(arrival) { // else it is of another clock
		until = earlier(until, r.TTL.Add(-ttlMargin))
	}
	if least := arrival.Add(leastHold); until.Before(least) {
		until = least
	}
	if most > 0 {
		until = earlier(until, arrival.Add(most))
	}
	return until, interim
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
