package quota

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/botorate/botorate"
)

func TestLimit(t *testing.T) {
	tests := []struct {
		capacity, refill float64
		step             time.Duration
		share            float64
		rate, burst      float64
	}{
		{100, 20, time.Second, 0.8, 16, 59.2},
		{100, 20, time.Second, 0.5, 10, 29.5},
		{100, 20, time.Second, 1, 20, 79},
		{50, 10, time.Second, 0.8, 8, 29.6},
		{1000, 2, time.Second, 0.5, 1, 497.95},
		{100, 5, time.Second, 0.5, 2.5, 44.875},
		{5, 2, time.Second, 0.5, 1, 1},      // 0.45: too small for a headroom in depth
		{1, 0.1, time.Second, 0.8, 0.08, 1}, // not even a token without the clamp
		{40, 10, 0, 0.5, 5, 19.75},
		{1500, 100, 0, 0.1, 10, 149.5},
	}
	for _, tt := range tests {
		q := Quota{Capacity: tt.capacity, Refill: tt.refill, Step: tt.step, Origin: Published}
		got := q.Limit(tt.share)
		if got.Capacity != q.Capacity || got.Refill != q.Refill || got.Unknown {
			t.Errorf("%+v: the whole quota is said as %+v", q, got)
		}
		if math.Abs(got.Rate-tt.rate) > 1e-9 || math.Abs(got.Burst-tt.burst) > 1e-9 || got.Floor != 0 {
			t.Errorf("%g/%g in steps of %v at %g: %+v, want rate %g, burst %g", tt.capacity, tt.refill, tt.step, tt.share, got, tt.rate, tt.burst)
		}
	}
}

// TestUnknown: only what is guessed is there to be found out, and not what the user said.
func TestUnknown(t *testing.T) {
	rules, err := ParseLimits(map[string]string{"rds:Describe*": "5/s"}, "test")
	if err != nil {
		t.Fatal(err)
	}
	rules = append(rules, Rule{Match: Match{"rds", "CreateDBSnapshot"}, Quota: &Size{10, 5}})
	p, err := NewPolicy(Settings{Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"ec2:DescribeSnapshots": false, "rds:StopDBInstance": true, "rds:Describe*": false, "rds:CreateDBSnapshot": false,
	} {
		l := p.Limit(botorate.BucketID{Quota: name, Scope: "1/eu-west-1"})
		if l.Unknown != want {
			t.Errorf("%s: %+v", name, l)
		}
	}
}

// A greedy is a token bucket from which a caller takes whatever it can, whole tokens at a time.
type greedy struct {
	rate, burst, level float64
	at                 time.Duration
}

func (g *greedy) take(now time.Duration) int {
	g.level = min(g.burst, g.level+g.rate*(now-g.at).Seconds())
	g.at = now
	n := math.Floor(g.level + 1e-9)
	g.level -= n
	return int(n)
}

// stepped is AWS's bucket: the refill comes once a step, at a phase that nobody knows.
type stepped struct {
	quota Quota
	phase time.Duration
	level float64
	steps time.Duration
}

func (b *stepped) admit(now time.Duration, n int) bool {
	if step := b.quota.Step; step > 0 {
		for ; b.phase+b.steps*step <= now; b.steps++ {
			b.level = min(b.quota.Capacity, b.level+b.quota.Refill*step.Seconds())
		}
	}
	b.level -= float64(n)
	return b.level >= -1e-6
}

// Whoever stays inside the headroom is never refused because of us, and neither are we.
func TestNobodyIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := Quota{
			Capacity: float64(rapid.IntRange(1, 200).Draw(t, "capacity")),
			Refill:   float64(rapid.IntRange(1, 400).Draw(t, "refill per 10 s")) / 10,
			Step:     time.Duration(rapid.IntRange(1, 2000).Draw(t, "step in ms")) * time.Millisecond,
		}
		share := float64(rapid.IntRange(1, 100).Draw(t, "share in %")) / 100
		limit := q.Limit(share)
		if limit.Burst < 1 || limit.Rate != q.Refill*share {
			t.Fatalf("limit %+v of %+v at %g", limit, q, share)
		}
		if limit.Burst == 1 {
			t.Skip("clamped: no headroom in depth is promised")
		}
		bucket := &stepped{quota: q, phase: time.Duration(rapid.IntRange(0, int(q.Step)).Draw(t, "phase")), level: q.Capacity}
		us := &greedy{rate: limit.Rate, burst: limit.Burst, level: limit.Burst}
		neighbour := &greedy{rate: (1 - share) * q.Refill, burst: (1 - share) * q.Capacity, level: (1 - share) * q.Capacity}
		now := time.Duration(0)
		for range rapid.IntRange(1, 200).Draw(t, "moments") {
			now += time.Duration(rapid.IntRange(0, 3000).Draw(t, "later by ms")) * time.Millisecond
			if rapid.Bool().Draw(t, "we call") && !bucket.admit(now, us.take(now)) {
				t.Fatalf("we were refused after %v", now)
			}
			if rapid.Bool().Draw(t, "the neighbour calls") && !bucket.admit(now, neighbour.take(now)) {
				t.Fatalf("the neighbour was refused after %v", now)
			}
		}
	})
}

// The same, with an attempt of ours that overtakes the network's delay by as much as the allowance.
func TestJitterIsAllowedFor(t *testing.T) {
	q := Quota{Capacity: 100, Refill: 20, Step: time.Second}
	l := q.Limit(0.8)
	arrived := l.Burst + l.Rate*(3*time.Second+jitter).Seconds() // left in 3.05 s, arrived in 3 s
	neighbour := 0.2*q.Capacity + 0.2*q.Refill*3
	if had := q.Capacity + q.Refill*2; arrived+neighbour > had+1e-9 { // only two of the three refills came in the span
		t.Errorf("%g tokens taken of %g", arrived+neighbour, had)
	}
}

func TestScope(t *testing.T) {
	tests := []struct {
		scope Scope
		want  string
	}{
		{Scope{}, ""},
		{Scope{Account: "123456789012"}, "123456789012"},
		{Scope{Account: "123456789012", Region: "eu-west-1"}, "123456789012/eu-west-1"},
		{Scope{Account: "key-ab12", Region: "eu-west-1", Resource: "a/b"}, "key-ab12/eu-west-1/a/b"},
		{Scope{Account: "123456789012", Resource: "bucket"}, "123456789012//bucket"},
		{Scope{Account: "123456789012", Organization: true}, "org-of-123456789012"},
	}
	for _, tt := range tests {
		if got := tt.scope.String(); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.scope, got, tt.want)
		}
		if got := ParseScope(tt.want); got != tt.scope {
			t.Errorf("ParseScope(%q) = %+v, want %+v", tt.want, got, tt.scope)
		}
	}
}

// What a governor is given must be of use to it, whatever bucket it asks for.
func FuzzQuota(f *testing.F) {
	f.Add("ec2:DescribeSnapshots unfiltered", "1/eu-west-1")
	f.Add("lambda:control-plane", "org-of-1")
	f.Add("ec2: resources", "")
	f.Add(":", "//")
	var p Policy
	f.Fuzz(func(t *testing.T, name, scope string) {
		id := botorate.BucketID{Quota: name, Scope: scope}
		q, share := p.Quota(id)
		l := p.Limit(id)
		if q.Name != name || q.Capacity < 1 || q.Refill <= 0 || share != 0.5 || l.Burst < 1 || !(l.Rate > 0) {
			t.Errorf("%+v: %+v, %v, %+v", id, q, share, l)
		}
		parsed := ParseScope(scope)
		if again := ParseScope(parsed.String()); again != parsed {
			t.Errorf("scope %q is %+v, then %+v", scope, parsed, again)
		}
	})
}

func FuzzDraws(f *testing.F) {
	f.Add("ec2", "RunInstances", "", "POST", "", 3.0, true)
	f.Add("s3", "GET /*", "s3-control", "GET", "b", 0.0, false)
	f.Add("organizations", "ListAccounts resources", "", "", "", math.Inf(1), false)
	var p Policy
	f.Fuzz(func(t *testing.T, service, operation, version, method, resource string, resources float64, unfiltered bool) {
		c := Call{service, operation, version, "1", "eu-west-1", unfiltered, resources, resource, method}
		draws := p.Draws(c)
		if len(draws) == 0 || len(draws) > botorate.MaxDraws {
			t.Fatalf("%+v: %v", c, draws)
		}
		for i, d := range draws {
			if !(d.Tokens > 0) || math.IsInf(d.Tokens, 1) || i > 0 && d.Bucket == draws[0].Bucket {
				t.Errorf("%+v: %v", c, draws)
			}
		}
	})
}
