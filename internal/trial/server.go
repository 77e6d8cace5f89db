// Package trial puts a way of pacing to the test by which its adaptation is judged: half an hour against a simulated bucket that
// others draw from too, in virtual time, from a seed.
//
// The parts (a [Server], the [Load] of others, a [Scenario], a [Score]) know no clock and no goroutine: an event loop can drive them, as
// [Run] does, or goroutines under a virtual clock.
package trial

import (
	"math"
	"time"
)

// Step is how often a server adds tokens. EC2: "a set number of tokens is added back to it every second"
// (https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html, read 2026-11-23).
const Step = time.Second

// A Server is a token bucket that refills in steps, and refuses whatever comes when it is empty. A refused attempt costs it nothing.
// Times must not go back; they count from the server's beginning. It is not safe for concurrent use.
type Server struct {
	capacity float64
	refill   float64
	next     time.Duration // of the next step
	level    float64
	added    float64
}

// NewServer returns a full bucket whose first step comes after first.
func NewServer(refill, capacity float64, first time.Duration) *Server {
	return &Server{capacity: capacity, refill: refill, next: first, level: capacity, added: capacity}
}

// Take takes a token at now, and reports whether there was one.
func (s *Server) Take(now time.Duration) bool {
	s.advance(now)
	if s.level < 1 {
		return false
	}
	s.level--
	return true
}

// SetRefill changes how much a step adds, from now on.
func (s *Server) SetRefill(now time.Duration, refill float64) {
	s.advance(now)
	s.refill = refill
}

// Given returns what the server has had to give until now: its capacity and what its steps would have added to it had it never been full.
func (s *Server) Given(now time.Duration) float64 {
	s.advance(now)
	return s.added
}

func (s *Server) advance(now time.Duration) {
	for ; s.next <= now; s.next += Step {
		tokens := s.refill * Step.Seconds()
		s.level = math.Min(s.level+tokens, s.capacity)
		s.added += tokens
	}
}
