package demo

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestRun runs the real thing, small: four fifths of a bucket of 100 let out the first 59 of 90 snapshots at once, and the rest
// within two seconds.
func TestRun(t *testing.T) {
	var last [2]Progress
	r, err := Run(t.Context(), Options{Snapshots: 90, Progress: func(p Progress) {
		i := 0
		if p.Paced {
			i = 1
		}
		last[i] = p
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	if r.Capacity != 100 || r.Refill != 20 || r.Share != 0.8 || r.Least() != 625*time.Millisecond {
		t.Errorf("bucket %v refilled at %v, share %v, least %v; want 100, 20, 0.8, 625ms", r.Capacity, r.Refill, r.Share, r.Least())
	}
	for i, s := range []Scan{r.Unpaced, r.Paced} {
		if s.Answered+s.Lost != 90 || s.NeighbourCalls < 1 || s.NeighbourCalls > neighbourCalls || s.Took <= 0 {
			t.Errorf("scan %d: %+v, want 90 snapshots and at most one round of the neighbour", i, s)
		}
		if p := last[i]; p.Answered != s.Answered || p.Lost != s.Lost || p.Total != 90 {
			t.Errorf("scan %d: last progress %+v, result %+v", i, p, s)
		}
	}
	if p := r.Paced; p.Answered != 90 || p.Took > 10*time.Second {
		t.Errorf("paced: %+v", p)
	}
}

func TestRunInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Run(ctx, Options{Snapshots: 90, Progress: func(p Progress) {
		if p.Answered == 30 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context canceled", err)
	}
	if n := r.Unpaced.Answered; n < 30 || n >= 90 || r.Unpaced.Lost != 0 || r.Paced != (Scan{}) {
		t.Errorf("result %+v, want at least 30 answered, none lost, nothing paced", r)
	}
}
