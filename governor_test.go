package botorate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func paced(rate, burst float64) Options {
	return Options{Limit: func(BucketID) Limit { return Limit{Rate: rate, Burst: burst} }}
}

var one = []Draw{{id(0), 1}}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, start := New(paced(10, 2)), time.Now()
		for i, want := range []time.Duration{0, 0, 100 * time.Millisecond, 200 * time.Millisecond} {
			pass, err := g.Wait(t.Context(), Attempt{Draws: one, Tenant: "a"})
			if err != nil {
				t.Fatal(err)
			}
			if got := time.Since(start); got != want || !pass.Left.Equal(time.Now()) || pass.Tenant != "a" {
				t.Errorf("attempt %d left after %v, want %v: %+v", i, got, want, pass)
			}
		}
	})
}

func TestWaitErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(paced(1, 1))
		if _, err := g.Wait(t.Context(), Attempt{}); !errors.Is(err, ErrDraws) {
			t.Errorf("without draws: %v", err)
		}
		for _, d := range [][]Draw{{one[0], one[0]}, {{id(0), 0}}, {{id(0), math.NaN()}}, {{id(0), math.Inf(1)}}, make([]Draw, MaxDraws+1)} {
			if _, err := g.Wait(t.Context(), Attempt{Draws: d}); !errors.Is(err, ErrDraws) {
				t.Errorf("draws %v: %v", d, err)
			}
		}
		done, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := g.Wait(done, Attempt{Draws: one}); !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that is done: %v", err)
		}
		if b := g.Snapshot().Buckets[0]; b.Left != 0 || b.Level != 1 {
			t.Errorf("something was spent: %+v", b)
		}
		if _, err := g.Wait(t.Context(), Attempt{Draws: one, Deadline: time.Now()}); err != nil {
			t.Errorf("with a deadline that is now: %v", err)
		}
	})
}

// TestHopeless asks for what can't be, by a nanosecond.
func TestHopeless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, start := New(paced(1, 1)), time.Now()
		_, _ = g.Wait(t.Context(), Attempt{Draws: one})
		var late *TooLateError
		if _, err := g.Wait(t.Context(), Attempt{Draws: one, Deadline: start.Add(time.Second - 1)}); !errors.As(err, &late) || late.Wait != time.Second {
			t.Errorf("with too little time: %v", err)
		}
		if got := time.Since(start); got != 0 {
			t.Errorf("it was refused after %v, want at once", got)
		}
		if _, err := g.Wait(t.Context(), Attempt{Draws: one, Deadline: start.Add(time.Second)}); err != nil {
			t.Errorf("with just enough time: %v", err)
		}
	})
}

// TestCancelLeavesNoHole cancels nine in ten of a long queue: the rest leave as if those had never come.
func TestCancelLeavesNoHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, start := New(paced(100, 1)), time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		var left, gone atomic.Int32
		for i := range 1000 {
			wg.Go(func() {
				c := ctx
				if i%10 == 0 {
					c = t.Context()
				}
				switch _, err := g.Wait(c, Attempt{Draws: one}); {
				case err == nil:
					left.Add(1)
				case errors.Is(err, context.Canceled):
					gone.Add(1)
				default:
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		cancel()
		wg.Wait()
		if got, want := time.Since(start), 990*time.Millisecond; got > want || left.Load() != 100 || gone.Load() != 900 {
			t.Errorf("after %v, want at most %v: %d left, %d gave up", got, want, left.Load(), gone.Load())
		}
		if s := g.Snapshot(); s.Buckets[0].Left != 100 || s.Tenants[0].Left != 100 || s.Tenants[0].Waiting != 0 {
			t.Errorf("snapshot %+v", s)
		}
	})
}

// TestCancelWakes has who waits behind a large attempt leave at once when that gives up.
func TestCancelWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, start := New(paced(1, 100)), time.Now()
		draws := func(n float64) []Draw { return []Draw{{one[0].Bucket, n}} }
		if _, err := g.Wait(t.Context(), Attempt{Draws: draws(100)}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := g.Wait(ctx, Attempt{Draws: draws(50)}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the large one: %v", err)
			}
		})
		synctest.Wait()
		if _, err := g.Wait(t.Context(), Attempt{Draws: draws(1)}); err != nil {
			t.Fatal(err)
		}
		if got, want := time.Since(start), 5*time.Second; got != want {
			t.Errorf("left after %v, want %v", got, want)
		}
		wg.Wait()
	})
}

// TestManyWaiters changes the limit under 10,000 of them.
func TestManyWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 10_000
		g, start := New(paced(10, 1)), time.Now()
		var wg sync.WaitGroup
		for range n + 1 {
			wg.Go(func() {
				if _, err := g.Wait(t.Context(), Attempt{Draws: one}); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := g.Snapshot().Buckets[0]; got.Waiting != n-100 || got.Left != 101 {
			t.Errorf("after 10 s: %+v", got)
		}
		g.SetLimit(id(0), Limit{Rate: 1000, Burst: 1})
		wg.Wait()
		if got, want := time.Since(start), 10*time.Second+(n-100)*time.Millisecond; got != want {
			t.Errorf("all had left after %v, want %v", got, want)
		}
	})
}

// TestShedLater makes a wait hopeless while it lasts.
func TestShedLater(t *testing.T) {
	for name, slow := range map[string]func(*Governor, Pass){
		"limit":    func(g *Governor, _ Pass) { g.SetLimit(id(0), Limit{Rate: 0.1}) },
		"no limit": func(g *Governor, _ Pass) { g.SetLimit(id(0), Limit{}) },
		"pause":    func(g *Governor, _ Pass) { g.Pause(id(0), time.Now().Add(4*time.Second)) },
		"throttle": func(g *Governor, p Pass) { g.Report(p, Outcome{Kind: Throttled, RetryAfter: 5 * time.Second}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := New(paced(1, 1))
				pass, _ := g.Wait(t.Context(), Attempt{Draws: one})
				start := time.Now()
				done := make(chan error)
				for range 2 {
					go func() {
						_, err := g.Wait(t.Context(), Attempt{Draws: one, Deadline: start.Add(3 * time.Second)})
						done <- err
					}()
				}
				time.Sleep(500 * time.Millisecond)
				slow(g, pass)
				for range 2 {
					var late *TooLateError
					if err := <-done; !errors.As(err, &late) || late.Wait < 3*time.Second || late.Error() == "" {
						t.Errorf("got %v", err)
					}
				}
				if got := time.Since(start); got != 500*time.Millisecond {
					t.Errorf("refused after %v, want at once", got)
				}
			})
		})
	}
}

// TestDeadlineComes lets an attempt's deadline pass behind others that nothing could have told would take so long.
func TestDeadlineComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(paced(1, 1))
		_, _ = g.Wait(t.Context(), Attempt{Draws: one})
		done := make(chan error)
		go func() {
			_, err := g.Wait(t.Context(), Attempt{Draws: one, Deadline: time.Now().Add(1500 * time.Millisecond)})
			done <- err
		}()
		synctest.Wait()
		go func() {
			_, err := g.Wait(t.Context(), Attempt{Draws: one, Class: Interactive})
			done <- err
		}()
		start := time.Now()
		if err := <-done; err != nil || time.Since(start) != time.Second {
			t.Errorf("interactive: %v after %v", err, time.Since(start))
		}
		var late *TooLateError
		if err := <-done; !errors.As(err, &late) || late.Wait != 2*time.Second || time.Since(start) != 1500*time.Millisecond {
			t.Errorf("batch: %v after %v", err, time.Since(start))
		}
	})
}

// TestReturnWakes gives the tokens of an attempt that wasn't sent to one that waits.
func TestReturnWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, start := New(paced(0.01, 1)), time.Now()
		pass, _ := g.Wait(t.Context(), Attempt{Draws: one})
		go func() {
			time.Sleep(time.Second)
			g.Return(pass)
		}()
		if _, err := g.Wait(t.Context(), Attempt{Draws: one}); err != nil || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// TestSinceKeepsThePlace sends an absorbed retry ahead of those that came after its first attempt.
func TestSinceKeepsThePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, start := New(paced(1, 1)), time.Now()
		_, _ = g.Wait(t.Context(), Attempt{Draws: one})
		var mu sync.Mutex
		var order []int
		var wg sync.WaitGroup
		wait := func(i int, since time.Time) {
			wg.Go(func() {
				_, _ = g.Wait(t.Context(), Attempt{Draws: one, Since: since})
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
			})
			synctest.Wait()
		}
		time.Sleep(time.Millisecond)
		for i := range 3 {
			wait(i, time.Time{})
		}
		wait(3, start)
		wg.Wait()
		for i, want := range []int{3, 0, 1, 2} {
			if order[i] != want {
				t.Fatalf("left in order %v", order)
			}
		}
	})
}

// TestRace lets everything happen at once, and counts what left: for -race, and for leaves that cross cancels.
func TestRace(t *testing.T) {
	g := New(paced(20_000, 50))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var kept atomic.Int64
	start := time.Now()
	for w := range 50 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(w)))
			for range 100 {
				c, stop := ctx, func() {}
				if r.IntN(3) == 0 {
					c, stop = context.WithTimeout(ctx, time.Duration(r.IntN(3000))*time.Microsecond)
				}
				d := []Draw{{id(r.IntN(3)), 1}, {id(3), 1}}
				pass, err := g.Wait(c, Attempt{Draws: d, Tenant: string(rune('a' + w%5)), Class: Class(r.IntN(2))})
				stop()
				switch {
				case err == nil && r.IntN(4) == 0:
					g.Return(pass)
				case err == nil:
					kept.Add(1)
					g.Report(pass, Outcome{})
				case r.IntN(50) == 0:
					g.Snapshot()
				}
			}
		})
	}
	wg.Wait()
	cancel()
	elapsed := time.Since(start).Seconds()
	s := g.Snapshot()
	for _, b := range s.Buckets {
		if b.Waiting != 0 || b.Tokens > 50+20_000*(elapsed+slackSeconds) {
			t.Errorf("after %v s: %+v", elapsed, b)
		}
		if b.ID == id(3) && int64(b.Left) != kept.Load() {
			t.Errorf("%d left, want %d", b.Left, kept.Load())
		}
	}
}

func TestWaitDoesNotAllocate(t *testing.T) {
	g, a := New(Options{}), Attempt{Draws: draws(3), Tenant: "scan"}
	if n := testing.AllocsPerRun(100, func() {
		pass, _ := g.Wait(t.Context(), a)
		g.Report(pass, Outcome{})
		g.Return(pass)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// accounts is a governor with a partition for each scope, and what waits there for buckets.
type accounts struct {
	*Governor

	t *testing.T
}

func (g accounts) wait(draws ...BucketID) (Pass, error) {
	a := Attempt{Tenant: "scan"}
	for _, b := range draws {
		a.Draws = append(a.Draws, Draw{b, 1})
	}
	return g.Wait(g.t.Context(), a)
}

func newAccounts(t *testing.T) accounts {
	t.Helper()
	o := paced(10, 1)
	o.Partition = func(id BucketID) string { return id.Scope }
	return accounts{New(o), t}
}

// TestPartitions has buckets of two accounts: each attempt waits for its own, and none can draw from both.
func TestPartitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, start := newAccounts(t), time.Now()
		for range 2 { // unknown buckets, and known ones
			if _, err := g.wait(BucketID{"a", "1"}, BucketID{"a", "2"}); !errors.Is(err, ErrDraws) {
				t.Errorf("draws of two partitions: %v", err)
			}
			for _, scope := range []string{"1", "2"} {
				if _, err := g.wait(BucketID{"a", scope}, BucketID{"b", scope}); err != nil {
					t.Error(err)
				}
			}
		}
		if got := time.Since(start); got != 100*time.Millisecond {
			t.Errorf("two attempts in each of two partitions took %v, want 100ms", got)
		}
	})
}

// TestPartitionsAreTold what concerns them, and the snapshot has them all.
func TestPartitionsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newAccounts(t)
		for _, scope := range []string{"1", "2"} {
			for _, quota := range []string{"a", "b", "a"} {
				if _, err := g.wait(BucketID{quota, scope}); err != nil {
					t.Fatal(err)
				}
			}
		}
		pass, _ := g.wait(BucketID{"a", "2"})
		g.Return(pass)
		g.Return(Pass{Draws: []Draw{{BucketID{"a", "1"}, 1}}, Tenant: "scan", Left: pass.Left}) // as one that was kept elsewhere
		g.Report(pass, Outcome{Kind: Throttled, Incident: true})
		g.SetLimit(BucketID{"b", "1"}, Limit{Rate: 7, Burst: 7})
		g.Pause(BucketID{"b", "2"}, time.Now().Add(time.Hour))
		s := g.Snapshot()
		var got []string
		for _, b := range s.Buckets {
			got = append(got, fmt.Sprintf("%s%s %v/s %d left %d throttled %t", b.ID.Quota, b.ID.Scope, b.Limit.Rate, b.Left, b.Throttled, b.PausedUntil.IsZero()))
		}
		want := []string{"a1 10/s 1 left 0 throttled true", "a2 10/s 2 left 1 throttled false", "b1 7/s 1 left 0 throttled true", "b2 10/s 1 left 0 throttled false"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("buckets (-want +got):\n%s", diff)
		}
		if len(s.Lanes) != 2 || len(s.Tenants) != 1 || s.Tenants[0].Left != 5 {
			t.Errorf("snapshot %+v", s)
		}
	})
}

// TestForgottenIsNotUsed looks up, before it was forgotten, a bucket that is found again afterwards.
func TestForgottenIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(paced(1, 2))
		for i := range 3 {
			for j := range 10 { // often enough to be known
				_, _ = g.Wait(t.Context(), Attempt{Draws: []Draw{{id(j % 2), 1}}})
			}
			time.Sleep(forgetAfter + time.Minute)
			_, _ = g.Wait(t.Context(), Attempt{Draws: []Draw{{id(10 + i), 1}}}) // new: looks for idle ones
			if _, ok := g.single.sched.buckets[id(0)]; ok {
				t.Fatal("the bucket was not forgotten")
			}
			known := g.single.known.Load()
			if b := known.buckets[id(0)]; b == nil || !b.gone {
				t.Fatal("the bucket isn't known any more: this test shows nothing")
			}
			_, _ = g.Wait(t.Context(), Attempt{Draws: one})
			if b := g.Snapshot().Buckets[0]; b.Left != uint64(6*(i+1)) || b.Level != 1 {
				t.Errorf("round %d: %+v", i, b)
			}
		}
	})
}
