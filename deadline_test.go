package botorate

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drawBacklog makes attempts that wait: in one lane, or in several; alike, or of different sizes and classes.
func drawBacklog(t *rapid.T) (before []Attempt) {
	uniform, draws := rapid.Bool().Draw(t, "uniform"), rapid.SampledFrom([]int{1, 2, 0}).Draw(t, "draws")
	tokens, classes := rapid.SampledFrom([]float64{1, 2, 9}), rapid.Bool().Draw(t, "classes")
	for range rapid.IntRange(5, 60).Draw(t, "backlog") {
		a := Attempt{Draws: []Draw{{id(0), 1}, {id(1), 1}}, Tenant: rapid.SampledFrom([]string{"", "b", "ccc"}).Draw(t, "tenant")}
		if !uniform {
			a.Draws[0].Tokens, a.Draws[1].Tokens = tokens.Draw(t, "tokens"), tokens.Draw(t, "more")
		}
		if classes {
			a.Class = rapid.SampledFrom([]Class{Batch, Batch, Interactive}).Draw(t, "class")
		}
		if draws == 0 && rapid.Bool().Draw(t, "one") || draws == 1 {
			a.Draws = a.Draws[:1]
		}
		before = append(before, a)
	}
	return before
}

// TestShedIsHonest submits an attempt with a deadline behind others. If it is refused, then it would have left too late without a deadline;
// if not, it leaves in time or is refused at its deadline.
func TestShedIsHonest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Options{
			BatchShare: rapid.SampledFrom([]float64{0, 0.3, 0.5, 1}).Draw(t, "share"),

			Limit:  func(BucketID) Limit { return Limit{Rate: 2, Burst: 3, Floor: 1} },
			Weight: func(tn string) float64 { return float64(1 + len(tn)) },
		}
		before := drawBacklog(t)
		tenant := rapid.SampledFrom([]string{"", "b", "new"}).Draw(t, "me")
		class := rapid.SampledFrom([]Class{Batch, Interactive}).Draw(t, "my class")
		run := func(patience time.Duration) *call {
			w := newWorld(t, o)
			for _, a := range before {
				w.submit(a)
			}
			me := Attempt{Draws: []Draw{{id(0), 1}, {id(1), 1}}[:len(before[0].Draws)], Tenant: tenant, Class: class}
			if patience >= 0 {
				me.Deadline = w.now().Add(patience)
			}
			c := w.submit(me)
			for c.state == "waiting" && w.at < time.Hour {
				w.next(time.Minute)
			}
			return c
		}
		twin := run(-1) // without a deadline
		patience := twin.left + time.Duration(rapid.SampledFrom([]int{0, 1, -1, 1000, -1000, -1e6, -1e9}).Draw(t, "more"))
		if patience < 0 {
			t.Skip("it leaves at once")
		}
		if mine := run(patience); (mine.state == "left") != (twin.left <= patience) {
			t.Fatalf("with %v of patience it %s; without a deadline it leaves after %v", patience, mine.state, twin.left)
		}
	})
}

// TestKnownAtOnce submits an attempt behind others that are all alike, of both classes and two tenants. If it would leave some turns too late, it is
// refused at once; if it would leave just in time, it isn't.
func TestKnownAtOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const turns = 4 * time.Second / 2
		o := Options{
			BatchShare: rapid.SampledFrom([]float64{0, 0.3, 0.5, 1}).Draw(t, "share"),
			Weight:     func(tn string) float64 { return float64(1 + len(tn)) },
			Limit:      func(BucketID) Limit { return Limit{Rate: 2, Burst: 3} },
		}
		some := rapid.Custom(func(t *rapid.T) Attempt {
			return Attempt{
				Draws: one, Class: rapid.SampledFrom([]Class{Batch, Interactive}).Draw(t, "class"),
				Tenant: rapid.SampledFrom([]string{"", "b"}).Draw(t, "tenant"),
			}
		})
		before, me := rapid.SliceOfN(some, 4, 60).Draw(t, "before"), some.Draw(t, "me")
		run := func(patience time.Duration) *call {
			w := newWorld(t, o)
			for _, a := range before {
				w.submit(a)
			}
			if patience >= 0 {
				me.Deadline = w.now().Add(patience)
			}
			c := w.submit(me)
			if c.state == "late" {
				return c
			}
			for c.state == "waiting" {
				w.next(time.Minute)
			}
			return c
		}
		left := run(-1).left
		if c := run(left); c.state != "left" {
			t.Fatalf("it can leave at %v, and is %s", left, c.state)
		}
		if left > turns {
			if c := run(left - turns); c.state != "late" || c.ticket.state == late {
				t.Fatalf("it can't leave before %v, and is %s at its deadline", left, c.state)
			}
		}
	})
}

// TestOverload lets attempts come at random, twice as many as can leave, each with 5 s. What leaves is all that can, and in time; one that is too late is
// told so when it comes, or when something that came later has taken its turn.
func TestOverload(t *testing.T) {
	for name, tenants := range map[string]int{"one tenant": 1, "twenty tenants": 20} {
		t.Run(name, func(t *testing.T) {
			const rate, span = 100, 10 * time.Minute
			left, refused, later := overload(t, rate, 5*time.Second, span, tenants)
			t.Logf("%d left, %d refused at once, %d later", left, refused, later)
			if least := 0.99 * rate * span.Seconds(); float64(left) < least {
				t.Errorf("%d left, want %v", left, least)
			}
			if tenants == 1 && later > 0 || later > refused {
				t.Errorf("%d were refused when they came and %d later", refused, later)
			}
		})
	}
}

// overload counts what left, what was refused when it came, and what later.
func overload(t *testing.T, rate float64, patience, span time.Duration, tenants int) (left, refused, later int) {
	t.Helper()
	start, random, s := time.Now(), rand.New(rand.NewPCG(1, 2)), NewScheduler(paced(rate, 10))
	take := func(now time.Time) {
		for tk := s.Next(now); tk != nil; tk = s.Next(now) {
			if _, err := tk.Pass(); err != nil {
				later++
			} else if left++; tk.deadline < s.now {
				t.Fatal("one left after its deadline")
			}
		}
	}
	for at := time.Duration(0); at < span; at += time.Duration(random.ExpFloat64() / (2 * rate) * 1e9) {
		now := start.Add(at)
		for wake, ok := s.Wake(); ok && wake.Before(now); wake, ok = s.Wake() {
			take(wake)
		}
		a := Attempt{Draws: one, Tenant: strconv.Itoa(random.IntN(tenants)), Deadline: now.Add(patience)}
		if s.Submit(now, new(Ticket), a) != nil {
			refused++
		}
		take(now)
	}
	return left, refused, later
}

// TestShedCountsNoStrangers has another tenant ahead whose attempts differ: those before are smaller than the rest, and must not be taken for as large.
func TestShedCountsNoStrangers(t *testing.T) {
	now := time.Now()
	s := NewScheduler(Options{Limit: func(BucketID) Limit { return Limit{Rate: 1, Burst: 100} }})
	attempt := func(tenant string, a, b float64) Attempt {
		return Attempt{Draws: []Draw{{id(0), a}, {id(1), b}}, Tenant: tenant}
	}
	s.Try(now, attempt("", 100, 100))
	for range 2 {
		_ = s.Submit(now, new(Ticket), attempt("me", 9, 9))
	}
	sizes := [][2]float64{{9, 1}, {1, 9}, {9, 9}, {9, 9}, {9, 9}, {9, 9}, {9, 9}, {9, 9}}
	for _, size := range sizes {
		_ = s.Submit(now, new(Ticket), attempt("other", size[0], size[1]))
	}
	mine := attempt("me", 1, 1)
	mine.Deadline = now.Add((10 + 18 + 1) * time.Second)
	var tk Ticket
	if err := s.Submit(now, &tk, mine); err != nil {
		t.Fatal(err)
	}
	for got := s.Next(now); got != &tk; got = s.Next(now) {
		if got == nil {
			now, _ = s.Wake()
		}
	}
	if _, err := tk.Pass(); err != nil || !now.Equal(mine.Deadline) {
		t.Errorf("%v, %v before its deadline", err, mine.Deadline.Sub(now))
	}
}
