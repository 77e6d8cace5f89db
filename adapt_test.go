package botorate

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// A service is a bucket that refills once a second, and a caller that always has another attempt waiting for it.
type service struct {
	t                *testing.T
	s                *Scheduler
	refill, capacity float64
	level            float64
	at               time.Duration
	sent, refused    int
	fastest          float64 // the highest rate in a snapshot
	ticket           Ticket
	waits            bool
}

func (v *service) now() time.Time { return epoch.Add(v.at) }

// busy sends for a while.
func (v *service) busy(d time.Duration) {
	for end := v.at + d; v.at < end; {
		if !v.waits {
			v.waits = true
			if err := v.s.Submit(v.now(), &v.ticket, Attempt{Draws: one}); err != nil {
				v.t.Fatal(err)
			}
		}
		if next := v.s.Next(v.now()); next != nil {
			v.waits = false
			v.send(next)
			continue
		}
		wake, ok := v.s.Wake()
		to := min(wake.Sub(epoch), end)
		if !ok {
			to = end
		}
		v.pass(to - v.at)
	}
}

func (v *service) send(t *Ticket) {
	p, err := t.Pass()
	if err != nil {
		v.t.Fatal(err)
	}
	v.sent++
	kind := OK
	if v.level < 1 {
		v.refused++
		kind = Throttled
	} else {
		v.level--
	}
	v.s.Report(v.now(), p, Outcome{Kind: kind})
	v.fastest = max(v.fastest, v.state().Rate)
}

// pass lets time pass without attempts.
func (v *service) pass(d time.Duration) {
	steps := (v.at+d)/time.Second - v.at/time.Second
	v.level = min(v.level+v.refill*float64(steps), v.capacity)
	v.at += d
}

func (v *service) state() BucketState { return v.s.Snapshot(v.now()).Buckets[0] }

func serve(t *testing.T, l Limit, refill, capacity float64) *service {
	t.Helper()
	return &service{t: t, s: NewScheduler(Options{Limit: func(BucketID) Limit { return l }}), refill: refill, capacity: capacity, level: capacity}
}

// TestThrottle follows one bucket through throttles.
func TestThrottle(t *testing.T) {
	s := NewScheduler(Options{Limit: func(BucketID) Limit { return Limit{Rate: 10, Burst: 40} }})
	at := func(d time.Duration) time.Time { return epoch.Add(d) }
	leave := func(d time.Duration) Pass {
		t.Helper()
		p, ok := s.Try(at(d), Attempt{Draws: one})
		if !ok {
			t.Fatalf("nothing leaves at %v: %+v", d, s.Snapshot(at(d)).Buckets[0])
		}
		return p
	}
	want := func(d time.Duration, rate, level float64, paused time.Duration, cuts uint64) {
		t.Helper()
		b := s.Snapshot(at(d)).Buckets[0]
		until := time.Duration(0)
		if !b.PausedUntil.IsZero() {
			until = b.PausedUntil.Sub(epoch)
		}
		if math.Abs(b.Rate-rate) > 1e-6 || math.Abs(b.Level-level) > 1e-6 || until != paused || b.Cuts != cuts {
			t.Errorf("at %v: %+v; want rate %v, level %v, paused until %v, %d cuts", d, b, rate, level, paused, cuts)
		}
	}
	p1, p2 := leave(0), leave(0)
	s.Report(at(100*time.Millisecond), p1, Outcome{Kind: Throttled})
	want(100*time.Millisecond, 8, -8, 1100*time.Millisecond, 1)
	s.Report(at(200*time.Millisecond), p2, Outcome{Kind: Throttled}) // the same event
	want(200*time.Millisecond, 8, -7.2, 1100*time.Millisecond, 1)
	s.Return(at(200*time.Millisecond), p2) // taken before the bucket was found empty: nothing to give back
	b := s.Snapshot(at(1100 * time.Millisecond)).Buckets[0]
	if math.Abs(b.Level) > 1e-6 || b.Adapting != "recovering" || b.Available != 10 || b.Others != 0 {
		t.Errorf("after the pause: %+v; want level 0, recovering, 10/s available", b)
	}
	p3 := leave(3 * time.Second)
	s.Report(at(3*time.Second), p3, Outcome{Kind: Throttled, Incident: true, RetryAfter: time.Hour})
	if b := s.Snapshot(at(3 * time.Second)).Buckets[0]; b.Cuts != 1 || b.PausedUntil != at(33*time.Second) || b.Level <= 0 {
		t.Errorf("after an incident: %+v; want a pause of 30 s, and no other change", b)
	}
	p4 := leave(40 * time.Second)
	s.Report(at(40*time.Second), p4, Outcome{Kind: Throttled, RetryAfter: 2 * time.Second})
	want(40*time.Second, 8, -16, 42*time.Second, 2)
}

// TestThrottleWithoutLimit pauses buckets that have no rate to cut.
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
	s.SetLimit(now.Add(time.Second), id(0), Limit{Rate: 0, Burst: 5})
	if p, ok := s.Try(now.Add(2*time.Second), Attempt{Draws: one}); ok {
		s.Report(now.Add(3*time.Second), p, Outcome{Kind: Throttled})
	}
	if b := s.Snapshot(now.Add(time.Minute)).Buckets[0]; b.Rate != 0 || b.Cuts != 0 || math.IsNaN(b.Level) {
		t.Errorf("state %+v, want rate 0", b)
	}
}

// TestWhichWasEmpty reports throttles of attempts with two draws: the bucket that should be the emptier one is cut, and only if that doesn't
// help the other, too.
func TestWhichWasEmpty(t *testing.T) {
	s := NewScheduler(Options{Limit: func(b BucketID) Limit {
		if b == id(0) {
			return Limit{Rate: 10, Burst: 10}
		}
		return Limit{Rate: 100, Burst: 100}
	}})
	both := Attempt{Draws: []Draw{{id(1), 1}, {id(0), 1}}}
	cuts := func(want0, want1 uint64) {
		t.Helper()
		b := s.Snapshot(epoch.Add(time.Hour)).Buckets
		if b[0].Cuts != want0 || b[1].Cuts != want1 || b[0].Throttled != b[1].Throttled {
			t.Errorf("%+v; want %d and %d cuts", b, want0, want1)
		}
	}
	p1, _ := s.Try(epoch, both)
	p2, _ := s.Try(epoch, both)
	s.Report(epoch.Add(time.Second/10), p1, Outcome{Kind: Throttled})
	s.Report(epoch.Add(time.Second/10), p2, Outcome{Kind: Throttled})
	if _, ok := s.Try(epoch.Add(time.Second/5), Attempt{Draws: []Draw{{id(1), 1}}}); !ok {
		t.Error("the bucket that should have had plenty is paused")
	}
	p3, ok := s.Try(epoch.Add(2*time.Second), both)
	if !ok {
		t.Fatal("nothing leaves after the pause")
	}
	s.Report(epoch.Add(2100*time.Millisecond), p3, Outcome{Kind: Throttled})
	if _, ok := s.Try(epoch.Add(2200*time.Millisecond), Attempt{Draws: []Draw{{id(1), 1}}}); ok {
		t.Error("the other bucket is not suspected although the first was found empty a moment ago")
	}
	cuts(2, 1)
}

// TestFindsUnknownLimit finds limits from other numbers, above and below, and tells what it learnt.
func TestFindsUnknownLimit(t *testing.T) {
	for _, refill := range []float64{2, 20, 300} {
		v := serve(t, Limit{Rate: 5, Burst: 5, Unknown: true}, refill, 3*refill)
		v.busy(5 * time.Minute)
		l, ok := v.s.Learnt(v.now())[id(0)]
		if !ok || math.Abs(l.Rate-refill) > 0.05*refill {
			t.Errorf("learnt %+v of %v/s", l, refill)
		}
		if most := 0.02*float64(v.sent) + 10; float64(v.refused) > most {
			t.Errorf("%d of %d refused at %v/s", v.refused, v.sent, refill)
		}
	}
}

// TestLearntIsRecalled begins with what was learnt, more cautiously the older it is.
func TestLearntIsRecalled(t *testing.T) {
	for _, c := range []struct {
		age         time.Duration
		least, most float64
	}{{0, 19, 20}, {24 * time.Hour, 15, 18}, {-24 * time.Hour, 15, 18}, {4 * 7 * 24 * time.Hour, 3, 5}} {
		l := Learnt{Rate: 20, Burst: 60, Steady: 100 * time.Second, At: epoch.Add(-c.age)}
		s := NewScheduler(Options{
			Limit:  func(BucketID) Limit { return Limit{Rate: 1, Burst: 1, Unknown: true} },
			Learnt: func(BucketID) (Learnt, bool) { return l, true },
		})
		if _, ok := s.Try(epoch, Attempt{Draws: one}); !ok {
			t.Fatal("the first attempt waits")
		}
		if b := s.Snapshot(epoch).Buckets[0]; b.Rate < c.least || b.Rate > c.most {
			t.Errorf("%v old: %v/s, want from %v to %v", c.age, b.Rate, c.least, c.most)
		}
		if diff := cmp.Diff(map[BucketID]Learnt{id(0): l}, s.Learnt(epoch.Add(time.Hour))); diff != "" {
			t.Errorf("what was not tested since has changed (-want +got)\n%s", diff)
		}
	}
}

// TestBeginsWithABurst has a governor that knows a rate from earlier let out its burst at once. How much the real bucket has then was not looked at, so
// that a throttle which comes at once says nothing of the rate.
func TestBeginsWithABurst(t *testing.T) {
	for _, left := range []float64{0, 1, 4, 8, 12} {
		l := Learnt{Rate: 2.5, Steady: 2 * time.Minute, At: epoch}
		v := serve(t, Limit{}, 4, 20)
		v.level = left
		v.s = NewScheduler(Options{
			Limit:  func(BucketID) Limit { return Limit{Rate: 5, Burst: 12.5, Refill: 10, Capacity: 20, Unknown: true} },
			Learnt: func(BucketID) (Learnt, bool) { return l, true },
		})
		v.busy(100 * time.Millisecond)
		if got := v.s.Learnt(v.now())[id(0)].Rate; got < 0.9*l.Rate || got > 1.1*l.Rate || (v.refused == 0) != (left == 12) {
			t.Errorf("%v tokens were left: learnt %v/s, was %v; %d of %d refused", left, got, l.Rate, v.refused, v.sent)
		}
	}
}

// TestNonsenseIsNotRecalled begins as if nothing had been learnt.
func TestNonsenseIsNotRecalled(t *testing.T) {
	for _, rate := range []float64{0, -1, math.NaN(), math.Inf(1), math.MaxFloat64} {
		s := NewScheduler(Options{
			Limit:  func(BucketID) Limit { return Limit{Rate: 1, Unknown: true} },
			Learnt: func(BucketID) (Learnt, bool) { return Learnt{Rate: rate, Burst: rate, Steady: math.MinInt64}, true },
		})
		s.Try(epoch, Attempt{Draws: one})
		if b := s.Snapshot(epoch).Buckets[0]; b.Rate < 1 || b.Rate > 1.2 || len(s.Learnt(epoch)) != 0 {
			t.Errorf("learnt %v: %+v", rate, b)
		}
	}
}

// TestShareOfUnknownLimit takes half of what is found, but for the probes.
func TestShareOfUnknownLimit(t *testing.T) {
	v := serve(t, Limit{Rate: 1, Refill: 2, Burst: 1, Unknown: true}, 20, 100)
	v.busy(5 * time.Minute)
	v.sent = 0
	v.busy(time.Hour)
	if rate := float64(v.sent) / 3600; rate < 9 || rate > 13 {
		t.Errorf("%v/s, want about half of 20", rate)
	}
}

// TestIdleGrowsNothing lets days pass without attempts.
func TestIdleGrowsNothing(t *testing.T) {
	v := serve(t, Limit{Rate: 1, Burst: 1, Unknown: true}, 20, 100)
	v.busy(3 * time.Minute)
	before := v.state().Available
	v.waits = !v.s.Cancel(v.now(), &v.ticket)
	v.pass(72 * time.Hour)
	if b := v.state(); b.Available > before*1.01 || b.Level > 60 {
		t.Errorf("after three idle days: %+v, was %v/s", b, before)
	}
	refused := v.refused
	v.busy(time.Minute)
	if v.refused > refused+5 {
		t.Errorf("%d refused in the first minute after three idle days", v.refused-refused)
	}
}

// TestRaisedLimitIsFound takes more than was published only if all of the quota is ours.
func TestRaisedLimitIsFound(t *testing.T) {
	for _, c := range []struct {
		limit Limit
		found bool
	}{
		{Limit{Rate: 5, Burst: 10, Refill: 5, Capacity: 10}, true},
		{Limit{Rate: 5, Burst: 10}, false},
		{Limit{Rate: 5, Burst: 10, Refill: 6, Capacity: 15}, false},
	} {
		v := serve(t, c.limit, 20, 40)
		v.busy(10 * time.Minute)
		if got := v.fastest > 15; got != c.found || !c.found && v.fastest > 5 {
			t.Errorf("%+v: up to %v/s", c.limit, v.fastest)
		}
	}
}

// TestLooksChangeNothing finds a raised limit as fast when the bucket is looked at all the time.
func TestLooksChangeNothing(t *testing.T) {
	found := func(every time.Duration) time.Duration {
		v := serve(t, Limit{Rate: 12, Burst: 10, Refill: 12, Capacity: 10}, 40, 40)
		for v.busy(every); v.state().Available < 24; v.busy(every) {
			if v.at > time.Hour {
				t.Fatal("not found")
			}
		}
		return v.at
	}
	seldom, often := found(time.Second), found(7*time.Millisecond)
	if ratio := often.Seconds() / seldom.Seconds(); ratio < 0.95 || ratio > 1.05 {
		t.Errorf("looked at often: found after %v, seldom: %v", often, seldom)
	}
}

// TestBurstsHideNoLimit finds a limit that nobody published although others empty the bucket once a minute, from whatever time on.
func TestBurstsHideNoLimit(t *testing.T) {
	for _, first := range []time.Duration{3 * time.Second, 5 * time.Second, 8 * time.Second, 13 * time.Second, 21 * time.Second} {
		v := serve(t, Limit{Rate: 1, Burst: 1, Unknown: true}, 20, 100)
		v.busy(first)
		for range 30 {
			v.level = 0
			v.busy(time.Minute)
		}
		if b := v.state(); b.Available < 14 || b.Available > 24 {
			t.Errorf("bursts from %v on: %.1f/s found after half an hour, want about 20", first, b.Available)
		}
	}
}

// TestGuessIsNoRateToReturnTo has the rate go up and down after a start that ended far above it: what is returned to is what was there.
func TestGuessIsNoRateToReturnTo(t *testing.T) {
	v := serve(t, Limit{Rate: 1, Burst: 1, Unknown: true}, 20, 100)
	v.busy(2 * time.Minute)
	for range 10 {
		v.refill = 5
		v.busy(time.Minute)
		v.refill = 20
		v.fastest = 0
		v.busy(time.Minute)
		if v.fastest > 30 {
			t.Errorf("at %v: up to %.1f/s, where 20 were there", v.at, v.fastest)
		}
	}
	if b := v.state(); b.Available < 15 || b.Available > 24 {
		t.Errorf("%.1f/s are returned to, want about 20", b.Available)
	}
}

// TestSetLimitWhileAdapting changes limits in all directions.
func TestSetLimitWhileAdapting(t *testing.T) {
	unknown := Limit{Rate: 1, Burst: 1, Unknown: true}
	v := serve(t, unknown, 20, 100)
	v.busy(2 * time.Minute)
	found := v.state().Available
	other := unknown
	other.Rate = 2
	v.s.SetLimit(v.now(), id(0), other)
	if got := v.state().Available; got != found {
		t.Errorf("%v/s, want what was found, %v", got, found)
	}
	v.s.SetLimit(v.now(), id(0), Limit{Rate: 7, Burst: 7})
	if b := v.state(); b.Rate != 7 || b.Adapting != "" {
		t.Errorf("%+v, want the limit that is known now", b)
	}
	v.s.SetLimit(v.now(), id(0), Limit{Rate: math.Inf(1), Unknown: true})
	if b := v.state(); !math.IsInf(b.Rate, 1) || b.Adapting != "" {
		t.Errorf("%+v, want no limit", b)
	}
	v.s.SetLimit(v.now(), id(0), Limit{Unknown: true})
	if b := v.state(); b.Limit.Rate != 1 || b.Rate < 1 {
		t.Errorf("%+v, want to begin at 1/s", b)
	}
}

// TestStormLeavesSomething throttles without end: a caller that crawls still finds out when that is over.
func TestStormLeavesSomething(t *testing.T) {
	for _, l := range []Limit{{Rate: 10, Burst: 5}, {Rate: 10, Burst: 5, Refill: 10, Capacity: 50}, {Rate: 10, Burst: 5, Unknown: true}} {
		v := serve(t, l, 0, 0)
		v.busy(2 * time.Hour)
		if b := v.state(); b.Rate < 0.3 || b.Rate > 1 {
			t.Errorf("%+v: %v/s after two hours of throttles, want about a twentieth", l, b.Rate)
		}
	}
}

// TestBeliefLaws drives one bucket with random limits, throttles, outcomes and times: what is believed stays finite, the pace stays within a limit that
// others have a part of, time that goes back changes nothing, and after a storm of throttles the rate comes back.
func TestBeliefLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawQuota(t)
		s, at := NewScheduler(Options{Limit: func(BucketID) Limit { return l }}), time.Duration(0)
		var passes []Pass
		s.Try(epoch, Attempt{Draws: one})
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			at += time.Duration(rapid.SampledFrom([]float64{-1, 0, 0.01, 0.3, 1, 5, 60, 1e5}).Draw(t, "pass") * 1e9)
			if p, ok := s.Try(epoch.Add(at), Attempt{Draws: one}); ok {
				passes = append(passes, p)
			}
			if len(passes) > 0 && rapid.Bool().Draw(t, "answered") {
				o := Outcome{Kind: rapid.SampledFrom([]OutcomeKind{OK, Failed, Throttled, Throttled}).Draw(t, "kind")}
				s.Report(epoch.Add(at), passes[0], o)
				passes = passes[1:]
			}
			lawful(t, s, epoch.Add(at))
		}
		comesBack(t, s, at)
	})
}

// drawQuota makes a limit with numbers that make sense and numbers that don't.
func drawQuota(t *rapid.T) Limit {
	number := rapid.SampledFrom([]float64{0.1, 1, 2, 20, 200})
	l := Limit{Rate: number.Draw(t, "rate"), Burst: number.Draw(t, "burst"), Unknown: rapid.Bool().Draw(t, "unknown")}
	l.Refill = rapid.SampledFrom([]float64{0, math.NaN(), math.Inf(1), l.Rate, 1.5 * l.Rate, 100 * l.Rate}).Draw(t, "refill")
	l.Capacity = rapid.SampledFrom([]float64{0, math.NaN(), l.Burst, 3 * l.Burst}).Draw(t, "capacity")
	return l
}

// lawful fails if the bucket's state makes no sense.
func lawful(t *rapid.T, s *Scheduler, now time.Time) {
	b, m := s.Snapshot(now).Buckets[0], s.buckets[id(0)].pace.belief
	if !(b.Rate > 0 && b.Rate <= 2*mostRate) || math.IsNaN(b.Level) || b.Level > 1e13 {
		t.Fatalf("%+v", b)
	}
	if !b.Limit.Unknown && !b.Limit.whole() && b.Rate > b.Limit.Rate*(1+1e-9) {
		t.Fatalf("faster than our part: %+v", b)
	}
	if m != nil && !(m.avail > 0 && m.depth > 0 && math.Abs(m.level) <= 10*mostRate && m.trial > 0 && m.trial <= trialEver) {
		t.Fatalf("limit %+v: %+v", b.Limit, m)
	}
}

// comesBack lets whatever wants leave for a long while, with no throttle any more.
func comesBack(t *rapid.T, s *Scheduler, at time.Duration) {
	at += 400 * 24 * time.Hour // after whatever time it was told
	want := 0.9 * s.Snapshot(epoch.Add(at)).Buckets[0].Limit.Rate
	var k Ticket
	for i := range 100_000 {
		if err := s.Submit(epoch.Add(at), &k, Attempt{Draws: one}); err != nil {
			t.Fatal(err)
		}
		for s.Next(epoch.Add(at)) == nil {
			wake, ok := s.Wake()
			if !ok {
				t.Fatal("never leaves")
			}
			at = wake.Sub(epoch)
		}
		if i%50 == 0 && s.Snapshot(epoch.Add(at)).Buckets[0].Rate >= want {
			return
		}
	}
	t.Fatalf("the rate does not come back: %+v", s.Snapshot(epoch.Add(at)).Buckets[0])
}

// TestLn compares with the system's.
func TestLn(t *testing.T) {
	for _, x := range []float64{1, 1.0001, 1.9999, 2, 2.718, 3, 7, 63.3, 1e6, 1e12} {
		if got, want := ln(x), math.Log(x); math.Abs(got-want) > 1e-14*(1+want) {
			t.Errorf("ln(%v) = %v, want %v", x, got, want)
		}
	}
}
