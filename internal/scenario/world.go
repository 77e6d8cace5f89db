package scenario

import (
	"math/rand/v2"
	"time"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/lab"
	"github.com/botorate/botorate/internal/sim"
	"github.com/botorate/botorate/quota"
)

// start is when every run begins, by its own clock: on a whole second, as AWS's refill steps are.
func start() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }

// A world is one run: AWS, the workloads and a way of pacing, in virtual time.
type world struct {
	loop    *sim.Loop
	file    *File
	way     Way
	cloud   *lab.Cloud
	real    *amounts      // AWS's quotas
	policy  *quota.Policy // the part that is ours; draws are the same whatever the share
	targets map[targetKey]*target
	pacer   pacer
	chance  *rand.Rand // of an incident

	incidents []*Incident // that go on now
	watched   map[botorate.BucketID]bool
	watch     botorate.BucketID
	touched   bool          // somebody called what the watched bucket is for
	drawn     int           // attempts of what is paced that the watched bucket let through
	first     time.Duration // when the first of them came
	last      time.Duration
	series    *series
	loads     []*load
	running   int // loads that have an end and have not come to it
}

// A targetKey names an action in an account and Region.
type targetKey struct {
	action          action
	account, region string
}

// An action is what is called. Resources is what a resource quota counts.
type action struct {
	service, operation string
	resources          float64
	unfiltered         bool
	api, method        string // for what a trace says
}

func (a action) name() string { return a.service + ":" + a.operation }

// call is the action in an account and Region, as the table knows it.
func (a action) call(account, region string) quota.Call {
	return quota.Call{
		Service: a.service, Operation: a.operation, Account: account, Region: region,
		Unfiltered: a.unfiltered, Resources: a.resources, API: a.api, Method: a.method,
	}
}

// A target is an action in an account and Region, with what it draws.
type target struct {
	action  string
	service string
	draws   []botorate.Draw
	watched bool
}

// target returns the target, which may be new.
func (w *world) target(a action, account, region string) *target {
	key := targetKey{a, account, region}
	if t := w.targets[key]; t != nil {
		return t
	}
	t := &target{action: a.name(), service: a.service}
	t.draws = w.policy.Draws(a.call(account, region))
	for _, d := range t.draws {
		t.watched = t.watched || w.watched[d.Bucket]
	}
	w.targets[key] = t
	return t
}

// amounts are AWS's quotas in this account: the table, and what the file says otherwise, which may change. It is a [lab.Quotas].
type amounts struct {
	policy *quota.Policy
	rules  []Amount // a later one wins
	known  int      // of the rules, from the beginning
}

func (a *amounts) Draws(c quota.Call) []botorate.Draw { return a.policy.Draws(c) }

func (a *amounts) Quota(id botorate.BucketID) (quota.Quota, float64) { return a.by(id, a.rules) }

// initial is a quota as it was in the beginning, as far as anybody could ask for it.
func (a *amounts) initial(id botorate.BucketID) (quota.Quota, float64) {
	return a.by(id, a.rules[:a.known])
}

func (a *amounts) by(id botorate.BucketID, rules []Amount) (quota.Quota, float64) {
	q, _ := a.policy.Quota(id)
	for i := range rules {
		if rules[i].applies(id) {
			rules[i].amend(&q)
		}
	}
	return q, 1
}

// admit is AWS's decision of an attempt that arrives now.
func (w *world) admit(c *call) (out botorate.Outcome) {
	now := w.loop.Now()
	for _, i := range w.incidents {
		if i.applies(c.to.action) && w.chance.Float64() < float64(i.Refuse) {
			return botorate.Outcome{Kind: botorate.Throttled, Incident: true}
		}
	}
	if ok, _ := w.cloud.Draw(now, c.client.load.Name, c.to.draws); !ok {
		return botorate.Outcome{Kind: botorate.Throttled}
	}
	return botorate.Outcome{Kind: botorate.OK}
}

// A network is what lies between a client and AWS.
type network struct {
	RoundTrip time.Duration `yaml:"round-trip"`
	Trips     int           `yaml:"trips"`  // round trips that a call takes: 1 on a connection that is open, 3 or 4 on a new one
	Server    time.Duration `yaml:"server"` // AWS's own time
	Spread    time.Duration `yaml:"spread"` // up to so much more each way, evenly distributed
}

// out is how long a request takes to AWS, each of whose packets is delayed by extra.
func (n *network) out(r *rand.Rand, extra time.Duration) time.Duration {
	return time.Duration(n.Trips-1)*(n.RoundTrip+2*extra) + n.RoundTrip/2 + extra + n.spread(r)
}

// back is how long the answer takes, once the request has come.
func (n *network) back(r *rand.Rand, extra time.Duration) time.Duration {
	return n.Server + n.RoundTrip/2 + extra + n.spread(r)
}

func (n *network) spread(r *rand.Rand) time.Duration {
	if n.Spread <= 0 {
		return 0
	}
	return time.Duration(r.Int64N(int64(n.Spread)))
}
