package report

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func attempt(call string, result Result) Attempt {
	return Attempt{Tenant: "scan", Client: "Boto3/1.43", Action: "ec2:DescribeSnapshots", Account: "123456789012", Region: "eu-west-1", Call: call, Result: result}
}

func TestCompleteness(t *testing.T) {
	tests := []struct {
		name     string
		attempts []Attempt
		complete Completeness
		lost     uint64
		atLeast  bool
	}{
		{"nothing came", nil, Unknown, 0, false},
		{"all answered", []Attempt{attempt("a", Answered), attempt("", Answered)}, Yes, 0, false},
		{"tried again", []Attempt{attempt("a", Shed), attempt("a", Throttled), attempt("a", Answered)}, Yes, 0, false},
		{"gave up", []Attempt{attempt("a", Throttled), attempt("b", Answered), attempt("a", Throttled)}, No, 1, false},
		{"two calls lost", []Attempt{attempt("a", Gone), attempt("b", Failed), attempt("b", Failed)}, No, 2, false},
		{"another tenant's call of the same name", []Attempt{{Tenant: "x", Call: "a", Result: Shed}, {Tenant: "y", Call: "a"}}, No, 1, false},
		{"no names, answers after", []Attempt{attempt("", Throttled), attempt("", Answered)}, Unknown, 0, false},
		{"no names, nothing after", []Attempt{attempt("", Answered), attempt("", Failed)}, No, 1, true},
		{
			"no names, nothing of that action after",
			[]Attempt{{Action: "iam:GetRole", Result: Shed}, attempt("", Answered)},
			No, 1, true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c Collector
			for _, a := range tt.attempts {
				c.Observe(a)
			}
			s := c.Summary()
			if s.Complete != tt.complete || s.Lost != tt.lost || s.AtLeast != tt.atLeast {
				t.Errorf("got %s, %d lost, at least %v; want %s, %d, %v", s.Complete, s.Lost, s.AtLeast, tt.complete, tt.lost, tt.atLeast)
			}
		})
	}
}

// Whether all was done can't be told when a client would not even ask.
func TestCompletenessDistrusted(t *testing.T) {
	tests := []struct {
		name     string
		attempts []Attempt
		complete Completeness
		reason   string
	}{
		{"else all answered", []Attempt{attempt("a", Answered)}, Unknown, "a client refused botorate's certificate for sts.amazonaws.com"},
		{"nothing came", nil, Unknown, "a client refused botorate's certificate for sts.amazonaws.com"},
		{"a call lost besides", []Attempt{attempt("a", Failed)}, No, "calls ended without an answer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c Collector
			c.Distrusted("sts.amazonaws.com")
			for _, a := range tt.attempts {
				c.Observe(a)
			}
			if s := c.Summary(); s.Complete != tt.complete || s.Reason != tt.reason {
				t.Errorf("got %s, %q; want %s, %q", s.Complete, s.Reason, tt.complete, tt.reason)
			}
		})
	}
}

// Programs that read the report need not know null.
func TestNoNull(t *testing.T) {
	data, err := json.Marshal(new(Collector).Summary())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "null") {
		t.Errorf("got %s", data)
	}
}

// "yes" is never said when the last attempt of a call was not answered, and "no" never when all were.
func TestCompletenessLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Collector
		last := make(map[string]Result)
		for range rapid.IntRange(0, 30).Draw(t, "attempts") {
			a := attempt(rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "call"), Result(rapid.IntRange(0, int(Gone)).Draw(t, "result")))
			c.Observe(a)
			last[a.Call] = a.Result
		}
		bad := false
		for _, r := range last {
			bad = bad || r != Answered
		}
		switch got := c.Summary().Complete; {
		case bad && got != No:
			t.Errorf("got %s with a call that ended without answer", got)
		case !bad && got == No:
			t.Errorf("got no although every call ended with an answer")
		}
	})
}

func TestCollectorIsBounded(t *testing.T) {
	var c Collector
	for i := range maxOpen + 10 {
		c.Observe(Attempt{
			Action: fmt.Sprint("x:", i%(2*maxActions)), Tenant: "t", Client: fmt.Sprint(i), Call: fmt.Sprint(i),
			Result: Shed,
		})
		c.Opened(fmt.Sprint(i), false)
	}
	if len(c.open) != maxOpen || len(c.actions) != maxActions+1 || len(c.clients) > maxNames+1 || len(c.hosts) > maxNames+1 {
		t.Errorf("keeps %d calls, %d actions, %d clients, %d hosts", len(c.open), len(c.actions), len(c.clients), len(c.hosts))
	}
	for i := range maxOpen {
		c.Observe(Attempt{Tenant: "t", Call: fmt.Sprint(i), Action: "x:0"})
	}
	if s := c.Summary(); s.Complete != Unknown || s.Total.Attempts != 2*maxOpen+10 {
		t.Errorf("got %s of %d attempts, want unknown: ten calls were forgotten", s.Complete, s.Total.Attempts)
	}
}

func sample() Summary {
	var c Collector
	for i := range 600 {
		a := attempt(fmt.Sprint(i), Answered)
		a.Action = "ec2:DescribeSnapshotAttribute"
		if i >= 80 {
			a.Held = time.Duration(i) * time.Millisecond
		}
		if i == 300 {
			a.Absorbed = 1
		}
		c.Observe(a)
	}
	c.Observe(attempt("x", Answered))
	c.Opened("registry.terraform.io", false)
	c.Opened("ec2.eu-west-1.amazonaws.com", true)
	s := c.Summary()
	s.Command, s.Wall, s.Started = "scan", Seconds(32912*time.Millisecond), time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
	s.Buckets = []Bucket{
		{Quota: "ec2:DescribeSnapshots", Capacity: 100, Refill: 20, Share: 1, Rate: 10, Burst: 1, Origin: "user", Source: "--limit ec2=100ms", Attempts: 1},
		{
			Quota: "ec2:DescribeSnapshotAttribute", Capacity: 100, Refill: 20, Share: 0.8, Rate: 16, RateNow: 11.2, Burst: 80, Cuts: 1, Throttled: 1,
			Origin: "published", Date: "2026-11-23", Attempts: 601,
		},
		{Quota: "x:*", Rate: Rate(math.Inf(1)), Burst: 1, Share: 1, Origin: "user", Source: "botorate.yaml:3"},
	}
	return s
}

func TestText(t *testing.T) {
	tests := []struct {
		name string
		s    Summary
		want string
	}{
		{"paced", sample(), `b: 601 attempts in 32.9 s, 520 held (longest 0.60 s), 1 throttle absorbed: complete, every call got its answer
b:   action                         attempts  answered  held  longest  absorbed  throttled
b:   ec2:DescribeSnapshotAttribute  600       600       520   0.60 s   1         0
b:   ec2:DescribeSnapshots          1         1         0     -        0         0
b:   limit ec2:DescribeSnapshotAttribute: 16/s, burst 80 (80 % of 20/s, capacity 100; published 2026-11-23), cut 1 time to 11.2/s
b:   limit ec2:DescribeSnapshots: 10/s, burst 1 (--limit ec2=100ms)
b:   limit x:*: none (botorate.yaml:3)
b: passed on unseen: registry.terraform.io
`},
		{"nothing", Summary{Command: "true", Wall: Seconds(4 * time.Millisecond)}, "b: no AWS request of \"true\" came through in 0.00 s\n"},
		{"two Regions, one call lost", func() Summary {
			var c Collector
			c.Observe(attempt("a", Answered))
			a := attempt("b", Failed)
			a.Region = "us-east-1"
			c.Observe(a)
			s := c.Summary()
			for _, scope := range []string{"123456789012/eu-west-1", "123456789012/us-east-1"} {
				s.Buckets = append(s.Buckets, Bucket{Quota: "ec2", Scope: scope, Rate: 10, Burst: 1, Share: 1, Source: "--limit ec2=100ms", Origin: "user"})
			}
			s.Buckets = append(s.Buckets, Bucket{Quota: "iam", Scope: "123456789012", Rate: 5, Burst: 1, Share: 1, Source: "--limit iam=5/s", Origin: "user"})
			return s
		}(), `b: 2 attempts in -, 0 held: NOT complete, 1 call got no answer
b:   action                 where                   attempts  answered  held  throttled  failed
b:   ec2:DescribeSnapshots  123456789012/us-east-1  1         0         0     0          1
b:   ec2:DescribeSnapshots  123456789012/eu-west-1  1         1         0     0          0
b:   limit ec2 in 123456789012/eu-west-1: 10/s, burst 1 (--limit ec2=100ms)
b:   limit ec2 in 123456789012/us-east-1: 10/s, burst 1 (--limit ec2=100ms)
b:   limit iam: 5/s, burst 1 (--limit iam=5/s)
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			if err := tt.s.WriteText(&b, "b: "); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, b.String()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestWriteFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "r.json")
	if err := CheckFile(name); err != nil {
		t.Fatal(err)
	}
	s := sample()
	for range 2 { // the second replaces the first
		if err := s.WriteFile(name); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Complete string
		Wall     float64 `json:"wall_seconds"`
		Actions  []struct {
			Action   string
			Answered int
			Longest  float64 `json:"longest_hold_seconds"`
		}
		Buckets []struct {
			Quota string
			Rate  *float64 `json:"rate_per_second"`
		}
		Tunnelled []Name `json:"hosts_tunnelled"`
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got.Complete != "yes" || got.Wall != 32.912 || got.Actions[0].Answered != 600 || got.Actions[0].Longest != 0.599 || got.Buckets[2].Rate != nil || got.Tunnelled[0].Count != 1 {
		t.Errorf("got %+v", got)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(name), ".*")); len(left) > 0 {
		t.Errorf("left behind %v", left)
	}
	for _, bad := range []string{filepath.Join(t.TempDir(), "no", "r.json"), t.TempDir()} {
		if err := CheckFile(bad); err == nil {
			t.Errorf("CheckFile(%s): got no error", bad)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	var c Collector
	a := attempt("a", Answered)
	b.ReportAllocs()
	for b.Loop() {
		c.Observe(a)
	}
}
