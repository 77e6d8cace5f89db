// Package quota is AWS's quotas for API requests as data: the published table, what the user says of them, and the draws of
// each attempt.
//
// The table is in data/, one file a service, keyed by IAM's service prefixes: CloudWatch is `cloudwatch` though it signs as
// monitoring, the Resource Groups Tagging API `tag`, EMR `elasticmapreduce`, Step Functions `states`, EventBridge `events`,
// CloudWatch Logs `logs`, ELB `elasticloadbalancing`. data/README.md describes the format.
package quota

import (
	"time"

	"github.com/botorate/botorate"
)

// A Call is what decides from which quotas an attempt draws.
type Call struct {
	Service, Operation string  // in IAM's spelling
	API                string  // tells APIs of one service apart ("2012-06-01" is classic ELB, "s3-control"); may be empty
	Account, Region    string  // Account may be any opaque scope
	Unfiltered         bool    // EC2: neither filter nor page size
	Resources          float64 // what a resource quota counts; 0 means that it does not apply
	Resource           string  // the resource, where a quota is per resource (S3 bucket, Kinesis stream); for KMS the key's spec, if known
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
	Date     string // when the source was read, YYYY-MM-DD; empty for what the user says
	Note     string
}

// jitter is by how much an attempt may overtake another's delay on the network: attempts that left that far apart can arrive together.
const jitter = 50 * time.Millisecond

// Limit returns the part of q that a share allows.
//
// The rate is the refill times the share. The burst is less than capacity times share. AWS refills in steps (EC2 once a second:
// https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html, read 2026-11-23), so just before a step its bucket
// holds up to one step's refill less than one that refills all the time. What arrives in a span of time adds up: our burst, the
// headroom's burst and one step must fit in the capacity, or a neighbour who stays inside the headroom could be refused.
// A small allowance for the network's jitter goes off too. The burst is never below 1, so for quotas as small as that no
// headroom in depth can be promised.
//
// The whole quota is said too, and of a guess that the real one is unknown: then the numbers are where to begin.
//
// An EC2 read, 100 tokens refilled at 20/s, at a share of 80 % is a rate of 16/s and a burst of 80 - 20 - 0.8 = 59.2.
func (q Quota) Limit(share float64) botorate.Limit {
	rate := q.Refill * share
	burst := float64(q.Capacity*share) - float64(q.Refill*q.Step.Seconds()) - float64(rate*jitter.Seconds()) // not fused, on any machine
	return botorate.Limit{
		Rate: rate, Burst: max(1, burst),
		Refill: q.Refill, Capacity: q.Capacity, Unknown: q.Origin == Default,
	}
}
