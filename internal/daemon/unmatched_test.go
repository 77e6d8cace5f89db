package daemon

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/botorate/botorate/internal/report"
	"github.com/botorate/botorate/quota"
)

func TestUnmatched(t *testing.T) {
	s := report.Summary{
		Total:   report.Counts{Attempts: 2},
		Actions: []report.Action{{Action: "ec2:DescribeSnapshots", Account: "1", Region: "eu-west-1"}, {Action: "iam:GetRole", Account: "1"}},
		Buckets: []report.Bucket{{Quota: "ec2:account", Source: "botorate.yaml:9"}},
	}
	rule := func(match, account, region, source string) quota.Rule {
		m, err := quota.ParseMatch(match)
		if err != nil {
			t.Fatal(err)
		}
		return quota.Rule{Match: m, Account: account, Region: region, Source: source}
	}
	var many []quota.Rule
	for i := range 7 {
		many = append(many, rule("x", "", "", fmt.Sprintf("c:%d", i)))
	}
	tests := []struct {
		name  string
		rules []quota.Rule
		s     report.Summary
		want  []string
	}{
		{"all match", []quota.Rule{
			rule("*", "", "", "--limit *=1/s"), rule("EC2:describe*", "", "eu-west-1", "c:1"), rule("iam", "1", "", "c:2"),
			rule("ec2:account", "", "", "c:3"), rule("ec2:Alias", "", "", "botorate.yaml:9"),
		}, s, nil},
		{"none does", []quota.Rule{rule("nosuch", "", "", "--limit nosuch=10/s"), rule("ec2", "", "us-east-1", "botorate.yaml:3"), rule("*", "2", "", "botorate.yaml:4")}, s, []string{
			"--limit nosuch=10/s matched no attempt", "botorate.yaml:3: ec2 matched no attempt", "botorate.yaml:4: * matched no attempt",
		}},
		{"too many", many, s, []string{
			"c:0: x matched no attempt", "c:1: x matched no attempt", "c:2: x matched no attempt", "c:3: x matched no attempt",
			"c:4: x matched no attempt", "2 more rules matched no attempt",
		}},
		{"no attempt", many, report.Summary{}, nil},
		{"not all actions known", many, report.Summary{Total: report.Counts{Attempts: 1}, Actions: []report.Action{{Action: "(others)"}}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, unmatched(tt.rules, &tt.s)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
