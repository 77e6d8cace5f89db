package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/lab"
	"github.com/botorate/botorate/internal/sim"
	"github.com/botorate/botorate/quota"
)

// Options say how to run a scenario. The zero value is a useful default.
type Options struct {
	Series   bool                                // keep what happened over time, for a picture
	Progress func(way string, part float64) bool // told now and then; false stops the run; nil means nobody cares
}

// An EndlessError tells that a scenario can't come to its end, or didn't within its duration.
type EndlessError struct {
	Scenario, Way, Workload string
	After                   time.Duration
	Idle                    bool // nothing was left that could happen
	Calls                   int
}

func (e *EndlessError) Error() string {
	why := fmt.Sprintf("is not over after %s, its duration", short(e.After))
	if e.Idle {
		why = fmt.Sprintf("can't end: after %s nothing is left to happen", short(e.After))
	}
	return fmt.Sprintf("%s: under %q, workload %s %s; it had made %d calls", e.Scenario, e.Way, e.Workload, why, e.Calls)
}

// Hint says what to do.
func (e *EndlessError) Hint() string {
	return "give it a longer duration, or workloads that can be done in it"
}

// An UntunableError tells that somebody is throttled with whatever delay.
type UntunableError struct {
	Scenario, Way string
	Delay         time.Duration // the longest that was tried
}

func (e *UntunableError) Error() string {
	return fmt.Sprintf("%s: %q can't be tuned: even with %s somebody is throttled", e.Scenario, e.Way, short(e.Delay))
}

// Hint says what to do.
func (e *UntunableError) Hint() string {
	return "what is not paced is refused by itself: see what it does under pacing: [none], or name a time instead of tuned"
}

// A StoppedError tells that Progress asked to stop.
type StoppedError struct{}

func (StoppedError) Error() string { return "the lab was interrupted" }

// Run runs the scenario once for each way of pacing. The same file gives the same result, on every machine. The error may be a *[ParseError]:
// only a run shows what nobody calls.
func Run(f *File, o Options) (*Result, error) {
	res := &Result{Scenario: f.Title, Name: f.Name, Seed: f.Seed, Watch: f.Watch, Duration: f.Duration.Duration()}
	for _, w := range f.Ways {
		if w.Tuned {
			var err error
			if w, err = f.tune(w, o); err != nil {
				return nil, err
			}
		}
		r, err := f.run(w, o)
		if err != nil {
			return nil, err
		}
		res.Ways = append(res.Ways, r)
	}
	for i := range f.Assertions {
		res.Checks = append(res.Checks, f.Assertions[i].hold(res))
	}
	return res, nil
}

// tuneStep is how fine a way is tuned.
const tuneStep = 5 * time.Millisecond

// tune finds the least delay with which nobody is throttled.
func (f *File) tune(w Way, o Options) (Way, error) {
	o.Series = false
	clean := func(steps int) (bool, error) {
		w.Delay = time.Duration(steps) * tuneStep
		r, err := f.run(w, o)
		return err == nil && r.total(func(t *Tally) int { return t.Throttles }) == 0, err
	}
	low, high := 0, 1
	for ; ; low, high = high, 2*high {
		ok, err := clean(high)
		if err != nil {
			return w, fmt.Errorf("tune %s: %w", w.Name, err)
		}
		if !ok && w.Delay > f.Duration.Duration() {
			return w, &UntunableError{f.Name, w.Name, w.Delay}
		}
		if ok {
			break
		}
	}
	for high-low > 1 {
		middle := (low + high) / 2
		ok, err := clean(middle)
		if err != nil {
			return w, fmt.Errorf("tune %s: %w", w.Name, err)
		}
		if ok {
			high = middle
		} else {
			low = middle
		}
	}
	w.Delay = time.Duration(high) * tuneStep
	return w, nil
}

// run runs the scenario under one way of pacing.
func (f *File) run(way Way, o Options) (WayResult, error) {
	w, err := f.world(way, o)
	if err != nil {
		return WayResult{}, err
	}
	w.schedule()
	for _, l := range w.loads {
		l.run()
	}
	end := start().Add(f.Duration.Duration())
	var fired uint64
	for w.running > 0 || w.running == 0 && w.endless() {
		at, ok := w.loop.Next()
		if !ok || at.After(end) {
			return w.timeUp(ok, end)
		}
		w.loop.Step()
		if fired++; o.Progress != nil && fired%(1<<14) == 0 && !o.Progress(way.Name, w.part()) {
			return WayResult{}, StoppedError{}
		}
	}
	return w.ended()
}

// ended is what came of a run, unless the file was about something that nobody called.
func (w *world) ended() (WayResult, error) {
	if err := w.file.checkUse(w); err != nil {
		return WayResult{}, err
	}
	return w.result(), nil
}

// endless reports whether no workload has an end: then the duration is it.
func (w *world) endless() bool {
	for _, l := range w.loads {
		if !l.endless() {
			return false
		}
	}
	return true
}

// timeUp ends a run at its duration, or earlier if nothing is left to happen.
func (w *world) timeUp(more bool, end time.Time) (WayResult, error) {
	if more {
		w.loop.Run(end)
	}
	for _, l := range w.loads {
		if !l.over && !l.endless() {
			return WayResult{}, &EndlessError{w.file.Name, w.way.Name, l.Name, w.loop.Elapsed(), !more, l.tally.Calls}
		}
	}
	return w.ended()
}

// part is how far the run is.
func (w *world) part() float64 {
	part := float64(w.loop.Elapsed()) / float64(w.file.Duration.Duration())
	for _, l := range w.loads {
		if l.tally.Resources > 0 && l.Account.Snapshots > 0 {
			part = max(part, min(0.99, float64(l.tally.Calls)/float64(l.tally.Resources+1)))
		}
	}
	return part
}

// world builds one run.
func (f *File) world(way Way, o Options) (*world, error) {
	published, err := quota.NewPolicy(quota.Settings{Share: 1})
	if err != nil {
		return nil, err
	}
	w := &world{
		loop: sim.New(start()), file: f, way: way, policy: published, real: &amounts{policy: published, rules: f.Limits, known: len(f.Limits)},
		targets: map[targetKey]*target{}, watched: map[botorate.BucketID]bool{}, chance: sim.Rand(uint64(f.Seed), "incidents"), //nolint:gosec // not negative
	}
	w.cloud = &lab.Cloud{Quotas: w.real, ChargeRefused: f.Charge}
	account, region := f.place()
	t := w.target(f.watch, account, region)
	w.watch = t.draws[0].Bucket
	w.watched[w.watch] = true
	w.targets = map[targetKey]*target{}
	if o.Series {
		w.series = newSeries()
	}
	w.pacer = w.newPacer()
	for i := range f.Workloads {
		load := &load{Workload: &f.Workloads[i], w: w, paced: !f.Workloads[i].Neighbour, random: sim.Rand(uint64(f.Seed), f.Workloads[i].Name)} //nolint:gosec // not negative
		w.loads = append(w.loads, load)
		if !load.endless() {
			w.running++
		}
	}
	return w, nil
}

// place is where the watched bucket is: where traces call its action most, else the first account and Region.
func (f *File) place() (account, region string) {
	best, counts := [2]string{accountName(0), home}, map[[2]string]int{}
	for i := range f.Workloads {
		for _, e := range f.Workloads[i].trace {
			if e.action.name() != f.watch.name() {
				continue
			}
			if counts[e.where]++; counts[e.where] > counts[best] {
				best = e.where
			}
		}
	}
	return best[0], best[1]
}

// schedule has limits change and incidents begin and end.
func (w *world) schedule() {
	for i := range w.file.Changes {
		c := &w.file.Changes[i]
		w.loop.After(c.At.Duration(), func() {
			w.real.rules = append(slices.Clip(w.real.rules), Amount{Match: c.Match, Capacity: c.Capacity, Refill: c.Refill})
			w.cloud.Resize(w.loop.Now())
		})
	}
	for i := range w.file.Incidents {
		in := &w.file.Incidents[i]
		w.loop.After(in.From.Duration(), func() { w.incidents = append(w.incidents, in) })
		w.loop.After(in.To.Duration(), func() {
			for j := range w.incidents {
				if w.incidents[j] == in {
					w.incidents = append(w.incidents[:j], w.incidents[j+1:]...)
					break
				}
			}
		})
	}
}

// short writes a duration without empty parts: 1h, not 1h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
