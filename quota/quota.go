// Package quota is AWS's quotas for API requests as data: the published table, what the user says of them, and the draws of
// each attempt.
package quota

import (
	"time"

	"github.com/botorate/botorate"
)

// A Call is what decides from which quotas an attempt draws.
type Call struct {
	Service, Operation string  // in IAM's spelling
	Account, Region    string  // Account may be any opaque scope
	Unfiltered         bool    // EC2: neither filter nor page size
	Resources          float64 // what a resource quota counts; 0 means that it does not apply
	Resource           string  // the resource, where a quota is per resource (S3 bucket)
	Method             string  // HTTP method, for quotas by method (S3)
}

// An Origin is where a quota's numbers come from, strongest first.
type Origin string

// The origins.
const (
	User      Origin = "user"           // a flag or the config file
	Account   Origin = "service-quotas" // the account's own Service Quotas
	Learnt    Origin = "learnt"         // found here from successes and throttles
	Published Origin = "published"      // AWS's documentation
	Default   Origin = "default"        // a cautious guess
)

// A Quota is one of AWS's token buckets. It is a value; two with the same Name and scope are the same bucket.
type Quota struct {
	Name     string        // "ec2:DescribeSnapshots", "lambda:control-plane"
	Capacity float64       // tokens it holds
	Refill   float64       // tokens per second
	Step     time.Duration // it refills in steps of this (EC2: one second); 0 means continuously
	Origin   Origin
	Source   string // URL, flag, or file:line
	Date     string // when the source was read, YYYY-MM-DD
	Note     string
}

// A Policy says which part of each quota is ours.
type Policy struct{}

// Draws returns what the call takes: for one policy and equal calls always equal. The slice is shared: do not change it.
// It is never empty. Safe for concurrent use.
func (*Policy) Draws(Call) []botorate.Draw { panic("contract") }

// Limit is our part of a bucket. It is what a governor asks: [botorate.Options].Limit.
func (*Policy) Limit(botorate.BucketID) botorate.Limit { panic("contract") }

// Quota returns the quota behind a bucket of [Policy.Draws], and the share of it that is ours (1 for a limit given by the user as a pace).
func (*Policy) Quota(botorate.BucketID) (q Quota, share float64) { panic("contract") }
