package botorate

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drawBacklog makes attempts that wait: in one lane, or in several; alike, or of different sizes and classes.
func drawBacklog(t *rapid.T) (before []Attempt) {
	uniform, draws := rapid.Bool().Draw(t, "uniform"), rapid.SampledFrom([]int{1, 2, 0}).Draw(t, "draws")
	tokens := rapid.SampledFrom([]float64{1, 2, 9})
	for range rapid.IntRange(5, 60).Draw(t, "backlog") {
		a := Attempt{Draws: []Draw{{id(0), 1}, {id(1), 1}}, Tenant: rapid.SampledFrom([]string{"", "b", "ccc"}).Draw(t, "tenant")}
		if !uniform {
			a.Draws[0].Tokens, a.Draws[1].Tokens = tokens.Draw(t, "tokens"), tokens.Draw(t, "more")
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
