package lab

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/quota"
)

var epoch = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestBucket(t *testing.T) {
	type step struct {
		at   time.Duration
		n    float64
		want bool
	}
	for _, tt := range []struct {
		name   string
		bucket Bucket
		steps  []step
	}{
		{"begins full, then refills continuously", Bucket{Capacity: 2, Refill: 1}, []step{
			{0, 1, true},
			{0, 1, true},
			{0, 1, false},
			{999 * time.Millisecond, 1, false},
			{time.Second, 1, true},
			{time.Second, 1, false},
		}},
		{"never holds more than its capacity", Bucket{Capacity: 2, Refill: 1}, []step{
			{time.Hour, 1, true}, {2 * time.Hour, 2, true}, {2 * time.Hour, 1, false},
		}},
		{"adds the tokens of a second at once", Bucket{Capacity: 5, Refill: 2, Step: time.Second}, []step{
			{500 * time.Millisecond, 5, true},
			{999 * time.Millisecond, 1, false},
			{1000 * time.Millisecond, 2, true},
			{1999 * time.Millisecond, 1, false},
			{2 * time.Second, 1, true},
		}},
		{"a refused attempt costs nothing", Bucket{Capacity: 3, Refill: 1}, []step{
			{0, 2, true}, {0, 2, false}, {0, 2, false}, {0, 1, true},
		}},
		{"a refused attempt costs what is left", Bucket{Capacity: 3, Refill: 1, ChargeRefused: true}, []step{
			{0, 2, true}, {0, 2, false}, {0, 1, false}, {time.Second, 1, true},
		}},
		{"time that runs backwards adds nothing", Bucket{Capacity: 1, Refill: 1}, []step{
			{time.Minute, 1, true}, {0, 1, false}, {time.Minute, 1, false},
		}},
		{"many small refills lose nothing to rounding", Bucket{Capacity: 1, Refill: 0.1}, []step{
			{0, 1, true},
			{1 * time.Second, 1, false},
			{3 * time.Second, 1, false},
			{7 * time.Second, 1, false},
			{9 * time.Second, 1, false},
			{10 * time.Second, 1, true},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.bucket
			for i, s := range tt.steps {
				if got := b.Take(epoch.Add(s.at), s.n); got != s.want {
					t.Errorf("step %d: Take(%v, %v) = %v, want %v", i, s.at, s.n, got, s.want)
				}
			}
		})
	}
}

// TestBucketLaw checks what AWS promises of a token bucket, over any sequence of attempts.
func TestBucketLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Bucket{
			Capacity:      float64(rapid.IntRange(1, 100).Draw(t, "capacity")),
			Refill:        rapid.Float64Range(0.1, 50).Draw(t, "refill"),
			Step:          rapid.SampledFrom([]time.Duration{0, time.Second, 100 * time.Millisecond}).Draw(t, "step"),
			ChargeRefused: rapid.Bool().Draw(t, "charge"),
		}
		start := epoch.Add(time.Duration(rapid.IntRange(0, 1e9).Draw(t, "phase")))
		now, admitted := start, 0.0
		for range rapid.IntRange(1, 200).Draw(t, "attempts") {
			now = now.Add(time.Duration(rapid.IntRange(0, 400).Draw(t, "gap")) * time.Millisecond)
			n := float64(rapid.IntRange(1, 3).Draw(t, "tokens"))
			before := b.Level(now)
			ok := b.Take(now, n)
			if want := before >= n-slack; ok != want {
				t.Fatalf("Take(%v) = %v with %v tokens in the bucket", n, ok, before)
			}
			if ok {
				admitted += n
			} else if after := b.Level(now); !b.ChargeRefused && after != before {
				t.Fatalf("a refused attempt changed the level from %v to %v", before, after)
			}
			most := b.Capacity + b.Refill*(now.Sub(start)+b.Step).Seconds() + slack*200
			if admitted > most {
				t.Fatalf("admitted %v tokens in %v, at most %v are due", admitted, now.Sub(start), most)
			}
			if l := b.Level(now); l < 0 || l > b.Capacity {
				t.Fatalf("level %v outside 0..%v", l, b.Capacity)
			}
		}
	})
}

// fakeQuotas gives each action a bucket of 3, refilled by 1 per second, and RunInstances a second one that counts instances.
type fakeQuotas struct{}

func (fakeQuotas) Draws(c quota.Call) []botorate.Draw {
	scope := c.Account + "/" + c.Region
	draws := []botorate.Draw{{Bucket: botorate.BucketID{Quota: c.Service + ":" + c.Operation, Scope: scope}, Tokens: 1}}
	if c.Resources > 0 {
		draws = append(draws, botorate.Draw{Bucket: botorate.BucketID{Quota: "resources", Scope: scope}, Tokens: c.Resources})
	}
	return draws
}

func (fakeQuotas) Quota(id botorate.BucketID) (quota.Quota, float64) {
	q := quota.Quota{Name: id.Quota, Capacity: 3, Refill: 1}
	if id.Quota == "resources" {
		q.Capacity = 10
	}
	return q, 0.5
}

func TestCloud(t *testing.T) {
	c := &Cloud{Quotas: fakeQuotas{}}
	run := quota.Call{Service: "ec2", Operation: "RunInstances", Account: Account, Region: "us-east-1", Resources: 8}
	elsewhere := run
	elsewhere.Region = "eu-west-1"
	list := quota.Call{Service: "ec2", Operation: "DescribeSnapshots", Account: Account, Region: "us-east-1"}
	scope := Account + "/us-east-1"
	for i, s := range []struct {
		caller string
		call   quota.Call
		empty  string // "" is admitted
	}{
		{"a", run, ""},
		{"b", run, "resources"}, // 2 of 10 are left
		{"a", elsewhere, ""},
		{"a", list, ""},
		{"a", list, ""},
		{"b", list, ""},
		{"b", list, "ec2:DescribeSnapshots"},
	} {
		ok, empty := c.Admit(epoch, s.caller, s.call)
		if ok != (s.empty == "") || empty.Quota != s.empty {
			t.Errorf("attempt %d: got %v, %v; want empty bucket %q", i, ok, empty, s.empty)
		}
	}
	if level, ok := c.Level(epoch, botorate.BucketID{Quota: "ec2:RunInstances", Scope: scope}); !ok || level != 2 {
		t.Errorf("request bucket has %v (%v), want 2: an attempt that one bucket refuses draws from none", level, ok)
	}
	if _, ok := c.Level(epoch, botorate.BucketID{Quota: "unused"}); ok {
		t.Error("a bucket exists that nothing drew from")
	}
	want := map[string]Tally{"a": {Attempts: 4}, "b": {Attempts: 3, Refused: 2}}
	if diff := cmp.Diff(want, c.Callers()); diff != "" {
		t.Errorf("callers (-want +got):\n%s", diff)
	}
}
