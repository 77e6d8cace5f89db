package quota

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/botorate/botorate"
)

func TestPartition(t *testing.T) {
	for scope, want := range map[string]string{
		"123456789012/eu-west-1": "123456789012", "123456789012/eu-west-1/a/b": "123456789012", "123456789012": "123456789012",
		"org-of-123456789012": "123456789012", "key-0a1b2c/eu-west-1": "key-0a1b2c", "anonymous": "anonymous", "": "", "org-of-org-of-a": "a",
	} {
		if got := Partition(botorate.BucketID{Quota: "ec2:DescribeSnapshots", Scope: scope}); got != want {
			t.Errorf("%q: %q, want %q", scope, got, want)
		}
	}
}

// TestDrawsInOnePartition: no attempt draws across partitions, in any service, with any rule.
func TestDrawsInOnePartition(t *testing.T) {
	paced, err := ParseLimits(map[string]string{"iam": "5/s", "route53:Get*": "1/s"}, "test")
	if err != nil {
		t.Fatal(err)
	}
	policies := map[string]*Policy{}
	for name, rules := range map[string][]Rule{"none": nil, "paced": paced} {
		p, err := NewPolicy(Settings{Rules: rules})
		if err != nil {
			t.Fatal(err)
		}
		policies[name] = p
	}
	p := policies["none"]
	var services []string
	actions := map[string][]string{}
	for name, s := range p.table.services {
		services = append(services, name)
		for _, l := range s.layers {
			for _, e := range l.entries {
				actions[name] = append(actions[name], e.members...)
			}
		}
		actions[name] = append(actions[name], "GetThing")
	}
	rapid.Check(t, func(t *rapid.T) {
		service := rapid.SampledFrom(services).Draw(t, "service")
		c := Call{
			Service: service, Operation: rapid.SampledFrom(actions[service]).Draw(t, "operation"),
			Account:    rapid.SampledFrom([]string{"123456789012", "key-1", "org-of-x", "a/b", ""}).Draw(t, "account"),
			Region:     rapid.SampledFrom([]string{"eu-west-1", "us-east-1", ""}).Draw(t, "region"),
			Unfiltered: rapid.Bool().Draw(t, "unfiltered"), Resources: float64(rapid.IntRange(0, 3).Draw(t, "resources")),
			Resource: rapid.SampledFrom([]string{"", "photos", "RSA_2048", "a/b"}).Draw(t, "resource"),
		}
		draws := policies[rapid.SampledFrom([]string{"none", "paced"}).Draw(t, "policy")].Draws(c)
		for _, d := range draws {
			if got, want := Partition(d.Bucket), Partition(draws[0].Bucket); got != want {
				t.Errorf("%+v draws from %v in %q and from %v in %q", c, draws[0].Bucket, want, d.Bucket, got)
			}
		}
	})
}

func TestParseLimits(t *testing.T) {
	rules, err := ParseLimits(map[string]string{"iam:Get*": "100ms", "ec2": "10/s"}, "settings")
	if err != nil || len(rules) != 2 || rules[0].Match.String() != "ec2" || rules[1].Pace.Rate != 10 || rules[1].Source != "settings" {
		t.Errorf("%+v: %v", rules, err)
	}
	if _, err := ParseLimits(map[string]string{"ec2": "fast"}, ""); failed(t, err) != `rate "fast": neither a rate nor an interval; `+rateHint {
		t.Error(err)
	}
}
