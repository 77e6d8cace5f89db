package scenario

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const minimal = `Comment.
-- scenario.yaml --
watch: ec2:DescribeInstances
workloads: [{name: a, kind: bursts, times: 2, steps: [{calls: [ec2:DescribeInstances], count: 2}]}]
pacing: [none, botorate 50%]
`

// TestMistakes: each is told with its line and, where there is a likely one, what is meant.
func TestMistakes(t *testing.T) {
	for _, tt := range []struct{ from, to, want, hint string }{
		{"scenario.yaml", "scenario.yml", "f:1: there is no -- scenario.yaml --", "the settings stand below such a line; docs/lab.md describes the format, and `botorate lab list` names examples"},
		{"watch:", "wach:", `f:3: unknown key "wach"`, `did you mean "watch"?`},
		{"watch: ec2:DescribeInstances\n", "", "f:3: there is no watch", "say whose bucket the report is to show, such as watch: ec2:DescribeSnapshotAttribute"},
		{"kind: bursts", "kind: burst", `f:4: unknown kind "burst"`, `did you mean "bursts"?`},
		{"kind: bursts", "sdk: legcy, kind: bursts", `f:4: unknown sdk "legcy"`, `did you mean "legacy"?`},
		{"times: 2", "every: soon", `f:4: want a time such as 30s, got "soon"`, "write 90s, 5m or 1h30m"},
		{"times: 2", "times: -2", `f:4: want a whole number of 0 or more, got "-2"`, ""},
		{"ec2:DescribeInstances]", "DescribeInstances]", `f:4: want an action, such as ec2:DescribeInstances, got "DescribeInstances"`, ""},
		{"botorate 50%", "botrate 50%", `f:5: unknown way of pacing "botrate"`, `did you mean "botorate"?`},
		{"botorate 50%", "latency", `f:5: pacing "latency": want latency and a time, such as 250ms, or tuned`, ""},
		{"[none,", "[none, [],", "f:5: want one value", ""},
		{"pacing:", "assert: [a.time of nothing = 1]\npacing:", `f:5: no way of pacing is named "nothing"`, "known here: none, botorate 50%"},
		{"pacing:", "assert: [b.time of none = 1]\npacing:", `f:5: no workload is named "b"`, `did you mean "a"?`},
		{"pacing:", "assert: [a.tim of none = 1]\npacing:", `f:5: unknown metric "tim"`, `did you mean "time"?`},
		{"pacing:", "assert: [a.time of none]\npacing:", `f:5: assertion "a.time of none": want two sides with <=, >=, <, > or = between them, such as scan.time of botorate 80% <= 1.05 * 931s`, ""},
		{"pacing:", "limits: [{match: ec2, capacity: 5}]\npacing:", "f:5: want a capacity of at least 1 and a refill above 0", "or a step alone"},
		{"pacing:", "incidents: [{from: 2m, to: 1m, match: ec2, refuse: 10%}]\npacing:", "f:5: an incident ends after it began: want to later than from", ""},
		{"pacing:", "limits: [{capacity: 5, refill: 5}]\npacing:", "f:5: there is no match", "a service, ec2; an action, ec2:DescribeSnapshots; a group, iam:Get*; or \"*\" for everything"},
		{"pacing:", "changes: [{at: 1m, capacity: 5, refill: 5}]\npacing:", "f:5: there is no match", "a service, ec2; an action, ec2:DescribeSnapshots; a group, iam:Get*; or \"*\" for everything"},
		{"pacing:", "limits: [{match: ec2, capacity: -5, refill: 5}]\npacing:", `f:5: want a number of 0 or more, below 1e12, got "-5"`, ""},
		{"pacing:", "limits: [{match: ec2, capacity: 5, step: 1s}]\npacing:", "f:5: want a capacity of at least 1 and a refill above 0", "or a step alone"},
		{"pacing:", "limits: [{match: ec2, step: -1s}]\npacing:", `f:5: want a time such as 30s, got "-1s"`, "write 90s, 5m or 1h30m"},
		{"pacing:", "changes: [{at: 3h, match: ec2, capacity: 5, refill: 5}]\npacing:", "f:5: a change at 3h comes after the end, which is at 2h", ""},
		{"pacing:", "incidents: [{from: 3h, to: 4h, match: ec2, refuse: 10%}]\npacing:", "f:5: an incident from 3h on comes after the end, which is at 2h", ""},
		{"pacing:", "duration: 0s\npacing:", "f:5: want a duration above 0", "leave it out for 2h"},
		{"pacing:", "duration: 90\npacing:", `f:5: want a time such as 30s, got "90"`, "write 90s, 5m or 1h30m"},
		{"[none,", "[none, none,", `f:5: pacing "none" is there twice`, ""},
		{"times: 2", "times: 2, every: 0s", "f:4: 2 rounds need a time between them: there is no every", "say every: 30s"},
		{"times: 2", "times: 2, workers: 5", "f:4: workers means nothing to a workload of kind bursts", "docs/lab.md says what each kind has"},
		{"bursts, times: 2, steps: [{calls: [ec2:DescribeInstances], count: 2}]", "trace, workers: 0", "f:4: want at least one of the workers", "leave it out for 10"},
		{"bursts, times: 2, steps: [{calls: [ec2:DescribeInstances], count: 2}]", "scout, services: [ec2], skip: [ec2]", "f:4: no service is left to scan", "leave services or skip out"},
		{"bursts, times: 2, steps: [{calls: [ec2:DescribeInstances], count: 2}]", "scout, skip: [ec]", `f:4: ScoutSuite scans no service "ec"`, `did you mean "ec2"?`},
		{"pacing:", "title: A: B\npacing:", "f:5: mapping values are not allowed in this context", "put quotes around a text with a colon in it, and look at the indentation"},
		{"bursts, times: 2", "scout, times: 2", "f:4: times means nothing to a workload of kind scout", "docs/lab.md says what each kind has"},
		{"watch: ec2:DescribeInstances", "watch: ec2:DescribeInstancs", "f:3: nobody draws from the bucket of ec2:DescribeInstancs", `did you mean "ec2:DescribeInstances"?`},
		{"pacing:", "title: 'A\npacing:", "f:7: found unexpected end of stream", "a quotation mark or a bracket is open"},
		{"pacing:", "limits:\n\t- {match: ec2, capacity: 5, refill: 5}\npacing:", "f:6: found character that cannot start any token", "indent with blanks, not with tabs"},
		{"pacing: [none, botorate 50%]\n", "pacing: [none]\n-- scenario.yaml --\n", "f:6: -- scenario.yaml -- is there twice", ""},
		{"workloads: [{", "workloads: [{name: a, kind: trace, trace: x}, {", `f:4: the archive has no file "x"`, "known here: scenario.yaml"},
	} {
		text := strings.Replace(minimal, tt.from, tt.to, 1)
		_, err := Parse("f", []byte(text))
		var at *ParseError
		if !errors.As(err, &at) {
			t.Errorf("%s for %s: %v, want a ParseError", tt.to, tt.from, err)
			continue
		}
		if at.Error() != tt.want || at.Hint() != tt.hint {
			t.Errorf("%s for %s:\ngot  %s\nhint %s\nwant %s\nhint %s", tt.to, tt.from, at, at.Hint(), tt.want, tt.hint)
		}
	}
}

// TestUnused: what nobody calls is told once a run has shown it.
func TestUnused(t *testing.T) {
	const text = `-- scenario.yaml --
watch: ec2:DescribeSnapshotAttribute
limits:
  - {match: "*", step: 0s}
  - {match: ec2, capacity: 100, refill: 20}
changes: [{at: 1s, match: "ec2:Describe*", capacity: 100, refill: 20}]
incidents: [{from: 1s, to: 2s, match: sts, refuse: 1%}]
workloads: [{name: scan, kind: scout, services: [ec2], account: {regions: 1, snapshots: 10}}]
pacing: [none]
`
	for _, tt := range []struct{ from, to, want, hint string }{
		{"watch: ec2:DescribeSnapshotAttribute", "watch: ec2:DescribeSnapshotAttributes", `f:2: nobody calls what is meant by "ec2:DescribeSnapshotAttributes"`, `did you mean "ec2:DescribeSnapshotAttribute"?`},
		{"match: ec2,", "match: ec2:DescribeVpc,", `f:5: nobody calls what is meant by "ec2:DescribeVpc"`, `did you mean "ec2:DescribeVpcs"?`},
		{"Describe*", "Describ", `f:6: nobody calls what is meant by "ec2:Describ"`, ""},
		{"match: sts", "match: sts:GetCallerIdentiti", `f:7: nobody calls what is meant by "sts:GetCallerIdentiti"`, `did you mean "sts:GetCallerIdentity"?`},
		{"", "", "", ""},
	} {
		f, err := Parse("f", []byte(strings.Replace(text, tt.from, tt.to, 1)))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Run(f, Options{})
		var at *ParseError
		if errors.As(err, &at) != (tt.want != "") || at != nil && (at.Error() != tt.want || tt.hint != "" && at.Hint() != tt.hint) {
			t.Errorf("%s for %s: %v, want %s", tt.to, tt.from, err, tt.want)
		}
	}
}

// TestLineEnds: an editor's line ends and byte order mark change nothing.
func TestLineEnds(t *testing.T) {
	body := strings.TrimPrefix(minimal, "Comment.\n")
	for _, text := range []string{strings.ReplaceAll(minimal, "\n", "\r\n"), "\ufeff" + minimal, "\ufeff" + body} {
		f, err := Parse("f", []byte(text))
		if err != nil || f.Watch != "ec2:DescribeInstances" || len(f.Ways) != 2 {
			t.Errorf("%q: %+v, %v", text[:20], f, err)
		}
	}
}

// TestShared: who watches one action of a bucket that others share watches them all.
func TestShared(t *testing.T) {
	text := strings.NewReplacer("watch: ec2:DescribeInstances", "watch: lambda:ListFunctions", "calls: [ec2:DescribeInstances]", "calls: [lambda:ListAliases]").Replace(minimal)
	if _, err := Parse("f", []byte(text)); err != nil {
		t.Error(err)
	}
}

func TestSet(t *testing.T) {
	f, err := Parse("f", []byte(minimal), "seed=7", "workloads.a.times=3", "workloads.0.network={round-trip: 30ms}", "pacing=[none]")
	if err != nil {
		t.Fatal(err)
	}
	if w := f.Workloads[0]; f.Seed != 7 || w.Times != 3 || w.Network.RoundTrip != 30*time.Millisecond || len(f.Ways) != 1 {
		t.Errorf("got seed %d, %+v, %d ways", f.Seed, w, len(f.Ways))
	}
	for bad, want := range map[string]string{
		"seed":                "want KEY=VALUE, such as seed=2 or workloads.scan.workers=5",
		"workloads.b.times=3": `did you mean "a"?`,
		"seed=[":              "",
		"seeed=1":             `did you mean "seed"?`,
	} {
		if _, err := Parse("f", []byte(minimal), bad); err == nil || hintOf(err) != want {
			t.Errorf("--set %s: %v, hint %q, want %q", bad, err, hintOf(err), want)
		}
	}
}

// TestEndless: a run that can't end within its duration says which workload it is.
func TestEndless(t *testing.T) {
	f, err := Parse("f", []byte(minimal), "duration=3s")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Run(f, Options{})
	var endless *EndlessError
	if !errors.As(err, &endless) || endless.Workload != "a" || endless.Idle || endless.After != 3*time.Second {
		t.Errorf("got %v", err)
	}
}

func TestStopped(t *testing.T) {
	f, err := Parse("f", []byte(minimal), "workloads.a.times=100000", "duration=1000h")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Run(f, Options{Progress: func(string, float64) bool { return false }}); !errors.Is(err, StoppedError{}) {
		t.Errorf("got %v", err)
	}
}

// pageOf runs the minimal scenario, changed, and returns its result and page.
func pageOf(t *testing.T, set ...string) (r *Result, page string) {
	t.Helper()
	f, err := Parse("f", []byte(minimal), set...)
	if err != nil {
		t.Fatal(err)
	}
	if r, err = Run(f, Options{Series: true}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := WriteHTML(&b, []*Result{r}); err != nil {
		t.Fatal(err)
	}
	return r, b.String()
}

// TestPage: it needs nothing from elsewhere, and no text of a scenario can become code.
func TestPage(t *testing.T) {
	_, text := pageOf(t, `title="</script><script>alert(1)</script>"`)
	for _, bad := range []string{"<script>alert", "<link", " src=", "@import", "url("} {
		if strings.Contains(text, bad) {
			t.Errorf("the page has %s", bad)
		}
	}
	if n := strings.Count(text, "neighbours' longest call"); n != 0 {
		t.Errorf("without neighbours there are %d pictures of them", n)
	}
	for _, want := range []string{"uPlot", "Copyright (c) 2022 Leon Sorokin", `"limit":[20`, "botorate 50%"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %s", want)
		}
	}
}

// TestPageOfNeighbours: where there are some, each way of pacing has a picture of what they suffered.
func TestPageOfNeighbours(t *testing.T) {
	r, text := pageOf(t, "workloads.a.neighbour=true")
	if n := strings.Count(text, "neighbours' longest call"); n != len(r.Ways) {
		t.Errorf("%d pictures for %d ways", n, len(r.Ways))
	}
}

// TestSeriesLaw: however a series is coarsened, nothing that was counted is lost.
func TestSeriesLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSeries()
		n, at := rapid.IntRange(1, 200).Draw(t, "n"), time.Duration(0)
		for range n {
			at += time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "gap"))
			s.at(at).ours++
		}
		sum := 0
		for _, b := range s.bins {
			sum += b.ours
		}
		if sum != n || len(s.bins) > maxSteps {
			t.Fatalf("%d of %d in %d bins", sum, n, len(s.bins))
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	for _, name := range Names()[:3] {
		data, err := Shipped(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("f", data)
		if (file == nil) == (err == nil) {
			t.Errorf("%v and %v", file, err)
		}
	})
}
