package report

import (
	"math"
	"strconv"
	"time"
)

// Completeness says whether every call got its answer.
type Completeness string

// What can be said of it.
const (
	Yes     Completeness = "yes"
	No      Completeness = "no"
	Unknown Completeness = "unknown"
)

// A Summary is what happened, as JSON has it. Its names are a promise to programs: add, never change.
type Summary struct {
	Command  string    `json:"command"`
	Started  time.Time `json:"started"`
	Wall     Seconds   `json:"wall_seconds"`
	ExitCode int       `json:"exit_code"`

	Complete Completeness `json:"complete"`
	Reason   string       `json:"complete_reason"`
	Lost     uint64       `json:"lost_calls"`
	AtLeast  bool         `json:"lost_calls_at_least"` // a client did not name its calls: there may be more

	Total   Counts   `json:"total"`
	Actions []Action `json:"actions"`
	Buckets []Bucket `json:"buckets"`
	Tenants []Name   `json:"tenants"`
	Clients []Name   `json:"clients"`

	Intercepted []Name `json:"hosts_intercepted"` // connections by host
	Tunnelled   []Name `json:"hosts_tunnelled"`
	Distrusted  []Name `json:"hosts_distrusted"` // clients refused our certificate for them
	Unpaced     []Name `json:"hosts_unpaced"`    // of the intercepted, those passed on unseen after all: their clients speak only HTTP/2

	// Bypassed are programs of the command that connected to an HTTPS port past the proxy, and where to.
	Bypassed []string `json:"bypassed,omitempty"`

	// NoRequest says why no request may have come through; empty when one did.
	NoRequest []string `json:"no_request,omitempty"`
}

// Counts are attempts by what became of them. Held are those that waited, whatever came after; the other five add up to Attempts.
type Counts struct {
	Attempts    uint64  `json:"attempts"`
	Answered    uint64  `json:"answered"`
	Throttled   uint64  `json:"throttled"` // reached the client
	Shed        uint64  `json:"shed"`
	Failed      uint64  `json:"failed"`
	Gone        uint64  `json:"gone"`
	GoneSent    uint64  `json:"gone_sent"` // of these, those that the service may have done
	Absorbed    uint64  `json:"absorbed"`  // throttles that did not reach the client
	Held        uint64  `json:"held"`
	HeldSeconds Seconds `json:"held_seconds"`
	LongestHold Seconds `json:"longest_hold_seconds"`
}

// An Action is the attempts of one action in one account and Region.
type Action struct {
	Action  string `json:"action"`
	Account string `json:"account"`
	Region  string `json:"region"`
	Counts
}

// A Bucket is one that was drawn from: AWS's quota, our part of it, and where the numbers come from.
type Bucket struct {
	Quota    string  `json:"quota"`
	Scope    string  `json:"scope"`
	Capacity float64 `json:"capacity"`
	Refill   Rate    `json:"refill_per_second"`
	Share    float64 `json:"share"`
	Rate     Rate    `json:"rate_per_second"`
	RateNow  Rate    `json:"rate_per_second_at_end"`
	Burst    Rate    `json:"burst"`

	Origin string `json:"origin"`
	Source string `json:"source"`
	Date   string `json:"date,omitempty"`
	Note   string `json:"note,omitempty"`

	Attempts  uint64  `json:"attempts"`
	Tokens    float64 `json:"tokens"`
	Throttled uint64  `json:"throttled"`
	Cuts      uint64  `json:"cuts"`
}

// A Name is how often one name was seen.
type Name struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"`
}

// Seconds is a duration that JSON shows in seconds.
type Seconds time.Duration

// MarshalJSON shows seconds to the millisecond.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, math.Round(time.Duration(s).Seconds()*1000)/1000, 'f', -1, 64), nil
}

// A Rate may be infinite, which JSON shows as null.
type Rate float64

// MarshalJSON shows an infinite rate as null.
func (r Rate) MarshalJSON() ([]byte, error) {
	if math.IsInf(float64(r), 0) || math.IsNaN(float64(r)) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(r), 'f', -1, 64), nil
}
