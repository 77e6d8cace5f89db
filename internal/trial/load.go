package trial

import (
	"iter"
	"math/rand/v2"
	"time"
)

// A Load is attempts that somebody else sends, whatever the answers: what is refused is not sent again.
type Load struct {
	Rate    float64       // attempts per second, evenly spaced, each up to half a gap early or late
	On, Off time.Duration // sent for On, then not for Off, and so on; a zero Off is never off
	Burst   int           // in place of Rate: so many at once,
	Every   time.Duration // that often
}

// Arrivals returns when the attempts come, in order and without end, from a random phase on.
func (l Load) Arrivals(rng *rand.Rand) iter.Seq[time.Duration] {
	if l.Burst > 0 {
		return l.bursts(rng)
	}
	gap := 1 / l.Rate
	phase, cycle := rng.Float64(), (l.On + l.Off).Seconds()
	return func(yield func(time.Duration) bool) {
		for i := 0; ; i++ {
			at := (float64(i) + phase/2 + rng.Float64()/2) * gap
			if l.Off > 0 {
				at += float64(int(at/l.On.Seconds()))*l.Off.Seconds() + phase*cycle
			}
			if !yield(seconds(at)) {
				return
			}
		}
	}
}

func (l Load) bursts(rng *rand.Rand) iter.Seq[time.Duration] {
	phase := seconds(rng.Float64() * l.Every.Seconds())
	return func(yield func(time.Duration) bool) {
		for at := phase; ; at += l.Every {
			for range l.Burst {
				if !yield(at) {
					return
				}
			}
		}
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
