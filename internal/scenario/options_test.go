package scenario

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

// forty is a workload of forty calls, one each half second, none of which is repeated; 5 ms later each is at AWS.
const forty = `-- scenario.yaml --
watch: ec2:DescribeSnapshotAttribute
limits: [{match: ec2, capacity: 10, refill: 1}]
workloads:
  - name: a
    kind: bursts
    times: 1
    network: {round-trip: 10ms, server: 20ms, spread: 0s}
    steps: [{calls: [ec2:DescribeSnapshotAttribute], count: 40, gap: 500ms}]
pacing: [none]
`

func played(t *testing.T, text string, set ...string) *Result {
	t.Helper()
	f, err := Parse("f", []byte(text), set...)
	if err != nil {
		t.Fatalf("%q: %v", set, err)
	}
	r, err := Run(f, Options{})
	if err != nil {
		t.Fatalf("%q: %v", set, err)
	}
	return r
}

// TestOptions holds the simulated AWS to what can be counted by hand.
func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		name   string
		set    []string
		metric string
		want   float64
	}{
		{"19 refills of one, as EC2 makes them, each second", []string{"seed=1"}, "throttles", 40 - 10 - 19},
		{"refills after 5, 10 and 15 s, of five each", []string{"limits=[{match: ec2, capacity: 10, refill: 1, step: 5s}]"}, "throttles", 40 - 10 - 15},
		{"one refill, which the capacity cuts", []string{"limits=[{match: ec2, capacity: 10, refill: 1, step: 12s}]"}, "throttles", 40 - 10 - 10},
		{"in steps of a second one of two calls finds a token", []string{"limits=[{match: ec2, capacity: 1, refill: 2}]"}, "throttles", 20},
		{"continuously each does", []string{"limits=[{match: ec2, capacity: 1, refill: 2, step: 0s}]"}, "throttles", 0},
		{"a step alone", []string{`limits=[{match: ec2, capacity: 1, refill: 2}, {match: "*", step: 0s}]`}, "throttles", 0},
		{"a refused attempt costs nothing", []string{"limits=[{match: ec2, capacity: 10, refill: 0.5}]"}, "throttles", 40 - 10 - 9},
		{"it costs what is there: when the bucket is empty after 6.5 s, it stays so", []string{"charge-refused=true", "limits=[{match: ec2, capacity: 10, refill: 0.5}]"}, "throttles", 40 - 10 - 3},
		{"lowered after 5 s to a refill in 10 s", []string{"changes=[{at: 5s, match: ec2, capacity: 5, refill: 0.1}]"}, "throttles", 40 - 10 - 5 - 1},
		{"an incident over 10 calls", []string{"incidents=[{from: 5s, to: 10s, match: ec2, refuse: 100%}]", "limits=[{match: ec2, capacity: 100, refill: 1}]"}, "throttles", 10},
		{"an incident of iam's, of which every other call is", []string{
			"incidents=[{from: 5s, to: 10s, match: iam, refuse: 100%}]", "limits=[{match: ec2, capacity: 100, refill: 1}]",
			"workloads.a.steps=[{calls: [ec2:DescribeSnapshotAttribute, iam:GetUser], count: 40, gap: 500ms}]",
		}, "throttles", 5},
		{"each account and Region has buckets of its own", []string{"workloads.a.accounts=2", "workloads.a.regions=3"}, "throttles", 6 * (40 - 10 - 19)},
		{"a round trip and the server's time", []string{"limits=[{match: ec2, capacity: 100, refill: 1}]"}, "longest-call", 0.03},
		{"round trips of a new connection", []string{"limits=[{match: ec2, capacity: 100, refill: 1}]", "workloads.a.network.trips=3"}, "longest-call", 0.05},
		{"a start", []string{"workloads.a.start=1m"}, "time", 60 + 19.5 + 0.03},
	} {
		if got := played(t, forty, tt.set...).Ways[0].metric(tt.metric); got != tt.want {
			t.Errorf("%s (%q): %s %v, want %v", tt.name, tt.set, tt.metric, got, tt.want)
		}
	}
}

// TestSpread: up to so much more each way.
func TestSpread(t *testing.T) {
	r := played(t, forty, "limits=[{match: ec2, capacity: 100, refill: 1}]", "workloads.a.network.spread=100ms")
	w := &r.Ways[0].Workloads[0]
	if w.LongestCall < 130*time.Millisecond || w.LongestCall > 230*time.Millisecond || w.Mean < 100*time.Millisecond || w.Mean > 160*time.Millisecond {
		t.Errorf("calls take %v at most and %v on average; want up to 230 ms, and about 130 ms", w.LongestCall, w.Mean)
	}
}

// TestScanStarts: a scan has a start, too.
func TestScanStarts(t *testing.T) {
	const text = `-- scenario.yaml --
watch: ec2:DescribeSnapshotAttribute
workloads: [{name: scan, kind: scout, services: [ec2], account: {regions: 1, snapshots: 10}}]
pacing: [none]
`
	now, later := played(t, text), played(t, text, "workloads.scan.start=5m")
	if d := later.Ways[0].Ended - now.Ways[0].Ended; d != 5*time.Minute {
		t.Errorf("it ends %v later, want 5m", d)
	}
}

// TestTuned finds the least time with which nobody is throttled, by steps of 5 ms: one step less, and somebody is.
func TestTuned(t *testing.T) {
	const text = `-- scenario.yaml --
watch: ec2:DescribeSnapshotAttribute
limits: [{match: ec2, capacity: 10, refill: 5}]
workloads: [{name: a, kind: terraform, sdk: none, steps: [{calls: [ec2:DescribeSnapshotAttribute], count: 200, parallel: 4}]}]
pacing: [interval tuned, latency tuned]
`
	for _, w := range played(t, text).Ways {
		if n := w.metric("throttles"); n > 0 || w.Tuned == 0 {
			t.Errorf("%s: %v throttles", w.title(), n)
		}
		kind, _, _ := strings.Cut(w.Way, " ")
		if n := played(t, text, "pacing=["+kind+" "+(w.Tuned-tuneStep).String()+"]").Ways[0].metric("throttles"); n == 0 {
			t.Errorf("%s: %v is enough", w.title(), w.Tuned-tuneStep)
		}
	}
}

// TestUntunable: where a neighbour alone is refused, no delay helps, and the search for one ends.
func TestUntunable(t *testing.T) {
	for _, way := range []string{"interval tuned", "latency tuned"} {
		f, err := Parse("f", []byte(`-- scenario.yaml --
watch: ec2:DescribeInstances
duration: 1m
workloads:
  - {name: a, kind: controllers, steps: [{calls: [ec2:DescribeInstances]}]}
  - {name: b, kind: bursts, neighbour: true, every: 1s, steps: [{calls: [ec2:DescribeInstances], count: 300, parallel: 300}]}
pacing: [`+way+`]
`))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Run(f, Options{})
		var bad *UntunableError
		if !errors.As(err, &bad) || bad.Way != way || bad.Hint() == "" {
			t.Errorf("%s: got %v", way, err)
		}
	}
}

// TestIdle: a workload that waits for what never comes ends the run at once, long before its duration.
func TestIdle(t *testing.T) {
	f, err := Parse("f", []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	f.Workloads[0] = Workload{Name: "a", Kind: kindTrace, SDK: "none"} // of no attempts: no file can say so
	_, err = Run(f, Options{})
	var endless *EndlessError
	if !errors.As(err, &endless) || !endless.Idle || endless.After > time.Second {
		t.Errorf("got %v", err)
	}
}

// TestTraceElsewhere: what is watched in a trace is where the trace called it.
func TestTraceElsewhere(t *testing.T) {
	var trace strings.Builder
	trace.WriteString(`{"trace":"botorate-trace/1","started":"2026-11-23T09:00:00Z"}` + "\n")
	for range 1500 {
		trace.WriteString(`{"at":1,"service":"ec2","operation":"DescribeSnapshotAttribute","account":"999999999999","region":"eu-west-1","attempt":1}` + "\n")
	}
	data, err := FromTrace("t", []byte(trace.String()))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range played(t, string(data)).Ways[1:] {
		if w.Least == 0 || w.Critical < w.Least || w.Critical > w.Least*105/100 {
			t.Errorf("%s: critical %v, least %v", w.Way, w.Critical, w.Least)
		}
	}
}

// TestSame: the same seed gives the same bytes, run after run, with all that there is in them; another one others.
func TestSame(t *testing.T) {
	data, err := Shipped("agent-fans-out")
	if err != nil {
		t.Fatal(err)
	}
	all := func(set ...string) string {
		f, err := Parse("f", data, set...)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Run(f, Options{Series: true})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := errors.Join(r.WriteJSON(&b), r.WriteMarkdown(&b), WriteHTML(&b, []*Result{r})); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	first := all()
	for range 5 {
		if all() != first {
			t.Fatal("the same seed gave something else")
		}
	}
	if all("seed=2") == first {
		t.Error("another seed gave the same")
	}
}
