package botorate

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestBucket steps through fixed instants: what leaves, and what remains.
func TestBucket(t *testing.T) {
	type step struct {
		ms     int
		tokens float64
		leaves bool
		level  float64
	}
	for name, test := range map[string]struct {
		limit Limit
		steps []step
	}{
		"burst, then rate":      {Limit{Rate: 10, Burst: 2}, []step{{0, 1, true, 1}, {0, 1, true, 0}, {99, 1, false, 0.99}, {100, 1, true, 0}}},
		"burst below one":       {Limit{Rate: 10, Burst: 0.5}, []step{{0, 1, true, 0}, {99, 1, false, 0.99}, {100, 1, true, 0}}},
		"late by the slack":     {Limit{Rate: 10, Burst: 1}, []step{{0, 1, true, 0}, {500, 1, true, 0.02}, {598, 1, true, 0}}},
		"floor":                 {Limit{Rate: 10, Burst: 5, Floor: 3}, []step{{0, 2, true, 3}, {0, 1, false, 3}, {100, 1, true, 3}}},
		"larger than the burst": {Limit{Rate: 10, Burst: 5}, []step{{0, 1, true, 4}, {99, 20, false, 4.99}, {100, 20, true, -15}, {1699, 1, false, 0.99}, {1700, 1, true, 0}}},
		"larger than burst less floor": {
			Limit{Rate: 10, Burst: 5, Floor: 3},
			[]step{{0, 3, true, 2}, {299, 3, false, 4.99}, {300, 3, true, 2}},
		},
		"no rate":        {Limit{Burst: 1}, []step{{0, 1, true, 0}, {1e6, 1, false, 0}}},
		"no limit":       {Limit{Rate: math.Inf(1)}, []step{{0, 1e9, true, math.Inf(1)}, {0, 1e9, true, math.Inf(1)}}},
		"small draws":    {Limit{Rate: 10, Burst: 1}, []step{{0, 0.7, true, 0.3}, {0, 0.7, false, 0.3}, {40, 0.7, true, 0}}},
		"not a number":   {Limit{Rate: math.NaN(), Burst: math.NaN(), Floor: math.NaN()}, []step{{0, 1, true, 0}, {1e6, 1, false, 0}}},
		"floor too high": {Limit{Rate: 10, Burst: 2, Floor: 9}, []step{{0, 1, true, 1}, {50, 1, false, 1.5}, {100, 1, true, 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			s := NewScheduler(Options{Limit: func(BucketID) Limit { return test.limit }})
			for i, step := range test.steps {
				now := start.Add(time.Duration(step.ms) * time.Millisecond)
				_, leaves := s.Try(now, Attempt{Draws: []Draw{{id(0), step.tokens}}})
				level := s.Snapshot(now).Buckets[0].Level
				if leaves != step.leaves || math.Abs(level-step.level) > 1e-6 {
					t.Errorf("step %d, %+v: leaves %v, level %v", i, step, leaves, level)
				}
			}
		})
	}
}

// TestScarceAndPlentiful is the plain case of several draws: one that waits for a scarce bucket keeps its turn in the plentiful one, and those
// that need only that go ahead as far as this makes it no later.
func TestScarceAndPlentiful(t *testing.T) {
	start := time.Now()
	s := NewScheduler(Options{})
	scarce, plentiful := BucketID{Quota: "scarce"}, BucketID{Quota: "plentiful"}
	s.SetLimit(start, scarce, Limit{Rate: 1, Burst: 1})
	s.SetLimit(start, plentiful, Limit{Rate: 10, Burst: 5})
	var tickets [20]Ticket
	submit := func(i int, d ...Draw) {
		tickets[i].Owner = i
		if err := s.Submit(start, &tickets[i], Attempt{Draws: d}); err != nil {
			t.Fatal(err)
		}
	}
	submit(0, Draw{scarce, 1})                     // leaves at once
	submit(1, Draw{plentiful, 5}, Draw{scarce, 1}) // at 1 s, when the plentiful bucket must be full
	for i := 2; i < 20; i++ {
		submit(i, Draw{plentiful, 1})
	}
	var got []string
	for now := start; len(got) < 20; now, _ = s.Wake() {
		for tk := s.Next(now); tk != nil; tk = s.Next(now) {
			got = append(got, fmt.Sprintf("%v@%v", tk.Owner, now.Sub(start).Milliseconds()))
		}
	}
	// In the first second the plentiful bucket has 5 + 10 tokens, of which 5 must remain: 10 may go ahead.
	want := []string{
		"0@0", "2@0", "3@0", "4@0", "5@0", "6@0", "7@100", "8@200", "9@300", "10@400", "11@500", "1@1000",
		"12@1100", "13@1200", "14@1300", "15@1400", "16@1500", "17@1600", "18@1700", "19@1800",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

// TestSpareIsSpentOnce gives those that may go ahead no more than what is spare between them.
func TestSpareIsSpentOnce(t *testing.T) {
	start := time.Now()
	s := NewScheduler(Options{})
	scarce, plentiful := BucketID{Quota: "scarce"}, BucketID{Quota: "plentiful"}
	s.SetLimit(start, scarce, Limit{Rate: 1, Burst: 2})
	s.SetLimit(start, plentiful, Limit{Rate: 1, Burst: 5})
	s.Try(start, Attempt{Draws: []Draw{{scarce, 2}}})
	tickets := make([]Ticket, 6) // the first at 2 s: until then 5 + 2 tokens, of which it needs 5
	_ = s.Submit(start, &tickets[0], Attempt{Draws: []Draw{{scarce, 2}, {plentiful, 5}}})
	for i := range tickets[1:] {
		_ = s.Submit(start, &tickets[i+1], Attempt{Draws: []Draw{{plentiful, 1}}})
	}
	left := 0
	for s.Next(start) != nil {
		left++
	}
	if left != 2 {
		t.Errorf("%d went ahead, want 2", left)
	}
	if tk := s.Next(start.Add(2 * time.Second)); tk != &tickets[0] {
		t.Errorf("the first didn't leave when planned")
	}
}

// TestCancelHead lets the next one leave at once when it needs less.
func TestCancelHead(t *testing.T) {
	start := time.Now()
	s := NewScheduler(Options{Limit: func(BucketID) Limit { return Limit{Rate: 1, Burst: 5} }})
	s.Try(start, Attempt{Draws: []Draw{{id(0), 2}}})
	var large, small Ticket
	_ = s.Submit(start, &large, Attempt{Draws: []Draw{{id(0), 5}}})
	_ = s.Submit(start, &small, Attempt{Draws: one})
	if tk := s.Next(start); tk != nil {
		t.Error("one left out of turn")
	}
	s.Cancel(start, &large)
	if tk := s.Next(start); tk != &small {
		t.Error("the next one didn't leave")
	}
}

// TestForget uses a bucket again that was idle for long: nothing shows that it was forgotten.
func TestForget(t *testing.T) {
	start, asked := time.Now(), 0
	s := NewScheduler(Options{Limit: func(BucketID) Limit { asked++; return Limit{Rate: 1, Burst: 3} }})
	s.SetLimit(start, id(0), Limit{Rate: 2, Burst: 1})
	s.Try(start, Attempt{Draws: []Draw{{id(0), 1}, {id(1), 1}}})
	var waits Ticket
	_ = s.Submit(start, &waits, Attempt{Draws: []Draw{{id(0), 1}, {id(1), 1}}})
	busy := start.Add(5 * time.Minute)
	for s.Next(busy) != nil {
	}
	s.Pause(busy, id(2), busy.Add(time.Hour)) // not idle
	later := start.Add(20 * time.Minute)
	before := s.Snapshot(later)
	s.Try(later, Attempt{Draws: []Draw{{id(9), 1}}}) // a new bucket: looks for idle ones
	if len(s.buckets) != 2 || len(s.forgotten) != 2 || len(s.lanes) != 0 {
		t.Fatalf("%d buckets, %d forgotten, %d lanes; want 2, 2, 0", len(s.buckets), len(s.forgotten), len(s.lanes))
	}
	after := s.Snapshot(later)
	for i, b := range before.Buckets {
		b.Level = math.Floor(b.Level) // the slack is forgotten
		before.Buckets[i] = b
		after.Buckets[i].Level = math.Floor(after.Buckets[i].Level)
	}
	if diff := cmp.Diff(before.Buckets, after.Buckets[:3]); diff != "" {
		t.Errorf("the buckets changed (-before +after):\n%s", diff)
	}
	s.Try(later, Attempt{Draws: []Draw{{id(0), 1}, {id(1), 1}}})
	b := s.Snapshot(later).Buckets[0]
	if want := (BucketState{ID: id(0), Limit: Limit{Rate: 2, Burst: 1}, Rate: 2, Left: 3, Tokens: 3}); b != want || asked != 3 {
		t.Errorf("got %+v, want %+v; asked for %d limits, want 3", b, want, asked)
	}
}

// TestWaitIsUse has an attempt wait for longer than an idle bucket and a tenant are remembered: neither was idle.
func TestWaitIsUse(t *testing.T) {
	start := time.Now()
	s := NewScheduler(Options{Limit: func(BucketID) Limit { return Limit{Rate: 1, Burst: 1} }})
	first := Attempt{Draws: []Draw{{id(0), 1}}, Tenant: "waits"}
	s.Try(start, first)
	s.Pause(start, id(0), start.Add(2*forgetAfter))
	var waits Ticket
	if err := s.Submit(start, &waits, first); err != nil {
		t.Fatal(err)
	}
	left := start.Add(2 * forgetAfter)
	if s.Next(left) == nil {
		t.Fatal("nothing leaves after the pause")
	}
	s.Try(left.Add(forgetAfter/2), Attempt{Draws: []Draw{{id(1), 1}}}) // a new bucket: looks for idle ones
	s.foldTenants()
	if s.buckets[id(0)] == nil || s.tenants["waits"] == nil {
		t.Error("forgotten five minutes after it was used")
	}
}

// TestForgetMost uses 20,000 buckets and tenants, a thousand in ten minutes and one of each all the time: what is kept is bounded, and the sums are right.
func TestForgetMost(t *testing.T) {
	const n, each = 20_000, 1000
	start, now := time.Now(), time.Time{}
	s := NewScheduler(Options{Limit: func(BucketID) Limit { return Limit{Rate: 1, Burst: 3} }})
	shared := BucketID{Quota: "shared"}
	s.SetLimit(start, shared, Limit{Rate: 1e3, Burst: 1e3})
	for i := range n {
		now = start.Add(time.Duration(i) * forgetAfter / each)
		for _, a := range []Attempt{
			{Draws: []Draw{{id(i), 1}, {shared, 2}}, Tenant: id(i).Quota},
			{Draws: []Draw{{shared, 2}}, Tenant: "always"},
		} {
			if _, ok := s.Try(now, a); !ok {
				t.Fatalf("attempt %d doesn't leave", i)
			}
		}
	}
	if b, f, l := len(s.buckets), len(s.forgotten), len(s.lanes); b > 3*each || f > rememberMost || l > 0 || len(s.tenants) > rememberMost+each {
		t.Errorf("%d buckets, %d forgotten, %d lanes, %d tenants", b, f, l, len(s.tenants))
	}
	snap := s.Snapshot(now)
	sum := snap.Forgotten
	for _, b := range snap.Buckets {
		sum.add(Forgotten{Buckets: 1, Left: b.Left, Tokens: b.Tokens})
	}
	for _, tn := range snap.Tenants {
		sum.add(Forgotten{Tenants: 1, Attempts: tn.Left})
	}
	if want := (Forgotten{Buckets: n + 1, Left: 3 * n, Tokens: 5 * n, Tenants: n + 1, Attempts: 2 * n}); sum != want {
		t.Errorf("in all %+v, want %+v", sum, want)
	}
	for i := range rememberMost {
		s.Try(now.Add(time.Duration(i)*forgetAfter/2/rememberMost), Attempt{Draws: []Draw{{shared, 1e-3}}, Tenant: "new " + id(i).Quota})
	}
	if s.tenants["new q0"] == nil {
		t.Error("one that was seen in the last minutes is forgotten")
	}
	if b, tn := s.buckets[shared], s.tenants["always"]; b.left != 2*n+rememberMost || b.limit.Rate != 1e3 || tn.left != n {
		t.Errorf("those that were always used: %+v, %+v", b, tn)
	}
}

// TestSnapshot shows who waits for what.
func TestSnapshot(t *testing.T) {
	start := time.Now()
	s := NewScheduler(Options{Limit: func(BucketID) Limit { return Limit{Rate: 1, Burst: 1} }})
	var tickets [3]Ticket
	for i := range tickets {
		_ = s.Submit(start, &tickets[i], Attempt{Draws: []Draw{{id(1), 1}, {id(0), 1}}, Tenant: string(rune('b' - i%2))})
	}
	s.Next(start)
	now := start.Add(500 * time.Millisecond)
	state := func(i int) BucketState {
		return BucketState{ID: id(i), Limit: Limit{Rate: 1, Burst: 1}, Rate: 1, Level: 0.5, Waiting: 2, Left: 1, Tokens: 1}
	}
	want := Snapshot{
		At:      now,
		Buckets: []BucketState{state(0), state(1)},
		Lanes:   []LaneState{{Buckets: []BucketID{id(0), id(1)}, Waiting: 2, Oldest: start}},
		Tenants: []TenantState{{Tenant: "a", Waiting: 1}, {Tenant: "b", Waiting: 1, Left: 1}},
	}
	if diff := cmp.Diff(want, s.Snapshot(now)); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
	s.Next(start.Add(time.Second))
	if held := s.Snapshot(now).Tenants[0].Held; held != time.Second {
		t.Errorf("held %v, want 1s", held)
	}
}

func TestSubmitTwicePanics(t *testing.T) {
	s, now := NewScheduler(Options{Limit: func(BucketID) Limit { return Limit{} }}), time.Now()
	s.Try(now, Attempt{Draws: one})
	var tk Ticket
	_ = s.Submit(now, &tk, Attempt{Draws: one})
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	_ = s.Submit(now, &tk, Attempt{Draws: one})
}

// TestOrderOfDraws gives the same buckets in another order: one lane.
func TestOrderOfDraws(t *testing.T) {
	s, now := NewScheduler(Options{Limit: func(BucketID) Limit { return Limit{} }}), time.Now()
	var tickets [2]Ticket
	d := []Draw{{id(2), 3}, {id(0), 1}, {id(1), 2}}
	r := []Draw{d[2], d[1], d[0]}
	for i, draws := range [][]Draw{d, r} {
		if err := s.Submit(now, &tickets[i], Attempt{Draws: draws}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.lanes); n != 1 {
		t.Fatalf("%d lanes, want 1", n)
	}
	for _, l := range s.lanes {
		for i, b := range l.buckets {
			for _, tk := range tickets {
				if want := fmt.Sprint("q", tk.tokens(i)-1); b.id.Quota != want {
					t.Errorf("bucket %s takes the tokens of %s", b.id.Quota, want)
				}
			}
		}
	}
}
