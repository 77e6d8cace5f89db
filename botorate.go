package botorate

import "time"

// A BucketID names one token bucket: a quota in one scope. Both parts are the caller's to choose; botorate's own
// programs use the quota's name (`ec2:DescribeSnapshots`) and `account/Region`. Values are comparable and used as map keys.
type BucketID struct {
	Quota string // what is limited, such as "ec2:DescribeSnapshots"
	Scope string // for whom, such as "123456789012/eu-west-1"; may be empty
}

// A Limit is what one bucket lets out. It holds for our part of the quota: the share is already taken.
//
// How a bucket adapts follows from it. Where Refill says that others have a part of a published quota, or says nothing, the rate is never exceeded: a
// throttle lowers it to what others leave, and quiet brings it back. Where all of a published quota is ours (a Refill that is not more than
// Rate), more is tried now and then, at the price of a throttle in some minutes: a limit that was raised is found. Where
// the limit is unknown, it is found.
type Limit struct {
	Rate  float64 // tokens added per second; math.Inf(1) lets everything out at once; to begin with when Unknown: there 0 counts as 1
	Burst float64 // the most tokens that the bucket holds; less than 1 counts as 1
	Floor float64 // the bucket is never drawn below this level; must be less than Burst

	// The whole quota, of which Rate and Burst are our part. Less than ours counts as the same as ours: nothing is left to others.
	// Zero says that nothing is known of it.
	Refill   float64 // tokens that the service adds per second
	Capacity float64 // the most that its bucket holds

	// Unknown says that nobody published the limit: the numbers are where to begin, and the real ones are found from
	// successes and throttles. Rate/Refill is then the part of what is found that we take, but for a probe now and then.
	Unknown bool
}

// Learnt is what was learnt of a bucket whose limit is unknown, to be kept for the next governor: see [Options].
type Learnt struct {
	Rate   float64       // tokens per second that were there for us at the last reading
	Burst  float64       // tokens that could be taken at once; zero if that was never seen
	Steady time.Duration // how long the rate could be kept without asking for more: longer when several readings agreed
	At     time.Time     // when it was last confirmed, by the wall clock
}

// A Draw says how many tokens an attempt takes from one bucket.
type Draw struct {
	Bucket BucketID
	Tokens float64
}

// MaxDraws is the number of buckets that one attempt can draw from.
const MaxDraws = 4

// A Class is how urgent an attempt is. Interactive attempts go before batch ones; batch is never starved.
type Class uint8

// The classes. The zero value is Batch.
const (
	Batch Class = iota
	Interactive
)

// An Attempt asks to leave. The zero value of each optional field is a useful default.
type Attempt struct {
	Draws    []Draw    // one to MaxDraws draws, of different buckets, all taken together or none; not changed while waiting
	Tenant   string    // who shares the governor; tenants that wait for the same buckets get equal turns
	Class    Class     // how urgent
	Since    time.Time // when the call was first submitted; zero means now. A later attempt of a call passes its first attempt's on, and so keeps its place
	Deadline time.Time // the latest instant at which leaving is of use; zero means none
}

// A Pass is the leave that an attempt got. Give it back with the outcome: [Governor.Report], or [Governor.Return] if nothing was sent.
type Pass struct {
	Draws  []Draw
	Tenant string
	Left   time.Time     // when the attempt was let out
	Waited time.Duration // how long it was held by this Wait

	part *partition // that let it out; nil if a Scheduler did
}

// An OutcomeKind says what became of an attempt.
type OutcomeKind uint8

// The outcomes.
const (
	OK        OutcomeKind = iota // answered, with whatever result: tokens were spent
	Throttled                    // refused for its rate: the real bucket was empty when the attempt arrived
	Failed                       // no answer, or one that says nothing about the rate
)

// An Outcome is what the service did with an attempt.
type Outcome struct {
	Kind       OutcomeKind
	RetryAfter time.Duration // what the service asked us to wait; zero if it did not say
	Incident   bool          // throttled for the service's own trouble: says nothing about the bucket
}
