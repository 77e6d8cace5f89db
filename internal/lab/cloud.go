package lab

import (
	"maps"
	"sync"
	"time"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/quota"
)

// Quotas say which buckets a call draws from, and how large each is. A *[quota.Policy] is one; its share plays no part here.
type Quotas interface {
	Draws(quota.Call) []botorate.Draw
	Quota(botorate.BucketID) (q quota.Quota, share float64)
}

// A Cloud is AWS as its API limits make it: a bucket for each quota in each account and Region, made full when it is first
// drawn from. It is safe for concurrent use; given the same attempts at the same instants, it always decides the same.
type Cloud struct {
	Quotas        Quotas
	ChargeRefused bool // see [Bucket]

	mu      sync.Mutex
	buckets map[botorate.BucketID]*Bucket
	callers map[string]Tally
}

// A Tally counts what one caller did.
type Tally struct {
	Attempts int // that reached AWS
	Refused  int // of these, refused for their rate
}

// Admit decides one attempt of a caller. Tokens are taken from all buckets of the call or from none.
// If it is refused, empty is the first of its buckets that lacked tokens.
func (c *Cloud) Admit(now time.Time, caller string, call quota.Call) (ok bool, empty botorate.BucketID) {
	return c.Draw(now, caller, c.Quotas.Draws(call))
}

// Draw is Admit for an attempt whose draws are known.
func (c *Cloud) Draw(now time.Time, caller string, draws []botorate.Draw) (ok bool, empty botorate.BucketID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ok, empty = c.drawLocked(now, draws)
	t := c.callers[caller]
	t.Attempts++
	if !ok {
		t.Refused++
	}
	if c.callers == nil {
		c.callers = map[string]Tally{}
	}
	c.callers[caller] = t
	return ok, empty
}

func (c *Cloud) drawLocked(now time.Time, draws []botorate.Draw) (ok bool, empty botorate.BucketID) {
	for _, d := range draws {
		if b := c.bucketLocked(d.Bucket); !b.holds(now, d.Tokens) {
			b.refuse(d.Tokens)
			return false, d.Bucket
		}
	}
	for _, d := range draws {
		c.buckets[d.Bucket].take(d.Tokens)
	}
	return true, botorate.BucketID{}
}

func (c *Cloud) bucketLocked(id botorate.BucketID) *Bucket {
	if b, ok := c.buckets[id]; ok {
		return b
	}
	if c.buckets == nil {
		c.buckets = map[botorate.BucketID]*Bucket{}
	}
	q, _ := c.Quotas.Quota(id)
	b := &Bucket{Capacity: q.Capacity, Refill: q.Refill, Step: q.Step, ChargeRefused: c.ChargeRefused}
	c.buckets[id] = b
	return b
}

// Resize takes in that Quotas says something else from now on. Each bucket keeps its tokens, up to its new capacity.
func (c *Cloud) Resize(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, b := range c.buckets {
		q, _ := c.Quotas.Quota(id)
		b.resize(now, q.Capacity, q.Refill)
	}
}

// Callers returns what each caller did until now.
func (c *Cloud) Callers() map[string]Tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.callers)
}

// Level returns how many tokens a bucket holds; false if nothing was drawn from it yet.
func (c *Cloud) Level(now time.Time, id botorate.BucketID) (float64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, ok := c.buckets[id]
	if !ok {
		return 0, false
	}
	return b.Level(now), true
}
