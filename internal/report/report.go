// Package report collects what happened to every attempt and says so: a summary for a person, JSON for a program.
package report

import (
	"time"

	"github.com/botorate/botorate"
)

// A Result is how an attempt ended, as the client saw it.
type Result uint8

// The results.
const (
	Answered  Result = iota // the service's answer was passed on, and it was no throttle
	Throttled               // a throttle reached the client
	Shed                    // we refused it, since it could not leave in time
	Failed                  // the upstream was not reached or broke off: the client got an error of ours, or a cut connection
	Gone                    // the client left before it had its answer: see Sent
)

// An Attempt is one attempt that ended.
type Attempt struct {
	Ended           time.Time
	Tenant          string
	Client          string // product/version
	Account, Region string
	Action          string
	Draws           []botorate.Draw
	Call            string        // the same over the attempts of one call; empty when the client does not say
	Held            time.Duration // before it left, all waits of absorbed throttles included
	Absorbed        int           // throttles that the client did not see
	Result          Result
	Sent            bool   // it went out, and no throttle says that nothing came of it: of one that is Gone, the service may have done it
	Status          int    // HTTP status that the client got; 0 for none
	Code            string // AWS's error code
	Asked           Asked
}

// Asked is what a trace tells of an attempt besides, so that it can be played again.
type Asked struct {
	Service, Operation, API, Method string
	Unfiltered                      bool    // EC2: neither filter nor page size
	Resources                       float64 // what a resource quota counts
	Number                          int     // of the attempt in its call, from 1; 0 if the client does not say
	Arrived                         time.Time
}
