package botorate

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// A Snapshot is the state of a governor at one instant. Its slices are sorted by name.
// A bucket that has been idle for long is remembered by its limit and counters only, since the rest is known. Of those, and of tenants, a partition
// remembers some thousands; what older ones did is in Forgotten, so that the sums of all counters are right for ever.
type Snapshot struct {
	At      time.Time
	Buckets []BucketState
	Lanes   []LaneState // in which attempts have waited; forgotten with their buckets
	Tenants []TenantState
	Lag     Lag

	Forgotten Forgotten
}

// Forgotten is what the buckets and tenants did that a [Snapshot] doesn't have any more. One that is used again is asked for its limit, or weight, again.
type Forgotten struct {
	Buckets   int           // how many were forgotten
	Left      uint64        // by them, as in BucketState
	Tokens    float64       // likewise
	Throttled uint64        // likewise
	Cuts      uint64        // likewise
	Tenants   int           // how many were forgotten
	Attempts  uint64        // of them, that left
	Held      time.Duration // of them
}

// A Lag is how much later than due attempts were let out, because the timer fired late or there was no CPU. Up to 100 ms, or as long as
// a bucket's burst lasts at its rate, it costs no rate.
type Lag struct {
	Longest time.Duration // ever
	Recent  time.Duration // mean of about the last 16 that were late at all
}

func (l *Lag) note(late time.Duration) {
	if late > 0 {
		l.Longest = max(l.Longest, late)
		l.Recent += (late - l.Recent) / 16
	}
}

// A BucketState is one bucket in a [Snapshot].
type BucketState struct {
	ID          BucketID
	Limit       Limit     // as it holds: a burst of 0.5 is shown as 1
	Rate        float64   // what it refills now, per second: below Limit.Rate after a cut
	Level       float64   // tokens in it; negative after an attempt larger than the burst; math.Inf(1) without a limit
	PausedUntil time.Time // zero when not paused
	Waiting     int       // attempts that wait for it
	Left        uint64    // attempts let out and not returned
	Tokens      float64   // tokens they took
	Throttled   uint64    // attempts that the service refused for their rate
	Cuts        uint64    // times that the rate was lowered

	// What adaptation believes; zero values while the limit holds as it is.
	Available float64 // tokens per second that the service adds and nobody else takes
	Others    float64 // tokens per second that others take of a published limit
	Adapting  string  // what is done to find out: "starting", "growing", "recovering", "holding" or "probing"; see docs/decisions/0006
}

// A LaneState is the attempts that wait for the same buckets.
type LaneState struct {
	Buckets []BucketID // sorted
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

// Snapshot returns the state of every bucket, lane and tenant.
func (s *Scheduler) Snapshot(now time.Time) Snapshot {
	s.advance(now)
	snap := Snapshot{
		At:      now,
		Buckets: make([]BucketState, 0, len(s.buckets)+len(s.forgotten)),
		Lanes:   make([]LaneState, 0, len(s.lanes)),
		Tenants: make([]TenantState, 0, len(s.tenants)),
		Lag:     s.lag,

		Forgotten: s.folded,
	}
	for _, b := range s.buckets {
		b.refill(s.now)
		snap.Buckets = append(snap.Buckets, s.bucketState(b))
	}
	for id, f := range s.forgotten {
		snap.Buckets = append(snap.Buckets, s.bucketState(&bucket{id: id, limit: f.limit, level: f.limit.Burst, tally: f.tally}))
	}
	for _, l := range s.lanes {
		snap.Lanes = append(snap.Lanes, s.laneState(l))
	}
	for _, tn := range s.tenants {
		snap.Tenants = append(snap.Tenants, TenantState{Tenant: tn.name, Waiting: tn.waiting, Left: tn.left, Held: tn.held})
	}
	snap.sort()
	return snap
}

// add adds the state of another partition, whose buckets are others.
func (s *Snapshot) add(o Snapshot) {
	s.At = o.At
	s.Buckets = append(s.Buckets, o.Buckets...)
	s.Lanes = append(s.Lanes, o.Lanes...)
	s.Tenants = append(s.Tenants, o.Tenants...)
	s.Forgotten.add(o.Forgotten)
	s.Lag.Longest, s.Lag.Recent = max(s.Lag.Longest, o.Lag.Longest), max(s.Lag.Recent, o.Lag.Recent)
}

// sort sorts by name, and makes one of the states that a tenant has in several partitions.
func (s *Snapshot) sort() {
	slices.SortFunc(s.Buckets, func(a, b BucketState) int { return a.ID.compare(b.ID) })
	slices.SortFunc(s.Lanes, func(a, b LaneState) int { return slices.CompareFunc(a.Buckets, b.Buckets, BucketID.compare) })
	slices.SortFunc(s.Tenants, func(a, b TenantState) int { return strings.Compare(a.Tenant, b.Tenant) })
	merged := s.Tenants[:0]
	for _, tn := range s.Tenants {
		if last := len(merged) - 1; last >= 0 && merged[last].Tenant == tn.Tenant {
			merged[last].Waiting += tn.Waiting
			merged[last].Left += tn.Left
			merged[last].Held += tn.Held
			continue
		}
		merged = append(merged, tn)
	}
	s.Tenants = merged
}

func (id BucketID) compare(other BucketID) int {
	return cmp.Or(strings.Compare(id.Quota, other.Quota), strings.Compare(id.Scope, other.Scope))
}

func (s *Scheduler) bucketState(b *bucket) BucketState {
	state := BucketState{
		ID: b.id, Limit: b.limit, Rate: b.rate(), Level: b.level, Waiting: b.waiting,
		Left: b.left, Tokens: b.tokens, Throttled: b.throttled, Cuts: b.cuts,
	}
	if m := b.pace.belief; m != nil {
		state.Available, state.Adapting = m.avail, m.phase.String()
		if !b.limit.Unknown {
			state.Others = max(0, max(b.limit.Refill, b.limit.Rate)-m.avail)
		}
	}
	if b.limit.unlimited() {
		state.Level = math.Inf(1)
	}
	if b.paused > s.now {
		state.PausedUntil = s.time(b.paused)
	}
	return state
}

func (s *Scheduler) laneState(l *lane) LaneState {
	state := LaneState{Waiting: l.waiting, Buckets: make([]BucketID, len(l.buckets))}
	for i, b := range l.buckets {
		state.Buckets[i] = b.id
	}
	slices.SortFunc(state.Buckets, BucketID.compare)
	if t := l.head(); t != nil {
		state.Oldest = s.time(t.since)
	}
	return state
}
