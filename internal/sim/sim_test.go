package sim_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/botorate/botorate/internal/sim"
)

var start = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

func TestOrder(t *testing.T) {
	l := sim.New(start)
	var got []string
	note := func(s string) func() { return func() { got = append(got, s+"@"+l.Elapsed().String()) } }
	l.After(2*time.Second, note("c"))
	l.After(time.Second, note("a"))
	l.After(time.Second, func() {
		note("b")()
		l.At(start, note("past"))
	})
	l.After(time.Second, note("b2"))
	moved, gone := sim.Event{Do: note("moved")}, sim.Event{Do: note("gone")}
	l.SetAfter(&moved, time.Hour)
	l.SetAfter(&moved, 3*time.Second)
	l.SetAfter(&gone, time.Second)
	if !l.Cancel(&gone) || l.Cancel(&gone) || gone.Scheduled() || !moved.Scheduled() {
		t.Error("Cancel reports otherwise than it did")
	}
	if at, ok := l.Next(); !ok || !at.Equal(start.Add(time.Second)) {
		t.Errorf("next %v %v", at, ok)
	}
	l.Run(start.Add(2 * time.Second))
	want := []string{"a@1s", "b@1s", "b2@1s", "past@1s", "c@2s"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !l.Step() || l.Step() || l.Fired() != 6 || got[5] != "moved@3s" {
		t.Errorf("got %v after %d events", got, l.Fired())
	}
	l.Run(start.Add(time.Minute))
	if !l.Now().Equal(start.Add(time.Minute)) {
		t.Errorf("the clock shows %v after Run", l.Now())
	}
	if _, ok := l.Next(); ok {
		t.Error("something is to happen in an empty loop")
	}
}

// TestLaw: whatever is scheduled, moved and cancelled, events happen in the order of time, then of scheduling, each once.
func TestLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := sim.New(start)
		type plan struct{ at, turn int }
		events := make([]sim.Event, 12)
		plans := map[int]plan{}
		var got []int
		for i := range events {
			events[i].Do = func() { got = append(got, i) }
		}
		for turn := range rapid.IntRange(0, 60).Draw(t, "steps") {
			i, at := rapid.IntRange(0, len(events)-1).Draw(t, "event"), rapid.IntRange(0, 5).Draw(t, "at")
			if rapid.IntRange(0, 3).Draw(t, "cancel") == 0 {
				_, want := plans[i]
				if l.Cancel(&events[i]) != want {
					t.Fatalf("Cancel of event %d: %v", i, !want)
				}
				delete(plans, i)
				continue
			}
			l.SetAfter(&events[i], time.Duration(at))
			plans[i] = plan{at, turn}
		}
		var want []int
		for i := range plans {
			want = append(want, i)
		}
		slices.SortFunc(want, func(a, b int) int {
			p, q := plans[a], plans[b]
			if p.at != q.at {
				return p.at - q.at
			}
			return p.turn - q.turn
		})
		for l.Step() {
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestRand(t *testing.T) {
	a, b, c := sim.Rand(1, "x"), sim.Rand(1, "y"), sim.Rand(2, "x")
	if got := []uint64{a.Uint64(), b.Uint64(), c.Uint64()}; got[0] != 0x7240f3997717f640 || got[0] == got[1] || got[0] == got[2] {
		t.Errorf("got %#x: the first is fixed for all machines and times", got)
	}
}

// TestExp compares moments and the tail with the distribution's.
func TestExp(t *testing.T) {
	r := sim.Rand(1, "exp")
	const n = 200_000
	var sum, squares, tail float64
	for range n {
		x := sim.Exp(r)
		sum += x
		squares += x * x
		if x > 3 {
			tail++
		}
	}
	for _, tt := range []struct {
		name      string
		got, want float64
	}{{"mean", sum / n, 1}, {"mean square", squares / n, 2}, {"part above 3", tail / n, math.Exp(-3)}} {
		if math.Abs(tt.got/tt.want-1) > 0.03 {
			t.Errorf("%s: %.4f, want %.4f", tt.name, tt.got, tt.want)
		}
	}
}

func BenchmarkStep(b *testing.B) {
	l := sim.New(start)
	r := sim.Rand(1, "bench")
	events := make([]sim.Event, 1000)
	for i := range events {
		e := &events[i]
		e.Do = func() { l.SetAfter(e, time.Duration(r.Int64N(1e9))) }
		e.Do()
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Step()
	}
}
