package scenario

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/botorate/botorate/quota"
)

// A Way is a way of pacing.
type Way struct {
	Name    string
	Kind    string
	Tuned   bool          // Delay is to be found: the least with which nobody is throttled
	Delay   time.Duration // latency, interval
	Count   int           // max-rate, max-workers
	Rate    float64       // bucket
	Burst   float64
	Share   Part // botorate
	Unknown bool // botorate: it is told nothing of the limits
}

// The ways of pacing.
const (
	wayNone     = "none"
	wayLatency  = "latency"
	wayInterval = "interval"
	wayMaxRate  = "max-rate"
	wayWorkers  = "max-workers"
	wayAdaptive = "adaptive"
	wayBucket   = "bucket"
	wayBotorate = "botorate"
)

func ways() []string {
	return []string{wayNone, wayLatency, wayInterval, wayMaxRate, wayWorkers, wayAdaptive, wayBucket, wayBotorate}
}

func (w *Way) parse(s string) error {
	words := strings.Fields(s)
	if len(words) == 0 {
		return fmt.Errorf("want a way of pacing: %s", strings.Join(ways(), ", "))
	}
	*w = Way{Name: strings.Join(words, " "), Kind: words[0]}
	want, ok := w.arguments(words[1:])
	switch {
	case want == "":
		return &wayError{w.Kind}
	case !ok:
		return fmt.Errorf("pacing %q: want %s", s, want)
	}
	return nil
}

// arguments reads what follows the kind. want says what should; it is empty for an unknown kind.
func (w *Way) arguments(args []string) (want string, ok bool) {
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	var err error
	switch w.Kind {
	case wayNone, wayAdaptive:
		return w.Kind + " alone", len(args) == 0
	case wayLatency, wayInterval:
		if w.Tuned = arg(0) == "tuned"; !w.Tuned {
			w.Delay, err = parseDuration(arg(0))
		}
		return w.Kind + " and a time, such as 250ms, or tuned", err == nil && len(args) == 1
	case wayMaxRate, wayWorkers:
		w.Count, err = strconv.Atoi(arg(0))
		return w.Kind + " and a number", err == nil && w.Count > 0 && len(args) == 1
	case wayBucket:
		text, perSecond := strings.CutSuffix(arg(0), "/s")
		w.Rate, _ = strconv.ParseFloat(text, 64) // NaN and zero for what is no number
		w.Burst, _ = strconv.ParseFloat(arg(2), 64)
		return "a rate and a burst for each service: bucket 16/s burst 80", perSecond && w.Rate > 0 && w.Burst >= 1 && arg(1) == "burst" && len(args) == 3
	case wayBotorate:
		share, err := quota.ParseShare(arg(0))
		w.Share, w.Unknown = Part(share), arg(1) == "unknown"
		return "botorate and a share, such as 80%, and unknown if it isn't told the limits", err == nil && (len(args) == 1 || w.Unknown && len(args) == 2)
	}
	return "", false
}

// A wayError is a way that doesn't exist.
type wayError struct{ kind string }

func (e *wayError) Error() string { return fmt.Sprintf("unknown way of pacing %q", e.kind) }

// Hint says which may be meant.
func (e *wayError) Hint() string { return suggest(e.kind, ways()) }
