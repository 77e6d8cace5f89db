package botorate

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// These are the figures by which limiters are compared: what one that hands out instants in advance can't do.

// backlog lets n attempts wait, and returns what waits for them to end.
func backlog(ctx context.Context, t *testing.T, g *Governor, n int) (left func() int) {
	t.Helper()
	var wg sync.WaitGroup
	var mu sync.Mutex
	gone := 0
	for range n {
		wg.Go(func() {
			_, err := g.Wait(ctx, Attempt{Draws: one})
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			gone++
		})
	}
	synctest.Wait()
	return func() int {
		wg.Wait()
		return gone
	}
}

// TestNewcomer comes when a backlog of ten seconds has just been cancelled.
func TestNewcomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(paced(100, 1))
		ctx, cancel := context.WithCancel(t.Context())
		wait := backlog(ctx, t, g, 1001)
		cancel()
		wait()
		start := time.Now()
		if _, err := g.Wait(t.Context(), Attempt{Draws: one}); err != nil || time.Since(start) > 10*time.Millisecond {
			t.Errorf("%v after %v, want at most 10ms", err, time.Since(start))
		}
	})
}

// TestRaised raises the limit from 10/s to 1,000/s under 49 that wait.
func TestRaised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(paced(10, 1))
		wait := backlog(t.Context(), t, g, 50)
		start := time.Now()
		g.SetLimit(id(0), Limit{Rate: 1000, Burst: 1})
		wait()
		if got := time.Since(start); got != 49*time.Millisecond {
			t.Errorf("49 left in %v, want 49ms", got)
		}
	})
}

// TestLowered lowers the limit from 1,000/s to 10/s under 1,900 that wait. A floor and a pause act at once, too.
func TestLowered(t *testing.T) {
	for name, test := range map[string]struct {
		change      func(*Governor)
		least, most uint64
	}{
		"limit": {func(g *Governor) { g.SetLimit(id(0), Limit{Rate: 10, Burst: 1}) }, 10, 11},
		"floor": {func(g *Governor) { g.SetLimit(id(0), Limit{Rate: 100, Burst: 50, Floor: 49}) }, 51, 51}, // the first 49 fill it
		"pause": {func(g *Governor) { g.Pause(id(0), time.Now().Add(900*time.Millisecond)) }, 102, 103},    // it goes on filling, up to 3
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := New(paced(1000, 1))
				ctx, cancel := context.WithCancel(t.Context())
				wait := backlog(ctx, t, g, 2001)
				time.Sleep(100 * time.Millisecond)
				synctest.Wait()
				before := g.Snapshot().Buckets[0]
				test.change(g)
				time.Sleep(time.Second)
				synctest.Wait()
				if got := g.Snapshot().Buckets[0].Left - before.Left; before.Waiting != 1900 || got < test.least || got > test.most {
					t.Errorf("of %d that waited %d left in a second, want %d to %d", before.Waiting, got, test.least, test.most)
				}
				cancel()
				wait()
			})
		})
	}
}

// TestSimultaneous lets 100,000 goroutines ask at once, in real time, and holds each window of what the passes say against the limit.
func TestSimultaneous(t *testing.T) {
	n := 100_000
	if underRace || testing.Short() {
		n = 7000
	}
	const rate, burst = 200_000.0, 100.0
	g, lefts := New(paced(rate, burst)), make([]time.Time, n)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range lefts {
		wg.Go(func() {
			<-start
			pass, err := g.Wait(context.Background(), Attempt{Draws: one})
			if err != nil {
				t.Error(err)
			}
			lefts[i] = pass.Left
		})
	}
	close(start)
	wg.Wait()
	slices.SortFunc(lefts, time.Time.Compare)
	// A window from i to j has j−i+1 attempts: the law holds for all if the least of i − rate × at, up to j, is not too far below j's.
	least := 0.0
	for j, left := range lefts {
		over := float64(j) - rate*left.Sub(lefts[0]).Seconds()
		least = min(least, over)
		if most := 1 + rate*catchUpSeconds; over-least+1 > most+1e-3 {
			t.Fatalf("%v more than the rate left until %v, want at most %v", over-least+1, left.Sub(lefts[0]), most)
		}
	}
	if b := g.Snapshot().Buckets[0]; b.Left != uint64(n) || b.Waiting != 0 {
		t.Errorf("of %d: %+v", n, b)
	}
}

// TestMillion lets a million attempts wait, cancels every other one, and lets the rest out.
func TestMillion(t *testing.T) {
	n := 1_000_000
	if underRace || testing.Short() {
		n = 50_000
	}
	s, now, tickets := NewScheduler(paced(1000, 1)), time.Now(), make([]Ticket, n)
	for i := range tickets {
		if err := s.Submit(now, &tickets[i], Attempt{Draws: one, Deadline: now.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	for i := 1; i < n; i += 2 {
		if !s.Cancel(now, &tickets[i]) {
			t.Fatalf("attempt %d doesn't wait", i)
		}
	}
	start := now
	for left := 0; left < n/2; {
		tk := s.Next(now)
		if tk == nil {
			now, _ = s.Wake()
			continue
		}
		if tk != &tickets[2*left] {
			t.Fatalf("attempt %d didn't leave in its turn", 2*left)
		}
		left++
	}
	if got, want := now.Sub(start), time.Duration(n/2-1)*time.Millisecond; got != want {
		t.Errorf("they left in %v, want %v", got, want)
	}
}
