package botorate

import (
	"context"
	"errors"
	"time"
)

// Options configure a [Governor] and a [Scheduler]. The zero value lets everything out at once.
type Options struct {
	// Limit says what a bucket lets out. It is asked once, when the bucket is first drawn from, must not block and must
	// not call the governor. Nil means no bucket has a limit until [Governor.SetLimit].
	Limit func(BucketID) Limit
	// Weight says how many turns a tenant gets beside others that wait for the same buckets. Nil means 1 for each.
	Weight func(tenant string) float64
}

// A Governor decides when each attempt leaves. It is safe for concurrent use.
type Governor struct{}

// New returns a governor. It runs no goroutine and needs no closing.
func New(Options) *Governor { panic("contract") }

// Wait returns when the attempt may leave. The error is ctx's when that ends first, or a *[TooLateError] as soon as it is
// known that the attempt can't leave before its deadline; nothing is spent then.
func (*Governor) Wait(context.Context, Attempt) (Pass, error) { panic("contract") }

// Report tells what became of an attempt that left.
func (*Governor) Report(Pass, Outcome) { panic("contract") }

// Return gives back the tokens of an attempt that was let out but never sent.
func (*Governor) Return(Pass) { panic("contract") }

// SetLimit changes a bucket's limit at once, for waiting attempts too.
func (*Governor) SetLimit(BucketID, Limit) { panic("contract") }

// Pause lets nothing out of a bucket before that instant. It goes on filling.
func (*Governor) Pause(BucketID, time.Time) { panic("contract") }

// Snapshot returns the state of every bucket, lane and tenant at one instant.
func (*Governor) Snapshot() Snapshot { panic("contract") }

// A TooLateError tells that an attempt can't leave before its deadline.
type TooLateError struct {
	Wait time.Duration // how long it would have had to wait, as far as is known now
}

func (e *TooLateError) Error() string { panic("contract") }

// ErrDraws is returned for an attempt without draws, or with more than MaxDraws.
var ErrDraws = errors.New("an attempt has one to four draws of different buckets, each of a positive number of tokens")

// A Snapshot is the state of a governor at one instant. Its slices are sorted by name.
type Snapshot struct {
	At      time.Time
	Buckets []BucketState
	Lanes   []LaneState
	Tenants []TenantState
}

// A BucketState is one bucket in a [Snapshot].
type BucketState struct {
	ID          BucketID
	Limit       Limit
	Rate        float64   // what it refills now, per second: below Limit.Rate after a cut
	Level       float64   // tokens in it; negative after an attempt larger than the burst
	PausedUntil time.Time // zero when not paused
	Waiting     int       // attempts that wait for it
	Left        uint64    // attempts let out
	Tokens      float64   // tokens they took
	Throttled   uint64    // attempts that the service refused for their rate
	Cuts        uint64    // times that the rate was lowered
}

// A LaneState is the attempts that wait for the same buckets.
type LaneState struct {
	Buckets []BucketID
	Waiting int
	Oldest  time.Time // since when the first in turn has waited; zero when nobody waits
}

// A TenantState is one tenant.
type TenantState struct {
	Tenant  string
	Waiting int
	Left    uint64
	Held    time.Duration // sum of all waits that ended
}
