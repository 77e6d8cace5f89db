package sim

import (
	"hash/fnv"
	"math/rand/v2"
)

// Rand returns a source of randomness of its own for whatever is named: that another one is used more, or is new, changes nothing for
// it. The same seed and name give the same numbers on every machine, as long as they are drawn with methods that need no
// logarithm or exponential: NormFloat64 and ExpFloat64 do, so for the latter there is [Exp].
func Rand(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// Exp returns an exponentially distributed number with mean 1, such as the time between arrivals that know nothing of each other.
//
// The last digits of math.Log differ between processors, and one digit can change the order of events. John von Neumann's method
// ("Various techniques used in connection with random digits", 1951) needs only comparisons: the length of the first falling run of
// uniform numbers is odd with probability e^-x, where x is its first number.
func Exp(r *rand.Rand) float64 {
	for whole := 0.0; ; whole++ {
		first := r.Float64()
		odd, last := true, first
		for next := r.Float64(); next < last; next = r.Float64() {
			odd, last = !odd, next
		}
		if odd {
			return whole + first
		}
	}
}
