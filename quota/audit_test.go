package quota

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/botorate/botorate"
)

// sample returns an operation that the member, perhaps a pattern, matches.
func sample(member string) string { return strings.ReplaceAll(member, "*", "Xyz") }

// callFor returns a call that the conditions of an entry let in.
func callFor(s *service, e *entry, operation string) Call {
	c := Call{Service: s.name, Operation: operation, API: e.api, Account: "123456789012", Region: "eu-north-1", Unfiltered: e.unfiltered}
	if e.regions != nil {
		c.Region = e.regions[0]
	}
	if e.methods != nil {
		c.Method = e.methods[0]
	}
	if e.byResources {
		c.Resources = 3
	}
	if e.perResource || e.resource != "" {
		c.Resource = sample(e.resource)
	}
	return c
}

func TestEveryEntryIsWhole(t *testing.T) {
	for name, s := range load().services {
		if name != strings.ToLower(name) || name != "*" && !isServiceName(name) {
			t.Errorf("service %q: want IAM's prefix", name)
		}
		if len(s.layers) > botorate.MaxDraws {
			t.Errorf("%s has %d layers", name, len(s.layers))
		}
		if n := len(s.layers); n > 1 && !slices.ContainsFunc(s.layers, func(l layer) bool { return l.name == actionLayer }) {
			t.Errorf("%s has %d layers, none called %s", name, n, actionLayer)
		}
		for _, l := range s.layers {
			for _, e := range l.entries {
				checkEntry(t, name, &e)
			}
		}
	}
}

func checkEntry(t *testing.T, service string, e *entry) {
	t.Helper()
	q := e.quota
	for _, n := range []float64{q.Capacity, q.Refill} {
		if !(n > 0) || math.IsInf(n, 0) {
			t.Errorf("%s %v: capacity %v, refill %v", service, e.members, q.Capacity, q.Refill)
		}
	}
	if q.Capacity < 1 {
		t.Errorf("%s %v: capacity %v lets nothing out", service, e.members, q.Capacity)
	}
	if day, err := time.Parse(time.DateOnly, q.Date); err != nil || day.Year() < 2026 || !strings.HasPrefix(q.Source, "https://") {
		t.Errorf("%s %v: source %q, date %q", service, e.members, q.Source, q.Date)
	}
	if q.Origin != Published && (q.Origin != Default || q.Note == "") {
		t.Errorf("%s %v: origin %q, note %q", service, e.members, q.Origin, q.Note)
	}
	if !isOperationName(e.shared) || slices.ContainsFunc(e.members, func(m string) bool { return !isOperationName(m) }) {
		t.Errorf("%s %q %v: not a name that a rule can have", service, e.shared, e.members)
	}
	if e.shared == "" && (e.methods != nil || e.resource != "") {
		t.Errorf("%s %v: the name of an action's own bucket tells neither method nor resource", service, e.members)
	}
}

func TestNoDuplicates(t *testing.T) {
	for name, s := range load().services {
		for _, l := range s.layers {
			seen := map[string]bool{}
			for _, e := range l.entries {
				for _, m := range e.members {
					key := strings.Join([]string{m, e.api, e.resource, strings.Join(e.methods, "|"), strings.Join(e.regions, "|"), e.suffix}, " ")
					if seen[key] {
						t.Errorf("%s, layer %s: %s is there twice", name, l.name, key)
					}
					seen[key] = true
				}
			}
		}
	}
}

// No entry is hidden behind an earlier one, and the name of every bucket leads back to the quota of the entry that gave it.
func TestEveryDrawIsResolvable(t *testing.T) {
	p := &Policy{share: 1}
	p.setup()
	for _, s := range p.table.services {
		for i := range s.layers {
			for j := range s.layers[i].entries {
				e := &s.layers[i].entries[j]
				reached := false
				for _, m := range e.members {
					c := callFor(s, e, sample(m))
					if s.global {
						c.Region = ""
					}
					picked := s.layers[i].pick(&c)
					reached = reached || picked == e
					checkDraws(t, p, c, picked)
				}
				if !reached {
					t.Errorf("%s %q %v: always hidden behind an earlier entry", s.name, e.shared, e.members)
				}
			}
		}
	}
}

func checkDraws(t *testing.T, p *Policy, c Call, e *entry) {
	t.Helper()
	draws := p.Draws(c)
	if len(draws) == 0 || len(draws) > botorate.MaxDraws {
		t.Fatalf("%+v: %d draws", c, len(draws))
	}
	want := botorate.BucketID{Quota: e.bucketName(c.Service, c.Operation), Scope: e.scope(&c).String()}
	i := slices.IndexFunc(draws, func(d botorate.Draw) bool { return d.Bucket == want })
	if i < 0 {
		t.Fatalf("%+v: draws %v, want one from %v", c, draws, want)
	}
	q, share := p.Quota(want)
	if q.Capacity != e.quota.Capacity || q.Refill != e.quota.Refill || q.Origin != e.quota.Origin || q.Source != e.quota.Source ||
		q.Step != e.quota.Step || share != 1 {
		t.Errorf("Quota(%v) = %+v, %v; want the numbers of %+v", want, q, share, e.quota)
	}
}

func TestTheTableIsAllThere(t *testing.T) {
	tab := load()
	ec2 := tab.services["ec2"].layers
	individual := 0
	for _, e := range ec2[0].entries {
		if strings.Contains(e.quota.Note, "individual") {
			individual += len(e.members)
		}
		if e.quota.Step != time.Second {
			t.Errorf("%v: step %v, want 1s", e.members, e.quota.Step)
		}
	}
	if individual != 121 {
		t.Errorf("EC2 has %d individual buckets, want 121", individual)
	}
	if n := len(ec2[0].entries[0].members); !ec2[0].entries[0].unfiltered || n != 7 {
		t.Errorf("%d unfiltered reads, want 7", n)
	}
	// 31 services of the collection; DynamoDB Streams has the prefix of DynamoDB.
	published := []string{
		"acm", "apigateway", "cloudformation", "cloudtrail", "cognito-idp", "dynamodb", "ecr", "ecs", "elasticloadbalancing",
		"elasticmapreduce", "events", "iam", "kinesis", "kms", "lambda", "logs", "cloudwatch", "organizations", "tag", "route53",
		"route53resolver", "s3", "secretsmanager", "securityhub", "servicequotas", "ses", "sns", "ssm", "states", "sts",
	}
	if len(published)+1 != 31 {
		t.Errorf("the list has %d services", len(published)+1)
	}
	for _, name := range published {
		if s := tab.services[name]; s == nil || len(s.layers) == 0 {
			t.Errorf("%s is missing", name)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		load()
	}
}
