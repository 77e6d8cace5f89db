package quota

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// Settings are what a user says of quotas. The zero value is a share of one half and no rules.
type Settings struct {
	Share float64 // the part of every quota that is ours, unless a rule says otherwise; 0 means 0.5
	Rules []Rule
}

// DefaultShare is the share of a user who says none.
const DefaultShare = 0.5

// A Rule says something of the actions that match, in all accounts and Regions or in one. It has a Pace, a Quota, a Share, or
// several of them. Of the rules with the same kind of statement the most specific wins: one with an account or Region before one
// without, an action named in full before a group, a longer group before a shorter, a service before `*`; among equals the
// later.
type Rule struct {
	Match           Match
	Account, Region string // empty means any; a global service has no Region

	// Pace replaces every draw of the actions that match by one, from one bucket for all of them in an account and Region.
	// It is taken as said: no share is taken of it, and an attempt costs one token whatever it asks for.
	// If Match names a bucket that is not an action's own ("lambda:control-plane"), the pace is that bucket's limit.
	Pace *Pace
	// Quota is AWS's own bucket, as raised by AWS Support for instance. It changes the size of the action's own bucket (or of a
	// shared bucket that is named, or of which all actions match); the share is taken of it. An action that has only
	// a shared bucket in the table gets one of its own.
	Quota *Size
	// Share is the part of the quota that is ours; 0 means that the rule says nothing of it. For a bucket that several actions
	// share it applies if all of them match, or the bucket is named.
	Share float64

	Source string // where it was said: "--limit" or "botorate.yaml:7"
}

// A Size is the size of one of AWS's buckets.
type Size struct{ Capacity, Refill float64 }

func (r *Rule) check(t *table) error {
	problem, hint := "", ""
	switch {
	case r.Pace == nil && r.Quota == nil && r.Share == 0:
		problem = "neither a pace, a quota nor a share"
	case r.Pace != nil && !(positive(r.Pace.Rate) && r.Pace.Burst >= 1 && positive(r.Pace.Burst)):
		problem, hint = "a pace has a positive rate and a burst of at least 1", rateHint
	case r.Quota != nil && !(r.Quota.Capacity >= 1 && positive(r.Quota.Capacity) && positive(r.Quota.Refill)):
		problem = "a quota has a capacity of at least 1 and a positive refill"
	case r.Share != 0 && !validShare(r.Share):
		problem, hint = "a share is more than 0 and at most 1", shareHint
	case r.Region != "" && t.service(r.Match.Service).global:
		problem, hint = "a global service has no Region", "say it for the account, not for "+r.Region
	default:
		return nil
	}
	what := "rule for"
	if r.Source != "" {
		what = r.Source + ": " + what
	}
	return &InputError{What: what, Given: r.Match.String(), Problem: problem, hint: hint}
}

func positive(f float64) bool   { return f > 0 && !math.IsInf(f, 1) }
func validShare(f float64) bool { return f > 0 && f <= 1 }

// rank orders rules: the larger is the more specific.
func (r *Rule) rank() [5]int {
	var k [5]int
	if r.Account != "" {
		k[0]++
	}
	if r.Region != "" {
		k[0]++
	}
	if r.Match.exact() {
		k[1] = 1
	}
	literal, _, _ := strings.Cut(r.Match.Operation, "*")
	k[2], k[3] = len(literal), len(r.Match.Operation)
	if r.Match.Service != "" {
		k[4] = 1
	}
	return k
}

// ordered returns the rules with the most specific first.
func ordered(rules []Rule) []Rule {
	rules = slices.Clone(rules)
	slices.Reverse(rules)
	slices.SortStableFunc(rules, func(a, b Rule) int {
		x, y := a.rank(), b.rank()
		return slices.Compare(y[:], x[:])
	})
	return rules
}

// in reports whether the rule holds in an account and Region.
func (r *Rule) in(account, region string) bool {
	return (r.Account == "" || r.Account == account) && cmp.Or(r.Region, region) == region
}

// A target is a bucket as rules see it.
type target struct {
	service   string
	rest      string // the bucket's name after the colon
	operation string // the action that has it for its own; empty for a shared bucket
	members   []string
	further   bool // one of the buckets of an action beside its own: unfiltered, resources, organization
	scope     Scope
}

// concerns reports whether the rule is about a bucket: its action, all of its actions, or its name.
func (r *Rule) concerns(b *target) bool {
	if !r.in(b.scope.Account, b.scope.Region) {
		return false
	}
	if r.Match.Matches(b.service, b.rest) {
		return true
	}
	if b.operation != "" {
		return r.Match.Matches(b.service, b.operation)
	}
	return len(b.members) > 0 && !slices.ContainsFunc(b.members, func(m string) bool { return !r.Match.Matches(b.service, m) })
}

// sizes reports whether a quota that the rule states is the bucket's.
func (r *Rule) sizes(b *target) bool {
	if b.further {
		return r.Match.exact() && r.in(b.scope.Account, b.scope.Region) && r.Match.Matches(b.service, b.rest)
	}
	return r.concerns(b)
}
