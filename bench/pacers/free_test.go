package pacers

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"
)

// freeRate and freeBurst never run out.
const (
	freeRate  = 1e9
	freeBurst = 1 << 30
)

// spent returns how many ns each of n attempts took that goroutines made at once, of tokens that were there.
func spent(l pacer, goroutines, n int) float64 {
	var wait sync.WaitGroup
	begin := make(chan struct{})
	for range goroutines {
		wait.Go(func() {
			<-begin
			for range n / goroutines {
				_ = l.Wait(context.Background())
			}
		})
	}
	start := time.Now()
	close(begin)
	wait.Wait()
	return float64(time.Since(start)) / float64(n)
}

// allocations returns how many allocations an attempt makes whose tokens are there, and that is alone.
func allocations(l pacer) float64 {
	return testing.AllocsPerRun(1000, func() { _ = l.Wait(context.Background()) })
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if len(v) == 0 {
		return 0
	}
	return v[len(v)/2]
}

// An attempt that need not wait allocates nothing, from one bucket or three, and nor does its report.
func TestFreeAllocates(t *testing.T) {
	for buckets := 1; buckets <= 3; buckets++ {
		g := newGovernor(freeRate, freeBurst, buckets)
		if got := allocations(g); got != 0 {
			t.Errorf("from %d buckets: %v allocations", buckets, got)
		}
	}
}
