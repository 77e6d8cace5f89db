package report

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// What one collector remembers is bounded, however long it runs and whatever clients send.
const (
	maxActions = 4096
	maxNames   = 1024    // clients, tenants, hosts: each
	maxOpen    = 1 << 16 // calls whose last attempt got no answer
)

// others stands for all names beyond the bound.
const others = "(others)"

// heldLeast is the shortest wait that counts as held: below it an attempt found its tokens ready.
const heldLeast = time.Millisecond

// A Collector counts attempts as they end. The zero value is ready for use; it is safe for concurrent use.
type Collector struct {
	mu      sync.Mutex
	actions map[actionKey]*tally
	tenants map[string]uint64
	clients map[string]uint64
	hosts   map[host]uint64
	doubts  map[string]uint64 // hosts for which clients refused our certificate
	unpaced map[string]uint64 // hosts to which clients spoke nothing but HTTP/2
	total   tally
	open    map[callKey]struct{} // named calls whose last attempt got no answer
	dropped uint64               // of those, not kept: beyond maxOpen
}

type actionKey struct{ action, account, region string }

type callKey struct{ tenant, call string }

type host struct {
	name        string
	intercepted bool
}

// A tally counts the attempts of one action.
type tally struct {
	answered, throttled, shed, failed, gone, goneSent, absorbed, held uint64
	waited, longest                                                   time.Duration
	unnamed                                                           uint64 // refused attempts whose client does not name its calls
	endsRefused                                                       bool   // the last attempt without a name was one of them
}

func (t *tally) attempts() uint64 { return t.answered + t.throttled + t.shed + t.failed + t.gone }

func (t *tally) add(a *Attempt) {
	switch a.Result {
	case Answered:
		t.answered++
	case Throttled:
		t.throttled++
	case Shed:
		t.shed++
	case Failed:
		t.failed++
	case Gone:
		t.gone++
		if a.Sent {
			t.goneSent++
		}
	}
	t.absorbed += uint64(max(a.Absorbed, 0))
	if a.Held >= heldLeast {
		t.held++
		t.waited += a.Held
		t.longest = max(t.longest, a.Held)
	}
	if a.Call == "" {
		t.endsRefused = a.Result != Answered
		if t.endsRefused {
			t.unnamed++
		}
	}
}

// Observe counts an attempt that ended. It is quick and keeps nothing of an answered call.
func (c *Collector) Observe(a Attempt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total.add(&a)
	c.actionLocked(actionKey{a.Action, a.Account, a.Region}).add(&a)
	c.tenants = count(c.tenants, a.Tenant, others)
	c.clients = count(c.clients, a.Client, others)
	if a.Call == "" {
		return
	}
	key := callKey{a.Tenant, a.Call}
	if a.Result == Answered {
		delete(c.open, key)
		return
	}
	if _, known := c.open[key]; !known && len(c.open) >= maxOpen {
		c.dropped++
		return
	}
	if c.open == nil {
		c.open = make(map[callKey]struct{})
	}
	c.open[key] = struct{}{}
}

// Opened counts a connection that a client asked for, whether or not we speak for that host.
func (c *Collector) Opened(name string, intercepted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hosts = count(c.hosts, host{name, intercepted}, host{others, intercepted})
}

// Unpaced counts a connection that was opened as an intercepted one, but passed on unseen since its client speaks only HTTP/2.
func (c *Collector) Unpaced(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unpaced = count(c.unpaced, name, others)
}

// Distrusted counts a connection that a client broke off since it does not trust our certificate.
func (c *Collector) Distrusted(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doubts = count(c.doubts, name, others)
}

// Totals returns how many attempts were answered, and how many throttles AWS sent, whether or not a client saw them.
func (c *Collector) Totals() (answered, throttles uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total.answered, c.total.throttled + c.total.absorbed
}

func (c *Collector) actionLocked(key actionKey) *tally {
	if t := c.actions[key]; t != nil {
		return t
	}
	if c.actions == nil {
		c.actions = make(map[actionKey]*tally)
	}
	if len(c.actions) >= maxActions {
		key = actionKey{action: others}
		if t := c.actions[key]; t != nil {
			return t
		}
	}
	t := new(tally)
	c.actions[key] = t
	return t
}

// count adds one to a name in m, or to rest once m is full.
func count[K comparable](m map[K]uint64, name, rest K) map[K]uint64 {
	if m == nil {
		m = make(map[K]uint64)
	}
	if _, known := m[name]; !known && len(m) >= maxNames {
		name = rest
	}
	m[name]++
	return m
}

// Summary returns what was counted so far. What the collector can't know (buckets, times, the command) is the caller's to fill in.
func (c *Collector) Summary() Summary {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Summary{Total: c.total.counts(), Actions: []Action{}, Buckets: []Bucket{}} // in JSON empty lists, not null
	for key, t := range c.actions {
		s.Actions = append(s.Actions, Action{Action: key.action, Account: key.account, Region: key.region, Counts: t.counts()})
	}
	slices.SortFunc(s.Actions, func(a, b Action) int {
		return cmp.Or(-cmp.Compare(a.Attempts, b.Attempts), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region))
	})
	s.Tenants, s.Clients = names(c.tenants), names(c.clients)
	tunnelled, intercepted := make(map[string]uint64), make(map[string]uint64)
	for h, n := range c.hosts {
		if h.intercepted {
			intercepted[h.name] = n
		} else {
			tunnelled[h.name] = n
		}
	}
	s.Tunnelled, s.Intercepted, s.Distrusted, s.Unpaced = names(tunnelled), names(intercepted), names(c.doubts), names(c.unpaced)
	c.completenessLocked(&s)
	return s
}

// completenessLocked judges whether every call got an answer. A call is lost if its last attempt did not. Of calls without a
// name only this is sure: if an action's last attempt was refused, nothing came after it. What a client that distrusts us would
// have sent is not known.
func (c *Collector) completenessLocked(s *Summary) {
	s.Lost = uint64(len(c.open))
	var unnamed uint64
	for _, t := range c.actions {
		unnamed += t.unnamed
		if t.endsRefused {
			s.Lost++
			s.AtLeast = true
		}
	}
	switch {
	case s.Lost > 0:
		s.Complete, s.Reason = No, "calls ended without an answer"
	case len(s.Distrusted) > 0:
		s.Complete, s.Reason = Unknown, "a client refused botorate's certificate for "+hostList(s.Distrusted)
	case s.Total.Attempts == 0:
		s.Complete, s.Reason = Unknown, "no request came through botorate"
	case c.dropped > 0:
		s.Complete, s.Reason = Unknown, "more calls were refused at once than botorate remembers"
	case unnamed > 0:
		s.Complete, s.Reason = Unknown, "attempts were refused, and the client does not name its calls: whether it tried them again can't be told"
	default:
		s.Complete, s.Reason = Yes, "every call got its answer"
	}
}

func (t *tally) counts() Counts {
	return Counts{
		Attempts: t.attempts(), Answered: t.answered, Throttled: t.throttled, Shed: t.shed, Failed: t.failed, Gone: t.gone, GoneSent: t.goneSent,
		Absorbed: t.absorbed, Held: t.held, HeldSeconds: Seconds(t.waited), LongestHold: Seconds(t.longest),
	}
}

// names returns the counts, largest first.
func names(m map[string]uint64) []Name {
	out := make([]Name, 0, len(m))
	for name, n := range m {
		out = append(out, Name{name, n})
	}
	slices.SortFunc(out, func(a, b Name) int {
		return cmp.Or(-cmp.Compare(a.Count, b.Count), cmp.Compare(a.Name, b.Name))
	})
	return out
}
