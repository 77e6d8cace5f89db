package quota

import (
	"slices"
	"strings"
)

// A table is the published quotas of all services.
type table struct {
	services map[string]*service
	fallback *service // "*"
}

// A service has layers; a call draws at most one bucket from each, so that it never draws more than [botorate.MaxDraws].
type service struct {
	name   string
	global bool
	layers []layer
}

// actionLayer names the layer with the buckets nearest to an action. It is where a quota that a user states for an action applies.
const actionLayer = "action"

// A layer is entries of which the first that matches a call counts.
type layer struct {
	name    string
	entries []entry
}

// An entry is a bucket, or a size of bucket that several actions have each.
type entry struct {
	shared  string   // the bucket's name after the colon; empty when each action has its own
	suffix  string   // what follows the action in the name of its own bucket
	members []string // operations, with `*`

	// Conditions; empty means any.
	api, resource    string
	methods, regions []string
	unfiltered       bool

	byResources  bool    // as many tokens as the call's resources
	tokens       float64 // else this many
	perResource  bool
	organization bool

	quota Quota // without a name
}

// service returns the service that rules a call, and whether the table knows it.
func (t *table) service(name string) *service {
	if s := t.services[strings.ToLower(name)]; s != nil {
		return s
	}
	return t.fallback
}

// pick returns the entry of a layer that applies to a call, or nil.
func (l *layer) pick(c *Call) *entry {
	for i := range l.entries {
		if e := &l.entries[i]; e.applies(c) {
			return e
		}
	}
	return nil
}

func (e *entry) applies(c *Call) bool {
	return e.hasMember(c.Operation) && e.inRegion(c.Region) &&
		(!e.unfiltered || c.Unfiltered) &&
		(!e.byResources || c.Resources > 0) &&
		(e.api == "" || e.api == c.API) &&
		(e.resource == "" || glob(e.resource, c.Resource)) &&
		(e.methods == nil || slices.Contains(e.methods, c.Method))
}

func (e *entry) hasMember(operation string) bool {
	return slices.ContainsFunc(e.members, func(m string) bool { return glob(m, operation) })
}

func (e *entry) inRegion(region string) bool {
	return e.regions == nil || slices.Contains(e.regions, region)
}

// bucketName returns the name of the bucket that an operation draws from.
func (e *entry) bucketName(service, operation string) string {
	if e.shared != "" {
		return service + ":" + e.shared
	}
	return service + ":" + operation + e.suffix
}

func (e *entry) scope(c *Call) Scope {
	switch {
	case e.organization:
		return Scope{Account: c.Account, Organization: true}
	case e.perResource:
		return Scope{Account: c.Account, Region: c.Region, Resource: c.Resource}
	}
	return Scope{Account: c.Account, Region: c.Region}
}

// find returns the entry behind a bucket's name after the colon, and the operation in it (empty for a shared bucket);
// nil if the service has none.
func (s *service) find(rest, region string) (e *entry, operation string) {
	for i := range s.layers {
		for j := range s.layers[i].entries {
			if e := &s.layers[i].entries[j]; e.shared != "" && strings.EqualFold(e.shared, rest) && e.inRegion(region) {
				return e, ""
			}
		}
	}
	for i := range s.layers {
		for j := range s.layers[i].entries {
			e := &s.layers[i].entries[j]
			operation, ok := strings.CutSuffix(rest, e.suffix)
			if e.shared == "" && ok && e.hasMember(operation) && e.inRegion(region) && (e.suffix != "" || !s.hasSuffix(rest)) {
				return e, operation
			}
		}
	}
	return nil, rest
}

// hasSuffix reports whether the name is one of an action's further buckets ("RunInstances resources").
func (s *service) hasSuffix(rest string) bool {
	for i := range s.layers {
		for j := range s.layers[i].entries {
			e := &s.layers[i].entries[j]
			operation, ok := strings.CutSuffix(rest, e.suffix)
			if e.suffix != "" && ok && e.hasMember(operation) {
				return true
			}
		}
	}
	return false
}

// canonical returns an operation, or a bucket's name after the colon, in the table's spelling if the table knows it.
func (s *service) canonical(rest string) string {
	for _, l := range s.layers {
		for _, e := range l.entries {
			if strings.EqualFold(e.shared, rest) {
				return e.shared
			}
			for _, m := range e.members {
				if strings.EqualFold(m, rest) {
					return m
				}
				if strings.EqualFold(m+e.suffix, rest) {
					return m + e.suffix
				}
			}
		}
	}
	return rest
}
