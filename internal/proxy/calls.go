package proxy

import (
	"sync"
	"time"

	"github.com/botorate/botorate/internal/wire"
)

// rememberedCalls bounds how many calls wait to be tried again by their clients.
const rememberedCalls = 4096

// calls remembers since when a call has been under way whose attempt failed, so that its next attempt keeps its place.
// The zero value is ready for use.
type calls struct {
	mu    sync.Mutex
	since map[wire.Invocation]time.Time
	order []wire.Invocation // a ring of the map's keys
	next  int
}

// remember notes that the call, named by its invocation id, may come again.
func (c *calls) remember(id wire.Invocation, since time.Time) {
	if id == (wire.Invocation{}) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since == nil {
		c.since = make(map[wire.Invocation]time.Time)
	}
	if _, ok := c.since[id]; ok {
		return
	}
	if len(c.order) < rememberedCalls {
		c.order = append(c.order, wire.Invocation{})
	}
	delete(c.since, c.order[c.next])
	c.order[c.next] = id
	c.since[id] = since
	c.next = (c.next + 1) % rememberedCalls
}

// began returns since when the call has been under way, if a former attempt of it was remembered.
func (c *calls) began(id wire.Invocation) (since time.Time, ok bool) {
	if id == (wire.Invocation{}) {
		return time.Time{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	since, ok = c.since[id]
	return since, ok
}
