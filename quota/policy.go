package quota

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/botorate/botorate"
)

// A Policy says which part of each quota is ours. The zero value has a share of one half and no rules.
// It is safe for concurrent use and must not be copied after first use.
type Policy struct {
	share float64
	rules []Rule // the most specific first

	once  sync.Once
	table *table

	mu    sync.RWMutex
	draws map[Call][]botorate.Draw
}

// NewPolicy returns a policy for what a user says. Rules are checked; their matches get the table's spelling.
// Errors are of type *[InputError].
func NewPolicy(s Settings) (*Policy, error) {
	if s.Share == 0 {
		s.Share = DefaultShare
	}
	if !validShare(s.Share) {
		return nil, &InputError{What: "share", Given: fmt.Sprint(s.Share), Problem: "a share is more than 0 and at most 1", hint: shareHint}
	}
	p := &Policy{share: s.Share}
	p.setup()
	rules := slices.Clone(s.Rules)
	for i := range rules {
		r := &rules[i]
		if err := r.check(p.table); err != nil {
			return nil, err
		}
		m := r.Match.canonical()
		m.Service = strings.ToLower(m.Service)
		m.Operation = p.table.fallback.canonical(p.table.service(m.Service).canonical(m.Operation))
		r.Match = m
	}
	p.rules = ordered(rules)
	return p, nil
}

func (p *Policy) setup() {
	p.once.Do(func() {
		p.table = load()
		if p.share == 0 {
			p.share = DefaultShare
		}
	})
}

// maxCached bounds the draws that are remembered: operations, buckets and numbers of resources come from outside.
const maxCached = 8192

// Draws returns what the call takes: for one policy and equal calls always equal. The slice is shared: do not change it.
// It is never empty and has at most [botorate.MaxDraws]. Safe for concurrent use.
func (p *Policy) Draws(c Call) []botorate.Draw {
	p.mu.RLock()
	draws := p.draws[c]
	p.mu.RUnlock()
	if draws != nil {
		return draws
	}
	p.setup()
	draws = p.compute(c)
	if c.Resources != c.Resources { // not a number: no key of a map
		return draws
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.draws == nil || len(p.draws) >= maxCached {
		p.draws = make(map[Call][]botorate.Draw)
	}
	p.draws[c] = draws
	return draws
}

// compute returns the draws of a call from the rules and the table.
func (p *Policy) compute(c Call) []botorate.Draw {
	s := p.table.service(c.Service)
	if s.global {
		c.Region = ""
	}
	if r := p.pace(c.Service, c.Operation, c.Account, c.Region); r != nil {
		return []botorate.Draw{{Bucket: r.paceBucket(&c), Tokens: 1}}
	}
	draws := make([]botorate.Draw, 0, 2)
	for i := range s.layers {
		if d, ok := p.draw(&c, &s.layers[i]); ok {
			draws = append(draws, d)
		}
	}
	for i := range p.table.fallback.layers {
		if len(draws) > 0 {
			break
		}
		if d, ok := p.draw(&c, &p.table.fallback.layers[i]); ok {
			draws = append(draws, d)
		}
	}
	return slices.Clip(draws)
}

// draw returns what a call takes in one layer.
func (p *Policy) draw(c *Call, l *layer) (d botorate.Draw, ok bool) {
	e := l.pick(c)
	if l.name == actionLayer && p.ownBucket(c, e) {
		e = &entry{tokens: 1}
	}
	if e == nil {
		return d, false
	}
	id := botorate.BucketID{Quota: e.bucketName(c.Service, c.Operation), Scope: e.scope(c).String()}
	tokens := e.tokens
	if e.byResources {
		q, _ := p.Quota(id)
		tokens = min(c.Resources, q.Capacity) // AWS can never let out more at once, and a slip must not block the bucket for days
	}
	return botorate.Draw{Bucket: id, Tokens: tokens}, true
}

// ownBucket reports whether a rule states a quota for the call's action that the entry, shared or nil, does not stand for.
func (p *Policy) ownBucket(c *Call, e *entry) bool {
	if e != nil && e.shared == "" {
		return false
	}
	scope := Scope{Account: c.Account, Region: c.Region}
	own := target{service: c.Service, rest: c.Operation, operation: c.Operation, scope: scope}
	shared := target{scope: scope}
	if e != nil {
		shared = target{service: c.Service, rest: e.shared, members: e.members, scope: scope}
	}
	for i := range p.rules {
		r := &p.rules[i]
		if r.Quota == nil {
			continue
		}
		if e != nil && r.sizes(&shared) {
			return false
		}
		if r.sizes(&own) {
			return true
		}
	}
	return false
}

// pace returns the rule whose pace rules an action, or nil.
func (p *Policy) pace(service, operation, account, region string) *Rule {
	for i := range p.rules {
		if r := &p.rules[i]; r.Pace != nil && r.in(account, region) && r.Match.Matches(service, operation) {
			return r
		}
	}
	return nil
}

// paceBucket returns the bucket of a pace that a call draws from.
func (r *Rule) paceBucket(c *Call) botorate.BucketID {
	name := r.Match.String()
	if r.Match.exact() {
		name = c.Service + ":" + c.Operation
	}
	return botorate.BucketID{Quota: name, Scope: Scope{Account: c.Account, Region: c.Region}.String()}
}

// paceNamed returns the rule whose pace has a bucket of that name, or nil.
func (p *Policy) paceNamed(name string, s Scope) *Rule {
	for i := range p.rules {
		if r := &p.rules[i]; r.Pace != nil && r.in(s.Account, s.Region) && strings.EqualFold(r.Match.String(), name) {
			return r
		}
	}
	return nil
}

// Limit is our part of a bucket. It is what a governor asks: [botorate.Options].Limit.
// For a pace it is what the user said, for a quota see [Quota.Limit].
func (p *Policy) Limit(id botorate.BucketID) botorate.Limit {
	p.setup()
	if r := p.paceNamed(id.Quota, ParseScope(id.Scope)); r != nil {
		return botorate.Limit{Rate: r.Pace.Rate, Burst: r.Pace.Burst}
	}
	q, share := p.Quota(id)
	return q.Limit(share)
}

// Quota returns the quota behind a bucket of [Policy.Draws], and the share of it that is ours (1 for a limit given by the user as a pace).
// Of a bucket that it has never heard of it returns a cautious default.
func (p *Policy) Quota(id botorate.BucketID) (q Quota, share float64) {
	p.setup()
	scope := ParseScope(id.Scope)
	if r := p.paceNamed(id.Quota, scope); r != nil {
		return Quota{Name: id.Quota, Capacity: r.Pace.Burst, Refill: r.Pace.Rate, Origin: User, Source: r.Source, Note: "a pace, taken as said"}, 1
	}
	b, q := p.resolve(id.Quota, scope)
	q.Name = id.Quota
	for i := range p.rules {
		if r := &p.rules[i]; r.Quota != nil && r.sizes(&b) {
			q.Capacity, q.Refill, q.Origin, q.Source, q.Date, q.Note = r.Quota.Capacity, r.Quota.Refill, User, r.Source, "", ""
			break
		}
	}
	for i := range p.rules {
		if r := &p.rules[i]; r.Share != 0 && r.concerns(&b) {
			return q, r.Share
		}
	}
	return q, p.share
}

// resolve finds a bucket in the table by its name.
func (p *Policy) resolve(name string, scope Scope) (target, Quota) {
	serviceName, rest, _ := strings.Cut(name, ":")
	s := p.table.service(serviceName)
	e, operation := s.find(rest, scope.Region)
	if e == nil {
		e, operation = p.table.fallback.find(rest, scope.Region)
	}
	b := target{service: serviceName, rest: rest, operation: operation, members: e.members, further: e.suffix != "", scope: scope}
	return b, e.quota
}
