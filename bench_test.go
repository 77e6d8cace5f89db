package botorate

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"
)

func draws(n int) []Draw {
	var d []Draw
	for i := range n {
		d = append(d, Draw{BucketID{"ec2:DescribeSnapshots" + strconv.Itoa(i), "123456789012/eu-west-1"}, 1})
	}
	return d
}

// BenchmarkWaitFree is Wait on buckets that have the tokens.
func BenchmarkWaitFree(b *testing.B) {
	plenty := Options{Limit: func(BucketID) Limit { return Limit{Rate: 1e12, Burst: 1e12} }}
	for _, bench := range []struct{ goroutines, draws int }{{1, 1}, {8, 1}, {1000, 1}, {1, 3}, {8, 3}} {
		b.Run(fmt.Sprintf("goroutines=%d/draws=%d", bench.goroutines, bench.draws), func(b *testing.B) {
			g, a := New(plenty), Attempt{Draws: draws(bench.draws), Tenant: "scan"}
			each := (b.N + bench.goroutines - 1) / bench.goroutines
			b.ReportAllocs()
			var wg sync.WaitGroup
			for range bench.goroutines {
				wg.Go(func() {
					for range each {
						if _, err := g.Wait(context.Background(), a); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// BenchmarkReport is the report of an answer that was no throttle.
func BenchmarkReport(b *testing.B) {
	g := New(Options{})
	pass, _ := g.Wait(context.Background(), Attempt{Draws: draws(1)})
	b.ReportAllocs()
	for b.Loop() {
		g.Report(pass, Outcome{})
	}
}

// BenchmarkSubmitCancel is an attempt that waits and gives up, behind n others.
func BenchmarkSubmitCancel(b *testing.B) {
	for _, n := range []int{0, 1000, 100_000} {
		b.Run(fmt.Sprintf("waiting=%d", n), func(b *testing.B) {
			s, now, d := NewScheduler(Options{Limit: func(BucketID) Limit { return Limit{} }}), time.Now(), draws(1)
			a := Attempt{Draws: d}
			s.Try(now, a)
			tickets := make([]Ticket, n)
			for i := range tickets {
				_ = s.Submit(now, &tickets[i], a)
			}
			var t Ticket
			b.ReportAllocs()
			for b.Loop() {
				_ = s.Submit(now, &t, a)
				s.Next(now)
				s.Cancel(now, &t)
			}
		})
	}
}

// BenchmarkGrant is one attempt let out of many that wait, for lanes that share a bucket and tenants that share a lane.
func BenchmarkGrant(b *testing.B) {
	for _, bench := range []struct{ lanes, tenants, waiting int }{
		{1, 1, 1000}, {1, 1, 100_000}, {1, 1000, 100_000}, {10, 1, 100_000}, {1000, 1, 1000}, {1000, 1, 100_000},
	} {
		b.Run(fmt.Sprintf("lanes=%d/tenants=%d/waiting=%d", bench.lanes, bench.tenants, bench.waiting), func(b *testing.B) {
			shared := BucketID{Quota: "shared"}
			s := NewScheduler(Options{Limit: func(id BucketID) Limit {
				if id == shared {
					return Limit{Rate: 1000, Burst: 1}
				}
				return Limit{Rate: math.Inf(1)}
			}})
			now := time.Now()
			tickets := make([]Ticket, bench.waiting)
			attempt := func(i int) Attempt {
				d := []Draw{{shared, 1}}
				if bench.lanes > 1 {
					d = append(d, Draw{BucketID{Quota: strconv.Itoa(i % bench.lanes)}, 1})
				}
				return Attempt{Draws: d, Tenant: strconv.Itoa(i % bench.tenants)}
			}
			for i := range tickets {
				_ = s.Submit(now, &tickets[i], attempt(i))
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); {
				t := s.Next(now)
				if t == nil {
					now, _ = s.Wake()
					continue
				}
				_ = s.Submit(now, t, attempt(i))
				i++
			}
		})
	}
}

// BenchmarkDrain lets out 100,000 attempts at once, when their limit is lifted.
func BenchmarkDrain(b *testing.B) {
	const n = 100_000
	tickets, d := make([]Ticket, n), draws(1)
	for b.Loop() {
		s, now := NewScheduler(Options{Limit: func(BucketID) Limit { return Limit{} }}), time.Now()
		for i := range tickets {
			_ = s.Submit(now, &tickets[i], Attempt{Draws: d})
		}
		s.SetLimit(now, d[0].Bucket, Limit{Rate: math.Inf(1)})
		left := 0
		for s.Next(now) != nil {
			left++
		}
		if left != n {
			b.Fatal(left)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/attempt")
}

// BenchmarkWaiting measures what 100,000 goroutines in Wait take, beside as many that are parked with a context of their own. Run each in
// a process of its own: goroutines that have ended leave what the next ones use.
func BenchmarkWaiting(b *testing.B) {
	const n = 100_000
	for _, parked := range []bool{true, false} {
		name := "wait"
		if parked {
			name = "parked"
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				heap, stack := waitingBytes(n, parked)
				b.ReportMetric(heap/n, "heap-B/waiter")
				b.ReportMetric(stack/n, "stack-B/waiter")
			}
		})
	}
}

// waitingBytes returns the heap and stack that n waiting goroutines take.
func waitingBytes(n int, parked bool) (heap, stack float64) {
	g, d := New(Options{Limit: func(BucketID) Limit { return Limit{} }}), draws(1)
	_, _ = g.Wait(context.Background(), Attempt{Draws: d})
	a := Attempt{Draws: d, Deadline: time.Now().Add(time.Hour)}
	g.SetLimit(d[0].Bucket, Limit{Rate: 1e3, Burst: 1})
	g.Pause(d[0].Bucket, time.Now().Add(10*time.Minute)) // the deadline can be met: each waits
	before := inUse()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	waits := func() {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		_, _ = g.Wait(ctx, a)
	}
	if parked {
		never := make(chan struct{})
		waits = func() {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			select {
			case <-ctx.Done():
			case <-never:
			}
		}
	}
	for range n {
		wg.Go(waits)
	}
	for !parked && g.Snapshot().Buckets[0].Waiting < n {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond)
	after := inUse()
	cancel()
	wg.Wait()
	return float64(after.HeapAlloc) - float64(before.HeapAlloc), float64(after.StackInuse) - float64(before.StackInuse)
}

func inUse() (m runtime.MemStats) {
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m
}
