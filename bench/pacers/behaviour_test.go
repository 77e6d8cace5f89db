package pacers

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// What the pacers do is found in virtual time: exact, and the same on every machine. NaN stands for what a peer can't do.

// bubble returns what f finds in virtual time.
func bubble(t *testing.T, f func(context.Context) float64) (found float64) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { found = f(t.Context()) })
	return found
}

// A backlog is attempts that wait.
type backlog struct {
	cancel []context.CancelFunc
	wait   sync.WaitGroup
	mu     sync.Mutex
	left   []time.Duration // when those that weren't cancelled left
}

// queue lets n attempts wait, behind one that took the token there was. Each has come before the next one does.
func queue(ctx context.Context, p pacer, n int) *backlog {
	b, start := new(backlog), time.Now()
	_ = p.Wait(ctx)
	for range n {
		ctx, cancel := context.WithCancel(ctx)
		b.cancel = append(b.cancel, cancel)
		b.wait.Go(func() {
			defer cancel()
			if p.Wait(ctx) != nil {
				return
			}
			at := time.Since(start)
			b.mu.Lock()
			defer b.mu.Unlock()
			b.left = append(b.left, at)
		})
		synctest.Wait()
	}
	return b
}

func milliseconds(d time.Duration) float64 { return float64(d) / 1e6 }

// newcomer is how many ms one that comes waits after a backlog of 10 s has given up.
func newcomer(t *testing.T, p peer) float64 {
	t.Helper()
	if !p.context {
		return math.NaN()
	}
	return bubble(t, func(ctx context.Context) float64 {
		l := p.make(100, 1)
		b := queue(ctx, l, 1000)
		for _, cancel := range b.cancel {
			cancel()
		}
		b.wait.Wait()
		start := time.Now()
		_ = l.Wait(ctx)
		return milliseconds(time.Since(start))
	})
}

// survivors is by which factor the last of 100 survivors leaves later than it could, when 900 of 1,000 waiting give up.
func survivors(t *testing.T, p peer) float64 {
	t.Helper()
	if !p.context {
		return math.NaN()
	}
	return bubble(t, func(ctx context.Context) float64 {
		b := queue(ctx, p.make(100, 1), 1000)
		for i, cancel := range b.cancel {
			if i%10 != 9 {
				cancel()
			}
		}
		b.wait.Wait()
		return slices.Max(b.left).Seconds() / 1 // 100 at 100/s
	})
}

// faster is how many ms 49 that wait at 10/s take to leave once the rate is 1,000/s.
func faster(t *testing.T, p peer) float64 {
	t.Helper()
	return bubble(t, func(ctx context.Context) float64 {
		l, ok := p.make(10, 1).(rerater)
		if !ok {
			return math.NaN()
		}
		b := queue(ctx, l.(pacer), 49)
		start := time.Now()
		l.setRate(1000)
		b.wait.Wait()
		return milliseconds(time.Since(start))
	})
}

// slower is how many of 1,900 that wait at 1,000/s leave in the second after the rate became 10/s.
func slower(t *testing.T, p peer) float64 {
	t.Helper()
	return bubble(t, func(ctx context.Context) float64 {
		l, ok := p.make(1000, 1).(rerater)
		if !ok {
			return math.NaN()
		}
		b := queue(ctx, l.(pacer), 1900)
		l.setRate(10)
		time.Sleep(time.Second)
		synctest.Wait()
		left := len(b.left)
		for _, cancel := range b.cancel {
			cancel()
		}
		b.wait.Wait()
		return float64(left)
	})
}

// hopeless is how many ms pass until an attempt is told that its deadline of 1 s can't be met at 0.1/s.
func hopeless(t *testing.T, p peer) float64 {
	t.Helper()
	if !p.context {
		return math.NaN()
	}
	return bubble(t, func(ctx context.Context) float64 {
		l := p.make(0.1, 1)
		_ = l.Wait(ctx)
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		start := time.Now()
		wait := l.Wait
		if d, ok := l.(deadliner); ok {
			wait = func(ctx context.Context) error { return d.waitUntil(ctx, start.Add(time.Second)) }
		}
		if wait(ctx) == nil {
			return math.Inf(1)
		}
		return milliseconds(time.Since(start))
	})
}

// drained is how many seconds 100,000 that wait take to leave at 20,000/s.
func drained(t *testing.T, p peer) float64 {
	t.Helper()
	return bubble(t, func(ctx context.Context) float64 {
		const n = 100_000
		l := p.make(20_000, 1)
		var wait sync.WaitGroup
		start := time.Now()
		for range n {
			wait.Go(func() { _ = l.Wait(ctx) })
		}
		wait.Wait()
		return time.Since(start).Seconds()
	})
}

// The bounds of what can be done exactly. Peers are beyond some; the table shows that.
func TestBehaviour(t *testing.T) {
	tests := []struct {
		name        string
		find        func(*testing.T, peer) float64
		least, most float64
	}{
		{"a newcomer after a cancelled backlog of 10 s, ms", newcomer, 0, 10},
		{"survivors of a cancelled backlog, × ideal", survivors, 0.97, 1.01},
		{"10/s to 1,000/s with 49 waiting, ms", faster, 39, 59},
		{"1,000/s to 10/s, let out in the next second", slower, 9, 11},
		{"a hopeless deadline is refused, ms", hopeless, 0, 0},
		{"100,000 drained at 20,000/s, s", drained, 4.99, 5.01},
	}
	for _, tt := range tests {
		if got := tt.find(t, peers()[0]); !(got >= tt.least && got <= tt.most) {
			t.Errorf("%s: %v, want %v to %v", tt.name, got, tt.least, tt.most)
		}
	}
}
