package pacers

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// kept returns which part of the rate callers got that ask again as soon as they left, over a while.
func kept(l pacer, perSecond float64, callers int, d time.Duration) float64 {
	var left atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	for range callers {
		all.Go(func() {
			for {
				_ = l.Wait(context.Background())
				if time.Since(start) > d {
					return
				}
				left.Add(1)
			}
		})
	}
	all.Wait()
	return float64(left.Load()) / (perSecond * d.Seconds())
}

// starved is kept beside goroutines that never rest.
func starved(l pacer, perSecond float64, callers int, d time.Duration) float64 {
	var stop atomic.Bool
	var spinning sync.WaitGroup
	for range 8 {
		spinning.Go(func() {
			for !stop.Load() {
			}
		})
	}
	part := kept(l, perSecond, callers, d)
	stop.Store(true)
	spinning.Wait()
	return part
}

// A flood is n callers at once: how long the last was held, and by which factor more left than the limit allows till then.
func flood(l pacer, n int, perSecond float64) (seconds, over float64) {
	var all sync.WaitGroup
	begin := make(chan struct{})
	for range n {
		all.Go(func() {
			<-begin
			_ = l.Wait(context.Background())
		})
	}
	start := time.Now()
	close(begin)
	all.Wait()
	seconds = time.Since(start).Seconds()
	return seconds, float64(n) / (1 + perSecond*seconds)
}

// However many come at once, and however the machine is used, no more leave than burst + rate × (elapsed + 2 ms).
func TestNeverOver(t *testing.T) {
	const n, perSecond = 100_000, 100_000
	seconds, _ := flood(newGovernor(perSecond, 1, 1), n, perSecond)
	if most := 1 + perSecond*(seconds+0.002); n > most {
		t.Errorf("%d left in %.3f s, want at most %.0f", n, seconds, most)
	}
}
