package scenario

import (
	"math"
	"time"
)

// An adaptive limiter is the SDKs' adaptive retry mode: nothing until the first throttle, then a rate that follows CUBIC, with a token for
// each attempt. It is aws-sdk-go-v2's adaptiveRateLimit with the time as a parameter; a test runs both side by side.
type adaptive struct {
	on        bool
	fill      float64 // tokens per second
	level     float64
	capacity  float64
	filled    time.Time // zero before the first use
	measured  float64   // answers per second
	bucket    float64   // the half second that is counted, in seconds
	count     float64
	lastMax   float64
	throttled time.Time
}

const (
	adaptiveSmooth = 0.8
	adaptiveBeta   = 0.7
	adaptiveScale  = 0.4
	adaptiveLeast  = 0.5
)

func newAdaptive(now time.Time) *adaptive {
	return &adaptive{bucket: math.Floor(unixSeconds(now)), throttled: now}
}

func unixSeconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

// acquire takes a token, or says how long to wait before the next try.
func (a *adaptive) acquire(now time.Time) (wait time.Duration) {
	if !a.on {
		return 0
	}
	a.refill(now)
	if a.level < 1 {
		return max(1, time.Duration((1-a.level)/a.fill*1e9))
	}
	a.level--
	return 0
}

func (a *adaptive) refill(now time.Time) {
	if !a.filled.IsZero() {
		a.level = min(a.capacity, a.level+float64(now.Sub(a.filled).Seconds()*a.fill))
	}
	a.filled = now
}

// update takes in an answer.
func (a *adaptive) update(now time.Time, throttled bool) {
	a.measure(now)
	var rate float64
	if throttled {
		use := a.measured
		if a.on {
			use = min(use, a.fill)
		}
		a.lastMax, a.throttled, a.on = use, now, true
		rate = use * adaptiveBeta
	} else {
		d := now.Sub(a.throttled).Seconds() - cubeRoot(a.lastMax*(1-adaptiveBeta)/adaptiveScale)
		rate = float64(adaptiveScale*float64(d*float64(d*d))) + a.lastMax
	}
	rate = min(rate, 2*a.measured)
	a.refill(now)
	a.fill = max(rate, adaptiveLeast)
	a.capacity = max(rate, 1)
	a.level = min(a.level, a.capacity)
}

func (a *adaptive) measure(now time.Time) {
	half := math.Floor(unixSeconds(now)*2) / 2
	a.count++
	if half > a.bucket {
		a.measured = float64(a.count/(half-a.bucket)*adaptiveSmooth) + float64(a.measured*(1-adaptiveSmooth))
		a.count, a.bucket = 0, half
	}
}

// cubeRoot is the same to the last digit on every machine, which math.Pow and math.Cbrt don't promise.
func cubeRoot(x float64) float64 {
	if x <= 0 {
		return 0
	}
	root := max(x, 1)
	for {
		next := (float64(2*root) + x/float64(root*root)) / 3
		if next >= root {
			return root
		}
		root = next
	}
}
