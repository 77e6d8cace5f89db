package botorate

import (
	"math"
	"testing"
	"time"
)

// TestThrottle follows one bucket through throttles and back.
func TestThrottle(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := NewScheduler(Options{Limit: func(BucketID) Limit { return Limit{Rate: 10, Burst: 5} }})
	at := func(d time.Duration) time.Time { return start.Add(d) }
	state := func(d time.Duration) BucketState { return s.Snapshot(at(d)).Buckets[0] }
	leave := func(d time.Duration) Pass {
		p, ok := s.Try(at(d), Attempt{Draws: one})
		if !ok {
			t.Fatalf("nothing leaves at %v: %+v", d, state(d))
		}
		return p
	}
	want := func(d time.Duration, rate, level float64, paused time.Duration, cuts uint64) {
		t.Helper()
		b := state(d)
		until := time.Duration(0)
		if !b.PausedUntil.IsZero() {
			until = b.PausedUntil.Sub(start)
		}
		if math.Abs(b.Rate-rate) > 1e-6 || math.Abs(b.Level-level) > 1e-6 || until != paused || b.Cuts != cuts {
			t.Errorf("at %v: %+v; want rate %v, level %v, paused until %v, %d cuts", d, b, rate, level, paused, cuts)
		}
	}
	p1, p2 := leave(0), leave(0)
	s.Report(at(100*time.Millisecond), p1, Outcome{Kind: Throttled})
	want(100*time.Millisecond, 7, 0, 1100*time.Millisecond, 1)
	s.Report(at(200*time.Millisecond), p2, Outcome{Kind: Throttled}) // the same event
	want(200*time.Millisecond, 7, 0.7, 1100*time.Millisecond, 1)
	s.Return(at(200*time.Millisecond), p2) // taken before the bucket was found empty: nothing to give back
	want(200*time.Millisecond, 7, 0.7, 1100*time.Millisecond, 1)

	p3 := leave(2 * time.Second)
	s.Report(at(2*time.Second), p3, Outcome{Kind: Throttled, Incident: true, RetryAfter: time.Hour})
	want(2*time.Second, 7, 4.02, 32*time.Second, 1) // paused, not cut; at most 30 s

	p4 := leave(40 * time.Second)
	s.Report(at(40*time.Second), p4, Outcome{Kind: Throttled, RetryAfter: 2 * time.Second})
	want(40*time.Second, 4.9, 0, 42*time.Second, 2)
	want(90*time.Second, 4.9, 5.02, 0, 2) // idle time proves nothing

	var waits Ticket
	s.Pause(at(90*time.Second), id(0), at(time.Hour))
	if err := s.Submit(at(90*time.Second), &waits, Attempt{Draws: one}); err != nil {
		t.Fatal(err)
	}
	want(120*time.Second, 4.9+5.1/2, 5.02, time.Hour, 2) // half of the minute of busy time
	want(150*time.Second, 10, 5.02, time.Hour, 2)
	want(900*time.Second, 10, 5.02, time.Hour, 2)
}

// TestCutsEnd throttles without end: the rate stays at a tenth.
func TestCutsEnd(t *testing.T) {
	b := bucket{pace: pace{anchor: -1}}
	b.set(Limit{Rate: 10, Burst: 1})
	for i := range 20 {
		b.refill(instant(i))
		b.throttle(instant(i), Outcome{Kind: Throttled})
	}
	if math.Abs(b.rate()-1) > 1e-9 || b.cuts != 7 || b.throttled != 20 {
		t.Errorf("rate %v, want 1; %d cuts, want 7; %d throttles, want 20", b.rate(), b.cuts, b.throttled)
	}
}

// TestThrottleWithoutLimit pauses a bucket that has no rate to cut.
func TestThrottleWithoutLimit(t *testing.T) {
	now := time.Now()
	s := NewScheduler(Options{})
	p, _ := s.Try(now, Attempt{Draws: one})
	s.Report(now, p, Outcome{Kind: Throttled})
	if _, ok := s.Try(now.Add(999*time.Millisecond), Attempt{Draws: one}); ok {
		t.Error("an attempt left while paused")
	}
	if _, ok := s.Try(now.Add(time.Second), Attempt{Draws: one}); !ok {
		t.Error("no attempt left after the pause")
	}
	if b := s.Snapshot(now).Buckets[0]; b.Cuts != 0 || !math.IsInf(b.Rate, 1) || !math.IsInf(b.Level, 1) {
		t.Errorf("state %+v", b)
	}
}

// TestRefillMean holds the tokens of a probing bucket against steps of a millisecond.
func TestRefillMean(t *testing.T) {
	whole, steps := pace{off: 0.9, anchor: 0}, pace{off: 0.9, anchor: 0}
	const to = instant(50 * time.Second)
	sum := 0.0
	for at := instant(0); at < to; at += 1e6 {
		sum += steps.pass(at, at+1e6, true) * 1e-3
	}
	if got := whole.pass(0, to, true) * 50; math.Abs(got-sum) > 1e-6 {
		t.Errorf("50 s at once refill %v, in steps %v", got, sum)
	}
}
