package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/quota"
)

const (
	defaultDuration = Duration(2 * time.Hour)
	defaultSeed     = 1
)

// complete fills in what a file leaves out, and checks the rest.
func (f *File) complete(r *reader) error {
	f.Title = cmp.Or(f.Title, f.Name)
	f.Seed = cmp.Or(f.Seed, defaultSeed)
	var watch Action
	switch err := watch.parse(f.Watch); {
	case f.Watch == "":
		return r.fail(1, "say whose bucket the report is to show, such as watch: ec2:DescribeSnapshotAttribute", "there is no watch")
	case err != nil:
		return r.fail(r.line(&f.Watch), "", "watch: %v", err)
	case len(f.Workloads) == 0:
		return r.fail(1, "a list of who calls AWS", "there are no workloads")
	case len(f.Ways) == 0:
		return r.fail(1, "a list, such as pacing: [none, botorate 80%]", "there is no pacing")
	case r.has(&f.Duration) && f.Duration <= 0:
		return r.fail(r.line(&f.Duration), "leave it out for "+defaultDuration.String(), "want a duration above 0")
	}
	f.Duration = cmp.Or(f.Duration, defaultDuration)
	for i := range f.Ways {
		if same := func(w Way) bool { return w.Name == f.Ways[i].Name }; slices.ContainsFunc(f.Ways[:i], same) {
			return r.fail(r.line(&f.Ways[i]), "", "pacing %q is there twice", f.Ways[i].Name)
		}
	}
	f.watch = watch.action
	if err := f.checkTimes(r); err != nil {
		return err
	}
	names := map[string]bool{}
	for i := range f.Workloads {
		w := &f.Workloads[i]
		if err := w.complete(r); err != nil {
			return err
		}
		if names[w.Name] {
			return r.fail(r.line(w), "", "two workloads are named %q", w.Name)
		}
		names[w.Name] = true
		if err := f.completeTrace(r, w); err != nil {
			return err
		}
	}
	if err := f.checkWatch(r); err != nil {
		return err
	}
	for i := range f.Assertions {
		a := &f.Assertions[i]
		if problem, hint := a.check(f); problem != "" {
			return r.fail(r.line(a), hint, "%s", problem)
		}
	}
	return nil
}

// checkWatch refuses a watched action whose bucket nobody draws from, as far as the file says what is called.
func (f *File) checkWatch(r *reader) error {
	policy, err := quota.NewPolicy(quota.Settings{Share: 1})
	if err != nil {
		return err
	}
	draws := func(a action) []botorate.Draw {
		return policy.Draws(a.call(accountName(0), home))
	}
	watched := draws(f.watch)[0].Bucket
	var called []string
	for i := range f.Workloads {
		w := &f.Workloads[i]
		if w.Kind == kindScout {
			return nil // it calls what ScoutSuite calls
		}
		actions := make([]action, 0, len(w.trace))
		for _, e := range w.trace {
			actions = append(actions, e.action)
		}
		for _, s := range w.Steps {
			for _, a := range s.Calls {
				actions = append(actions, a.action)
			}
		}
		for _, a := range actions {
			if slices.ContainsFunc(draws(a), func(d botorate.Draw) bool { return d.Bucket == watched }) {
				return nil
			}
			called = append(called, a.name())
		}
	}
	slices.Sort(called)
	return r.fail(r.line(&f.Watch), suggest(f.watch.name(), slices.Compact(called)), "nobody draws from the bucket of %s", f.watch.name())
}

// checkUse refuses what a run showed to be about nothing that is called: most likely it is misspelt.
func (f *File) checkUse(w *world) error {
	var called []string
	for _, t := range w.targets {
		called = append(called, t.action)
	}
	slices.Sort(called)
	fail := func(at any, what string) error {
		return f.read.fail(f.read.line(at), suggest(what, slices.Compact(called)), "nobody calls what is meant by %q", what)
	}
	drawn := func(a *Amount) bool {
		for _, t := range w.targets {
			if slices.ContainsFunc(t.draws, func(d botorate.Draw) bool { return a.applies(d.Bucket) }) {
				return true
			}
		}
		return false
	}
	if !w.touched {
		return fail(&f.Watch, f.Watch)
	}
	for i := range f.Limits {
		if a := &f.Limits[i]; !drawn(a) {
			return fail(a, a.Match.String())
		}
	}
	for i := range f.Changes {
		if c := &f.Changes[i]; !drawn(&Amount{Match: c.Match}) {
			return fail(c, c.Match.String())
		}
	}
	for i := range f.Incidents {
		if in := &f.Incidents[i]; !slices.ContainsFunc(called, in.applies) {
			return fail(in, in.Match.String())
		}
	}
	return nil
}

// checkTimes checks amounts, changes and incidents.
func (f *File) checkTimes(r *reader) error {
	for i := range f.Limits {
		a := &f.Limits[i]
		a.stepped = r.has(&a.Step)
		if err := r.checkMatch(a, &a.Match); err != nil {
			return err
		}
		if onlyStep := a.stepped && !r.has(&a.Capacity) && !r.has(&a.Refill); !onlyStep && !positive(a.Capacity, a.Refill) {
			return r.fail(r.line(a), "or a step alone", wantAmount)
		}
	}
	for i := range f.Changes {
		c := &f.Changes[i]
		if err := r.checkMatch(c, &c.Match); err != nil {
			return err
		}
		switch {
		case !positive(c.Capacity, c.Refill):
			return r.fail(r.line(c), "", wantAmount)
		case c.At >= f.Duration:
			return r.fail(r.line(c), "", "a change at %v comes after the end, which is at %v", c.At, f.Duration)
		}
	}
	for i := range f.Incidents {
		in := &f.Incidents[i]
		if err := r.checkMatch(in, &in.Match); err != nil {
			return err
		}
		switch {
		case in.To <= in.From:
			return r.fail(r.line(in), "", "an incident ends after it began: want to later than from")
		case in.Refuse <= 0:
			return r.fail(r.line(in), "say refuse: 50%", "an incident refuses a part of what comes")
		case in.From >= f.Duration:
			return r.fail(r.line(in), "", "an incident from %v on comes after the end, which is at %v", in.From, f.Duration)
		}
	}
	return nil
}

const wantAmount = "want a capacity of at least 1 and a refill above 0"

func positive(capacity, refill float64) bool { return capacity >= 1 && refill > 0 }

// checkMatch refuses what doesn't say which actions it is about.
func (r *reader) checkMatch(of any, m *Match) error {
	if r.has(m) {
		return nil
	}
	return r.fail(r.line(of), `a service, ec2; an action, ec2:DescribeSnapshots; a group, iam:Get*; or "*" for everything`, "there is no match")
}

// presets are what is usual for a kind of workload, unless the file says otherwise. Connections are inside a Region, and open:
// 10 ms to AWS and back, 20 ms of AWS's own.
func presets() map[string]Workload {
	open := network{RoundTrip: 10 * time.Millisecond, Trips: 1, Server: 20 * time.Millisecond, Spread: 5 * time.Millisecond}
	return map[string]Workload{
		kindScout:     {SDK: "legacy", Network: open, Workers: 10},
		kindTrace:     {SDK: "standard", Network: open, Workers: 10},
		"controllers": {SDK: "standard", Network: open, Every: Duration(30 * time.Second), Jitter: Duration(2 * time.Second)},
		"autoscaler":  {SDK: "standard", Network: open, Every: Duration(5 * time.Minute), Start: Duration(time.Minute), Within: Duration(time.Minute)},
		"terraform":   {SDK: "terraform", Network: open},
		"agent":       {SDK: "standard", Network: open, Every: Duration(15 * time.Second), Jitter: Duration(10 * time.Second)},
		"bursts":      {SDK: "none", Network: open, Every: Duration(5 * time.Second)},
	}
}

func (w *Workload) complete(r *reader) error {
	p, ok := presets()[w.Kind]
	switch {
	case w.Kind == "":
		return r.fail(r.line(w), "known kinds: "+strings.Join(sortedKeys(presets()), ", "), "a workload has a kind")
	case !ok:
		return r.fail(r.line(&w.Kind), suggest(w.Kind, sortedKeys(presets())), "unknown kind %q", w.Kind)
	}
	if err := w.checkKeys(r); err != nil {
		return err
	}
	w.Name = cmp.Or(w.Name, w.Kind)
	w.SDK = cmp.Or(w.SDK, p.SDK)
	if sdks()[w.SDK] == nil {
		return r.fail(r.line(&w.SDK), suggest(w.SDK, sortedKeys(sdks())), "unknown sdk %q", w.SDK)
	}
	if strings.ContainsAny(w.Name, ". ") {
		return r.fail(r.line(w), "", "a workload's name has neither dots nor blanks: %q", w.Name)
	}
	if r.has(&w.Workers) && w.Workers == 0 {
		return r.fail(r.line(&w.Workers), fmt.Sprintf("leave it out for %d", p.Workers), "want at least one of the workers")
	}
	w.Workers = cmp.Or(w.Workers, p.Workers)
	if !r.has(&w.Every) {
		w.Every = p.Every
	}
	if !r.has(&w.Jitter) {
		w.Jitter = p.Jitter
	}
	if !r.has(&w.Start) {
		w.Start = p.Start
	}
	if !r.has(&w.Within) {
		w.Within = p.Within
	}
	w.Accounts, w.Regions = max(w.Accounts, 1), max(w.Regions, 1)
	if w.Regions > len(regionNames()) {
		return r.fail(r.line(&w.Regions), "", "an account has at most %d Regions", len(regionNames()))
	}
	w.Network.complete(r, p.Network)
	if w.Kind == kindScout {
		return w.completeScout(r)
	}
	return w.completeSteps(r)
}

func (n *network) complete(r *reader, usual network) {
	n.Trips = cmp.Or(n.Trips, usual.Trips)
	if !r.has(&n.RoundTrip) {
		n.RoundTrip = usual.RoundTrip
	}
	if !r.has(&n.Server) {
		n.Server = usual.Server
	}
	if !r.has(&n.Spread) {
		n.Spread = usual.Spread
	}
}

// checkKeys refuses keys that mean nothing to the workload's kind.
func (w *Workload) checkKeys(r *reader) error {
	scout, trace := w.Kind == kindScout, w.Kind == kindTrace
	rounds := !scout && !trace
	for _, k := range []struct {
		name  string
		at    any
		means bool
	}{
		{"account", &w.Account, scout},
		{"services", &w.Services, scout},
		{"skip", &w.Skip, scout},
		{"workers", &w.Workers, scout || trace},
		{"build-cost", &w.Build, scout},
		{"every", &w.Every, rounds},
		{"jitter", &w.Jitter, rounds},
		{"times", &w.Times, rounds},
		{"within", &w.Within, rounds},
		{"steps", &w.Steps, rounds},
		{"accounts", &w.Accounts, rounds},
		{"regions", &w.Regions, rounds},
		{"trace", &w.Trace, trace},
	} {
		if r.has(k.at) && !k.means {
			return r.fail(r.line(k.at), "docs/lab.md says what each kind has", "%s means nothing to a workload of kind %s", k.name, w.Kind)
		}
	}
	return nil
}

func (w *Workload) completeScout(r *reader) error {
	if !r.has(&w.Build) {
		w.Build = 1
	}
	inv := &w.Account
	inv.Regions, inv.VPCs = max(inv.Regions, 1), max(inv.VPCs, 1)
	if inv.Regions > len(regionNames()) {
		return r.fail(r.line(&inv.Regions), "", "an account has at most %d Regions", len(regionNames()))
	}
	var known []string
	for _, v := range (&scan{load: &load{Workload: &Workload{}}}).services() {
		known = append(known, v.name)
	}
	for _, list := range [][]string{w.Services, w.Skip} {
		for i, name := range list {
			if !slices.Contains(known, name) {
				return r.fail(r.line(&list[i]), suggest(name, known), "ScoutSuite scans no service %q", name)
			}
		}
	}
	if len((&scan{load: &load{Workload: w}}).services()) == 0 {
		return r.fail(r.line(&w.Skip), "leave services or skip out", "no service is left to scan")
	}
	return nil
}

func (w *Workload) completeSteps(r *reader) error {
	if w.Kind == kindTrace {
		return nil
	}
	if w.Times > 1 && w.Every == 0 {
		return r.fail(r.line(&w.Times), "say every: 30s", "%d rounds need a time between them: there is no every", w.Times)
	}
	if len(w.Steps) == 0 {
		return r.fail(r.line(w), "such as steps: [{calls: [ec2:DescribeInstances], count: 5}]", "%s %s makes no calls: there are no steps", w.Kind, w.Name)
	}
	for i := range w.Steps {
		s := &w.Steps[i]
		if len(s.Calls) == 0 {
			return r.fail(r.line(s), "such as calls: [ec2:DescribeInstances]", "a step has calls")
		}
		s.Count = cmp.Or(s.Count, len(s.Calls))
		if s.Gap > 0 && s.Parallel > 0 {
			return r.fail(r.line(s), "", "a step has either a gap or a number of calls in parallel")
		}
		if s.Gap > 0 {
			s.Parallel = 2*s.Count + 1
		}
		s.Parallel = max(s.Parallel, 1)
	}
	return nil
}
