package lab

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/quota"
)

// Limits lay the buckets of a limits file over others. The file names actions and gives each that matches a bucket of its own:
//
//	ec2:DescribeSnapshotAttribute: {capacity: 100, refill: 20}
//	"iam:Get*": {capacity: 20, refill: 5, step: 0s}
//	"*": {capacity: 1000, refill: 1000}
//
// The most specific match holds. An action that nothing matches draws from Base.
type Limits struct {
	Base  Quotas
	rules []limitRule // most specific first
}

type limitRule struct {
	match string // an action; a trailing * matches any rest
	quota quota.Quota
}

// limitScheme sets a bucket of the file apart from one of the base that is named alike.
const limitScheme = "limits-file/"

// Draws implements [Quotas].
func (l *Limits) Draws(c quota.Call) []botorate.Draw {
	action := c.Service + ":" + c.Operation
	if l.rule(action) == nil {
		return l.Base.Draws(c)
	}
	id := botorate.BucketID{Quota: limitScheme + action, Scope: c.Account + "/" + c.Region}
	return []botorate.Draw{{Bucket: id, Tokens: 1}}
}

// Quota implements [Quotas].
func (l *Limits) Quota(id botorate.BucketID) (q quota.Quota, share float64) {
	if action, ok := strings.CutPrefix(id.Quota, limitScheme); ok {
		if r := l.rule(action); r != nil {
			q := r.quota
			q.Name = action
			return q, 1
		}
	}
	return l.Base.Quota(id)
}

func (l *Limits) rule(action string) *limitRule {
	for i := range l.rules {
		r := &l.rules[i]
		if head, open := strings.CutSuffix(r.match, "*"); r.match == action || (open && strings.HasPrefix(action, head)) {
			return r
		}
	}
	return nil
}

// ParseLimits reads a limits file over base; file is its name in errors. A match is an action (`ec2:RunInstances`), the beginning of
// one (`iam:Get*`), a service (`ec2`), or `*`. capacity and refill must be given; step is 1s if it is not, as EC2 documents, and 0s
// means that tokens are added continuously.
func ParseLimits(file string, data []byte, base Quotas) (*Limits, error) {
	p := limitsParser{file: file}
	rules, err := p.document(data)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rules, moreSpecific)
	return &Limits{Base: base, rules: rules}, nil
}

// moreSpecific orders an action before a pattern, and a long pattern before a short one.
func moreSpecific(a, b limitRule) int {
	openA, openB := strings.HasSuffix(a.match, "*"), strings.HasSuffix(b.match, "*")
	switch {
	case openA && !openB:
		return 1
	case openB && !openA:
		return -1
	}
	return len(b.match) - len(a.match)
}

type limitsParser struct{ file string }

func (p limitsParser) errorf(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", p.file, line, fmt.Sprintf(format, args...))
}

func (p limitsParser) document(data []byte) ([]limitRule, error) {
	if strings.TrimSpace(string(data)) == "" {
		return nil, p.errorf(1, "no limits: expected MATCH: {capacity: N, refill: N}")
	}
	var doc yaml.Node
	if err := yaml.Load(data, &doc); err != nil {
		if at, ok := errors.AsType[*yaml.LoadError](err); ok {
			return nil, p.errorf(max(1, at.Mark.Line), "%s", at.Message)
		}
		return nil, fmt.Errorf("%s: %w", p.file, err)
	}
	root := &doc
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		root = doc.Content[0]
	}
	if root.Kind != yaml.MappingNode {
		return nil, p.errorf(root.Line, "expected MATCH: {capacity: N, refill: N}")
	}
	var rules []limitRule
	seen := map[string]int{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		r, err := p.rule(key, value)
		if err != nil {
			return nil, err
		}
		if first, ok := seen[r.match]; ok {
			return nil, p.errorf(key.Line, "%q is given twice, first on line %d", key.Value, first)
		}
		seen[r.match] = key.Line
		rules = append(rules, r)
	}
	return rules, nil
}

func (p limitsParser) rule(key, value *yaml.Node) (limitRule, error) {
	match, ok := normalMatch(key.Value)
	if !ok {
		return limitRule{}, p.errorf(key.Line, "match %q: expected service:Operation, service:Prefix*, service, or *", key.Value)
	}
	if value.Kind != yaml.MappingNode {
		return limitRule{}, p.errorf(value.Line, "%s: expected {capacity: N, refill: N}", key.Value)
	}
	q := quota.Quota{Step: time.Second, Origin: quota.User, Source: p.file + ":" + strconv.Itoa(key.Line)}
	given := map[string]bool{}
	for i := 0; i+1 < len(value.Content); i += 2 {
		name, v := value.Content[i], value.Content[i+1]
		if given[name.Value] {
			return limitRule{}, p.errorf(name.Line, "%s: %s is given twice", key.Value, name.Value)
		}
		given[name.Value] = true
		if err := p.field(&q, name, v); err != nil {
			return limitRule{}, err
		}
	}
	for _, must := range []string{"capacity", "refill"} {
		if !given[must] {
			return limitRule{}, p.errorf(key.Line, "%s: %s is missing", key.Value, must)
		}
	}
	return limitRule{match: match, quota: q}, nil
}

func (p limitsParser) field(q *quota.Quota, name, v *yaml.Node) error {
	var err error
	switch name.Value {
	case "capacity":
		q.Capacity, err = positive(v.Value)
	case "refill":
		q.Refill, err = positive(v.Value)
	case "step":
		q.Step, err = time.ParseDuration(v.Value)
		if err != nil || q.Step < 0 {
			err = errors.New("expected a duration such as 1s, or 0s")
		}
	default:
		return p.errorf(name.Line, "unknown key %q: expected capacity, refill, or step", name.Value)
	}
	if err != nil {
		return p.errorf(v.Line, "%s %q: %v", name.Value, v.Value, err)
	}
	return nil
}

func positive(s string) (float64, error) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n > 0) || math.IsInf(n, 0) {
		return 0, errors.New("expected a number above 0")
	}
	return n, nil
}

// normalMatch turns a match into a pattern with at most one *, at its end.
func normalMatch(s string) (string, bool) {
	body := strings.TrimSuffix(s, "*")
	service, operation, colon := strings.Cut(body, ":")
	switch {
	case s == "*":
		return s, true
	case service == "" || strings.ContainsAny(body, "* \t") || strings.Contains(operation, ":"):
		return "", false
	case !colon && body != s:
		return "", false // `ec2*` could mean ec2 or every service that begins so
	case !colon:
		return s + ":*", true
	case operation == "" && body == s:
		return "", false
	}
	return s, true
}
