package config

import (
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/botorate/botorate/quota"
)

// rules reads limits, quotas or shares.
func (r *reader) rules(key string, n *yaml.Node) (rules []quota.Rule) {
	seen := map[string]int{}
	add := func(rule quota.Rule, at *yaml.Node) {
		rule.Source = r.at(at)
		name := strings.ToLower(rule.Match.String())
		if line := seen[name]; line > 0 {
			r.fail(at, "", "%s: %v is said twice, first in line %d", key, rule.Match, line)
			return
		}
		seen[name] = at.Line
		rules = append(rules, rule)
	}
	pair := func(k, v *yaml.Node) {
		m, err := quota.ParseMatch(k.Value)
		if err != nil {
			r.input(k, key, err)
			return
		}
		if rule, ok := r.rule(key, v); ok {
			rule.Match = m
			add(rule, k)
		}
	}
	if t := target(n); key == "limits" && t.Kind == yaml.SequenceNode {
		for _, item := range t.Content {
			r.listed(item, pair, add)
		}
		return rules
	}
	r.pairs(n, key, pair)
	return rules
}

// listed reads one item of the list form of limits: ec2=10/s, as the flag has it, or ec2: 10/s.
func (r *reader) listed(item *yaml.Node, pair func(k, v *yaml.Node), add func(quota.Rule, *yaml.Node)) {
	if t := target(item); t.Kind == yaml.MappingNode {
		r.pairs(item, "limits", pair)
		return
	}
	s, ok := r.scalar(item, "limits", "a limit such as ec2=10/s")
	if !ok {
		return
	}
	rule, err := quota.ParseLimit(s, "")
	if err != nil {
		r.input(item, "limits", err)
		return
	}
	add(rule, item)
}

// rule reads what a key of limits, quotas or shares says of the actions that match.
func (r *reader) rule(key string, n *yaml.Node) (rule quota.Rule, ok bool) {
	before := len(r.errs)
	switch key {
	case "limits":
		rule.Pace = r.pace(n)
	case "quotas":
		rule.Quota = r.size(n)
	case "shares":
		rule.Share = r.share(n)
	}
	return rule, len(r.errs) == before
}

// pace reads 10/s, 100ms, {rate: 10/s, burst: 5} or {interval: 100ms, burst: 5}.
func (r *reader) pace(n *yaml.Node) *quota.Pace {
	if t := target(n); t.Kind != yaml.MappingNode {
		s, ok := r.scalar(n, "limits", "a rate such as 10/s or 100ms")
		if !ok {
			return nil
		}
		return r.rate(n, "limits", s)
	}
	var p *quota.Pace
	var burst *yaml.Node
	said := 0
	r.fields(n, "limits", []string{"rate", "burst", "interval"}, func(key string, v *yaml.Node) {
		if key == "burst" {
			burst = v
			return
		}
		said++
		s, ok := r.scalar(v, key, "a value such as "+map[string]string{"rate": "10/s", "interval": "100ms"}[key])
		switch {
		case !ok:
		case (key == "rate") != strings.Contains(s, "/"):
			r.fail(v, "say rate: 10/s, or interval: 100ms", "%s: got %s", key, show(v))
		case strings.Contains(s, ","):
			r.fail(v, "say burst: N beside it", "%s: got %s", key, show(v))
		default:
			p = r.rate(v, key, s)
		}
	})
	if said != 1 {
		r.fail(n, "say rate: 10/s, or interval: 100ms", "limits: want either a rate or an interval")
	}
	if burst != nil {
		b := r.number(burst, "burst", 1)
		if p != nil {
			p.Burst = b
		}
	}
	return p
}

func (r *reader) rate(n *yaml.Node, key, s string) *quota.Pace {
	p, err := quota.ParseRate(s)
	if err != nil {
		r.input(n, key, err)
		return nil
	}
	return &p
}

// size reads {capacity: 100, refill: 20}.
func (r *reader) size(n *yaml.Node) *quota.Size {
	var s quota.Size
	before := len(r.errs)
	known := []string{"capacity", "refill"}
	r.fields(n, "quotas", known, func(key string, v *yaml.Node) {
		if key == "capacity" {
			s.Capacity = r.number(v, key, 1)
		} else {
			s.Refill = r.number(v, key, 0)
		}
	})
	if len(r.errs) == before && (s.Capacity == 0 || s.Refill == 0) {
		r.fail(n, "say {capacity: 100, refill: 20}", "quotas: want a capacity and a refill a second, got %s", show(n))
	}
	return &s
}

// number reads a positive number that is not below least.
func (r *reader) number(n *yaml.Node, key string, least float64) float64 {
	s, ok := r.scalar(n, key, "a number")
	if !ok {
		return 0
	}
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil || math.IsInf(f, 0) || math.IsNaN(f):
		r.fail(n, "", "%s: want a number, got %s", key, show(n))
	case f <= 0 || f < least:
		r.fail(n, "", "%s: want a number above 0 and not below %g, got %s", key, least, show(n))
	}
	return f
}
