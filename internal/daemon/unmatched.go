package daemon

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/botorate/botorate/internal/report"
	"github.com/botorate/botorate/quota"
)

// maxUnmatched is how many rules are named that matched nothing: a config file may serve many commands.
const maxUnmatched = 5

// unmatched says which rules concerned no attempt: most likely a name is misspelt. Where no attempt came, or the summary does
// not know all actions, nothing can be told.
func unmatched(rules []quota.Rule, s *report.Summary) []string {
	if s.Total.Attempts == 0 || slices.ContainsFunc(s.Actions, func(a report.Action) bool { return !strings.Contains(a.Action, ":") }) {
		return nil
	}
	var out []string
	for i := range rules {
		r := &rules[i]
		if concerned(r, s) {
			continue
		}
		what := r.Source
		if !strings.HasPrefix(what, "--") {
			what = strings.TrimPrefix(what+": "+r.Match.String(), ": ")
		}
		out = append(out, what+" matched no attempt")
	}
	if rest := len(out) - maxUnmatched; rest > 0 {
		out = append(out[:maxUnmatched], fmt.Sprintf("%d more rules matched no attempt", rest))
	}
	return out
}

// concerned reports whether a rule matches an attempt's action, or a bucket that one drew from.
func concerned(r *quota.Rule, s *report.Summary) bool {
	for i := range s.Actions {
		a := &s.Actions[i]
		if (r.Account == "" || r.Account == a.Account) && cmp.Or(r.Region, a.Region) == a.Region && matches(r.Match, a.Action) {
			return true
		}
	}
	return slices.ContainsFunc(s.Buckets, func(b report.Bucket) bool {
		return r.Source != "" && b.Source == r.Source || r.Account == "" && r.Region == "" && matches(r.Match, b.Quota)
	})
}

// matches reports whether a match covers a name such as ec2:DescribeSnapshots.
func matches(m quota.Match, name string) bool {
	service, rest, _ := strings.Cut(name, ":")
	return m.Matches(service, rest)
}
