package scenario

import (
	"math/rand/v2"
	"time"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/sim"
)

// A client is one SDK client object: what calls through it share its retry quota and, in adaptive mode, its rate.
type client struct {
	w       *world
	load    *load
	account string
	sdk     *sdk
	net     *network
	random  *rand.Rand
	tokens  int       // left of the retry quota
	limiter *adaptive // nil unless the SDK limits its own rate
	free    []*call   // to be used again
}

func (w *world) client(l *load, account string) *client {
	c := &client{w: w, load: l, account: account, sdk: l.rules(), net: &l.Network, random: l.random, tokens: retryTokens}
	if c.sdk.adaptive {
		c.limiter = newAdaptive(w.loop.Now())
	}
	return c
}

// A call is one operation of an SDK, through all its attempts. It is a state machine: step does what its stage says.
type call struct {
	client *client
	to     *target
	done   func(ok bool)
	event  sim.Event
	stage  stage

	began    time.Time // of the call
	attempt  int       // from 1
	arrived  time.Time // when this attempt came to who paces it
	until    time.Time // until when it may be held
	absorbed int       // throttles of this attempt that the client did not see
	outcome  botorate.Outcome
	ticket   botorate.Ticket
	pass     botorate.Pass
	shed     time.Duration // how long the client was told to wait
}

type stage uint8

const (
	stageTry    stage = iota // the SDK sends an attempt
	stageArrive              // it comes to AWS
	stageAnswer              // its answer comes back
	stageAgain               // a throttle was absorbed, and the attempt is to wait again
	stageShed                // it was refused by botorate
)

// do makes a call. done is told, by the loop, whether the operation was answered in the end.
func (cl *client) do(to *target, done func(ok bool)) {
	var c *call
	if n := len(cl.free); n > 0 {
		c, cl.free = cl.free[n-1], cl.free[:n-1]
	} else {
		c = &call{client: cl}
		c.event.Do = c.step
		c.ticket.Owner = c
	}
	c.to, c.done, c.began, c.attempt = to, done, cl.w.loop.Now(), 0
	cl.load.tally.Calls++
	c.try()
}

// next schedules a stage.
func (c *call) next(s stage, after time.Duration) {
	c.stage = s
	c.client.w.loop.SetAfter(&c.event, after)
}

func (c *call) step() {
	switch c.stage {
	case stageTry:
		c.send()
	case stageArrive:
		c.arrive()
	case stageAnswer:
		c.client.w.answered(c)
	case stageAgain:
		c.client.w.pacer.submit(c)
	case stageShed:
		c.client.load.tally.Shed++
		c.refused(c.shed)
	}
}

// try begins the next attempt.
func (c *call) try() {
	c.attempt++
	c.send()
}

// send waits for the SDK's own limiter, and then for who paces.
func (c *call) send() {
	w, now := c.client.w, c.client.w.loop.Now()
	if l := c.client.limiter; l != nil {
		if wait := l.acquire(now); wait > 0 {
			c.next(stageTry, wait)
			return
		}
	}
	c.arrived, c.absorbed = now, 0
	c.until = now.Add(c.client.sdk.hold)
	if c.client.load.paced {
		w.pacer.submit(c)
		return
	}
	c.leave()
}

// leave lets the attempt out.
func (c *call) leave() {
	t := &c.client.load.tally
	t.Attempts++
	t.LongestHold = max(t.LongestHold, c.client.w.loop.Now().Sub(c.arrived))
	c.next(stageArrive, c.client.net.out(c.client.random, c.extra()))
}

// extra is what every packet is delayed by.
func (c *call) extra() time.Duration {
	if c.client.load.paced && c.client.w.way.Kind == wayLatency {
		return c.client.w.way.Delay
	}
	return 0
}

func (c *call) arrive() {
	c.outcome = c.client.w.admit(c)
	if c.outcome.Kind == botorate.Throttled {
		c.client.load.tally.Throttles++
	}
	c.client.w.note(c)
	c.next(stageAnswer, c.client.net.back(c.client.random, c.extra()))
}

// answered brings an answer to who paces, and then to the client.
func (w *world) answered(c *call) {
	if c.client.load.paced && w.pacer.answered(c) {
		return
	}
	if c.outcome.Kind == botorate.Throttled {
		c.client.load.tally.Seen++
		c.refused(0)
		return
	}
	if l := c.client.limiter; l != nil {
		l.update(w.loop.Now(), false)
	}
	c.client.succeeded(c)
	c.end(true)
}

// refused is what the SDK does with a throttle, be it AWS's or botorate's. retryAfter is what the answer asks for.
func (c *call) refused(retryAfter time.Duration) {
	cl := c.client
	if l := cl.limiter; l != nil {
		l.update(cl.w.loop.Now(), true)
	}
	if wait, again := cl.retry(c.attempt, retryAfter); again {
		c.attempt++
		c.next(stageTry, wait)
		return
	}
	cl.load.tally.Lost++
	c.end(false)
}

func (c *call) end(ok bool) {
	cl := c.client
	cl.load.took(cl.w.loop.Now().Sub(c.began))
	done := c.done
	c.done = nil
	cl.free = append(cl.free, c)
	done(ok)
}
