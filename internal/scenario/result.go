package scenario

import (
	"strings"
	"time"
)

// A Result is what a scenario came to.
type Result struct {
	Scenario string        `json:"scenario"`
	Name     string        `json:"file"`
	Seed     int           `json:"seed"`
	Watch    string        `json:"watch"`
	Duration time.Duration `json:"duration"`
	Ways     []WayResult   `json:"ways"`
	Checks   []Check       `json:"assertions"`
}

// A WayResult is what it came to under one way of pacing. Times are nanoseconds in JSON.
type WayResult struct {
	Way       string           `json:"way"`
	Tuned     time.Duration    `json:"tuned,omitempty"` // the delay that was found
	Ended     time.Duration    `json:"ended"`
	Least     time.Duration    `json:"least"`    // in which what was paced could have drawn from the watched bucket what it did, with its share
	Critical  time.Duration    `json:"critical"` // from the first to the last of these draws
	Workloads []WorkloadResult `json:"workloads"`
	Series    *Series          `json:"series,omitempty"`
}

// A WorkloadResult is what one workload did and suffered.
type WorkloadResult struct {
	Name      string        `json:"name"`
	Neighbour bool          `json:"neighbour"`
	Ended     time.Duration `json:"ended"` // zero for one that has no end
	Mean      time.Duration `json:"meanCall"`
	Tally
}

func (w *world) result() WayResult {
	r := WayResult{Way: w.way.Name, Ended: w.loop.Elapsed(), Critical: w.last - w.first}
	if w.way.Tuned {
		r.Tuned = w.way.Delay
	}
	q, _ := w.real.initial(w.watch)
	share := 1.0
	if w.way.Kind == wayBotorate {
		share = float64(w.way.Share)
	}
	if n := float64(w.drawn) - float64(q.Capacity*share); n > 0 {
		r.Least = time.Duration(n / float64(q.Refill*share) * float64(time.Second))
	}
	for _, l := range w.loads {
		x := WorkloadResult{Name: l.Name, Neighbour: l.Neighbour, Ended: l.ended, Tally: l.tally}
		if n := l.tally.Calls; n > 0 {
			x.Mean = l.total / time.Duration(n)
		}
		r.Workloads = append(r.Workloads, x)
	}
	if w.series != nil {
		r.Series = w.series.close(w)
	}
	return r
}

// total adds up one number of all workloads.
func (r *WayResult) total(of func(*Tally) int) int {
	n := 0
	for i := range r.Workloads {
		n += of(&r.Workloads[i].Tally)
	}
	return n
}

// metrics are what assertions can speak of: `NAME.metric` of one workload, and those with an int alone for the sum of all.
func metrics() map[string]func(*WorkloadResult) float64 {
	return map[string]func(*WorkloadResult) float64{
		"time":          func(w *WorkloadResult) float64 { return w.Ended.Seconds() },
		"calls":         func(w *WorkloadResult) float64 { return float64(w.Calls) },
		"attempts":      func(w *WorkloadResult) float64 { return float64(w.Attempts) },
		"throttles":     func(w *WorkloadResult) float64 { return float64(w.Throttles) },
		"seen":          func(w *WorkloadResult) float64 { return float64(w.Seen) },
		"shed":          func(w *WorkloadResult) float64 { return float64(w.Shed) },
		"lost":          func(w *WorkloadResult) float64 { return float64(w.Lost) },
		"resources":     func(w *WorkloadResult) float64 { return float64(w.Resources) },
		"missing":       func(w *WorkloadResult) float64 { return float64(w.Missing) },
		"rounds":        func(w *WorkloadResult) float64 { return float64(w.Rounds) },
		"late":          func(w *WorkloadResult) float64 { return float64(w.Late) },
		"longest-hold":  func(w *WorkloadResult) float64 { return w.LongestHold.Seconds() },
		"longest-call":  func(w *WorkloadResult) float64 { return w.LongestCall.Seconds() },
		"longest-round": func(w *WorkloadResult) float64 { return w.LongestRound.Seconds() },
	}
}

// metric returns `scan.time`, `throttles` (of all workloads) or `least`.
func (r *WayResult) metric(name string) float64 {
	switch name {
	case "least":
		return r.Least.Seconds()
	case "critical":
		return r.Critical.Seconds()
	}
	load, metric, ok := strings.Cut(name, ".")
	if !ok {
		metric = load
	}
	of := metrics()[metric]
	var sum float64
	for i := range r.Workloads {
		if w := &r.Workloads[i]; !ok || w.Name == load {
			sum += of(w)
		}
	}
	return sum
}
