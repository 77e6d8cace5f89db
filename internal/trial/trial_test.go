package trial_test

import (
	"math"
	"testing"
	"time"

	"github.com/botorate/botorate/internal/sim"
	"github.com/botorate/botorate/internal/trial"
)

func TestServer(t *testing.T) {
	s := trial.NewServer(2, 5, 300*time.Millisecond)
	take := func(at time.Duration, want int) {
		t.Helper()
		got := 0
		for s.Take(at) {
			got++
		}
		if got != want {
			t.Errorf("at %v: %d tokens, want %d", at, got, want)
		}
	}
	take(0, 5)
	take(299*time.Millisecond, 0)
	take(300*time.Millisecond, 2)
	take(2300*time.Millisecond, 4)
	take(time.Minute, 5)
	s.SetRefill(61*time.Second, 3)
	take(61300*time.Millisecond, 2+3)
	if got, want := s.Given(61300*time.Millisecond), 5.0+2*61+3; got != want {
		t.Errorf("given %v, want %v", got, want)
	}
}

func TestLoad(t *testing.T) {
	for _, c := range []struct {
		load trial.Load
		want float64 // attempts in ten minutes
	}{
		{trial.Load{Rate: 10}, 6000},
		{trial.Load{Rate: 15, On: time.Minute, Off: time.Minute}, 4500},
		{trial.Load{Burst: 100, Every: time.Minute}, 1000},
	} {
		n, last := 0, time.Duration(0)
		for at := range c.load.Arrivals(sim.Rand(1, "")) {
			if at < last {
				t.Fatalf("%+v: %v after %v", c.load, at, last)
			}
			if last = at; at >= 10*time.Minute {
				break
			}
			n++
		}
		if math.Abs(float64(n)-c.want) > 0.21*c.want { // the phase is random
			t.Errorf("%+v: %d attempts, want %v", c.load, n, c.want)
		}
	}
}

// TestRepeats holds that a trial depends on its seed and nothing else, and that what is left over adds up.
func TestRepeats(t *testing.T) {
	for _, s := range trial.Scenarios()[:5] {
		aimd := func(seed uint64) trial.Score { return trial.Run(s, seed, trial.NewAIMD) }
		score := aimd(1)
		if score != aimd(1) {
			t.Errorf("%s: two scores from one seed", s.Name)
		}
		if len(s.Others) > 0 && score == aimd(2) {
			t.Errorf("%s: one score from two seeds", s.Name)
		}
		if score.UsePercent() > 100 || score.Throttled == 0 {
			t.Errorf("%s: %+v", s.Name, score)
		}
	}
}

// TestWithin holds the promise to those who stay within the headroom.
func TestWithin(t *testing.T) {
	for _, s := range trial.Scenarios() {
		if s.Name != trial.Within {
			continue
		}
		score := trial.Run(s, 1, func() trial.Pacer { return trial.NewGoverned(s.Known(0.8)) })
		ofShare := 100 * float64(score.Sent) / (0.8 * s.Refill * trial.Length.Seconds())
		if unknown := trial.Run(s, 1, func() trial.Pacer { return trial.NewGoverned(s.Unknown()) }); unknown.Sent == 0 {
			t.Error("nothing is sent when the limit is unknown")
		}
		if score.Throttled > 0 || score.OtherRefused > 0 || ofShare < 99 {
			t.Errorf("%d throttled, %d of the others refused, %.1f %% of our share; want 0, 0, 99", score.Throttled, score.OtherRefused, ofShare)
		}
	}
}
