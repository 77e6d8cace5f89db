package lab

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/botorate/botorate/quota"
)

func TestLimits(t *testing.T) {
	l, err := ParseLimits("limits.yaml", []byte(`
ec2:
  capacity: 7
  refill: 0.5
"ec2:Describe*": {capacity: 50, refill: 10, step: 0s}
ec2:DescribeSnapshotAttribute: {capacity: 100, refill: 20}
"iam:*": {capacity: 9, refill: 9}
`), fakeQuotas{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		service, operation string
		want               quota.Quota
	}{
		{"ec2", "DescribeSnapshotAttribute", quota.Quota{
			Name: "ec2:DescribeSnapshotAttribute", Capacity: 100, Refill: 20, Step: time.Second, Origin: quota.User, Source: "limits.yaml:6",
		}},
		{"ec2", "DescribeSnapshots", quota.Quota{
			Name: "ec2:DescribeSnapshots", Capacity: 50, Refill: 10, Origin: quota.User, Source: "limits.yaml:5",
		}},
		{"ec2", "RunInstances", quota.Quota{
			Name: "ec2:RunInstances", Capacity: 7, Refill: 0.5, Step: time.Second, Origin: quota.User, Source: "limits.yaml:2",
		}},
		{"iam", "GetUser", quota.Quota{
			Name: "iam:GetUser", Capacity: 9, Refill: 9, Step: time.Second, Origin: quota.User, Source: "limits.yaml:7",
		}},
		{"sts", "GetCallerIdentity", quota.Quota{Name: "sts:GetCallerIdentity", Capacity: 3, Refill: 1}},
	} {
		draws := l.Draws(quota.Call{Service: tt.service, Operation: tt.operation, Account: Account, Region: "eu-west-1"})
		if len(draws) != 1 || draws[0].Tokens != 1 {
			t.Fatalf("%s:%s draws %v, want one token of one bucket", tt.service, tt.operation, draws)
		}
		got, _ := l.Quota(draws[0].Bucket)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s:%s (-want +got):\n%s", tt.service, tt.operation, diff)
		}
	}
}

func TestLimitsEverything(t *testing.T) {
	l, err := ParseLimits("limits.yaml", []byte(`{"*": {capacity: 4, refill: 2}}`), fakeQuotas{})
	if err != nil {
		t.Fatal(err)
	}
	a := l.Draws(quota.Call{Service: "sts", Operation: "A"})[0].Bucket
	b := l.Draws(quota.Call{Service: "sts", Operation: "B"})[0].Bucket
	if a == b {
		t.Errorf("two actions share the bucket %v, want one for each", a)
	}
	if q, _ := l.Quota(a); q.Capacity != 4 {
		t.Errorf("capacity %v, want 4", q.Capacity)
	}
}

func TestLimitsErrors(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"empty", "", `l.yaml:1: no limits: expected MATCH: {capacity: N, refill: N}`},
		{"no mapping", "- ec2\n", `l.yaml:1: expected MATCH: {capacity: N, refill: N}`},
		{"syntax", "ec2: {capacity: 1\nsts: 2", `l.yaml:2: did not find expected ',' or '}'`},
		{"unknown key", "ec2:\n  capacity: 1\n  refil: 2\n", `l.yaml:3: unknown key "refil": expected capacity, refill, or step`},
		{"missing", "ec2: {capacity: 1}\n", `l.yaml:1: ec2: refill is missing`},
		{"word", "ec2: {capacity: lots, refill: 1}\n", `l.yaml:1: capacity "lots": expected a number above 0`},
		{"zero", "ec2: {capacity: 1, refill: 0}\n", `l.yaml:1: refill "0": expected a number above 0`},
		{"NaN", "ec2: {capacity: .nan, refill: NaN}\n", `l.yaml:1: capacity ".nan": expected a number above 0`},
		{"step", "ec2: {capacity: 1, refill: 1, step: 1}\n", `l.yaml:1: step "1": expected a duration such as 1s, or 0s`},
		{"number for a bucket", "ec2: 20\n", `l.yaml:1: ec2: expected {capacity: N, refill: N}`},
		{"match twice", "ec2: {capacity: 1, refill: 1}\n\"ec2:*\": {capacity: 1, refill: 1}\n", `l.yaml:2: "ec2:*" is given twice, first on line 1`},
		{"key twice", "ec2: {capacity: 1, refill: 1, refill: 2}\n", `l.yaml:1: ec2: refill is given twice`},
		{"star inside", "\"ec2:*Snapshots\": {capacity: 1, refill: 1}\n", `l.yaml:1: match "ec2:*Snapshots": expected service:Operation, service:Prefix*, service, or *`},
		{"service prefix", "\"ec*\": {capacity: 1, refill: 1}\n", `l.yaml:1: match "ec*": expected service:Operation, service:Prefix*, service, or *`},
		{"no operation", "\"ec2:\": {capacity: 1, refill: 1}\n", `l.yaml:1: match "ec2:": expected service:Operation, service:Prefix*, service, or *`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseLimits("l.yaml", []byte(tt.file), fakeQuotas{})
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}
