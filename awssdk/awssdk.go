// Package awssdk paces the AWS SDK for Go v2: every attempt of every client waits for its turn inside the SDK's own retry
// loop. There is no proxy, no fork and nothing else to change.
//
//	cfg, err := config.LoadDefaultConfig(ctx)
//	...
//	awssdk.Pace(&cfg, nil) // before the clients are made
//	client := ec2.NewFromConfig(cfg)
//
// [Pace] paces all clients of a config. An [Option] changes one config, client or call, wherever the SDK takes a function of a
// middleware stack: in cfg.APIOptions, or in a service's own WithAPIOptions.
//
//	client := ec2.NewFromConfig(cfg, ec2.WithAPIOptions(awssdk.Every(100*time.Millisecond)))
//	client.DescribeSnapshots(ctx, in, ec2.WithAPIOptions(awssdk.Class(botorate.Interactive)))
//
// # How an attempt is paced
//
// One Finalize step stands after "Retry" and before the credentials are fetched and the request is signed. So each attempt
// draws tokens, also a retried one, which keeps the place of its call; and an attempt that was held for long has fresh
// credentials and a young signature. Presigning makes no attempt and is not touched. Any retryer works, and paginators,
// waiters, the S3 transfer managers and credential providers that call STS: whatever is made from the config.
//
// The step sees service, operation, Region, account and, where a quota depends on them, the parameters of the call. It tells the governor
// whether AWS throttled the attempt and what it asked for in Retry-After. A context that ends is honoured at once, and
// spends nothing. An attempt that can't leave before its context's deadline fails at once, with an error that wraps a
// *[botorate.TooLateError] and is not retried.
//
// # Accounts
//
// Buckets are per account. It is that of the client's credentials: the AccountID that their provider says, else what the access key
// id tells, else, for keys of the old kind, a scope of that key's own. So clients of several assumed roles keep separate buckets, and the
// calls with which a role is assumed are paced in the account of the credentials that sign them. A provider inside an
// *[aws.CredentialsCache], as every config has, is asked before each attempt, which costs nothing; any other is asked
// once for each client. Credentials that are replaced for a single call are not seen: say whose they are with [Account].
package awssdk

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/quota"
)

// A Governor decides when each attempt leaves, and learns what became of it. *[botorate.Governor] is one, in this process;
// something else that keeps the same promises can ask a governor elsewhere. Its methods must be safe for concurrent use.
//
// A governor that also has the method Draws(quota.Call) []botorate.Draw, as [Local] does, says itself from which
// buckets a call draws. For others the published table says it.
type Governor interface {
	Wait(ctx context.Context, a botorate.Attempt) (botorate.Pass, error)
	Report(p botorate.Pass, o botorate.Outcome)
	Return(p botorate.Pass)
}

// Local is a governor in this process and the policy whose quotas it keeps. Both must be set.
type Local struct {
	*botorate.Governor
	*quota.Policy
}

// NewGovernor returns a governor for what a user says of AWS's quotas: the share, and rules such as
// [quota.ParseLimits] reads. The zero value of Settings is half of every quota of the published table.
// It may be shared by any number of configs and clients. Errors are of type *[quota.InputError].
func NewGovernor(s quota.Settings) (*Local, error) {
	p, err := quota.NewPolicy(s)
	if err != nil {
		return nil, err
	}
	return newLocal(p), nil
}

func newLocal(p *quota.Policy) *Local {
	return &Local{Governor: botorate.New(botorate.Options{Limit: p.Limit, Partition: quota.Partition}), Policy: p}
}

// Pace paces every client that is made from cfg, or from a copy of it, afterwards. A nil governor means one of the config's own
// for half of every quota ([quota.DefaultShare]); to share a governor, or to say more, see [NewGovernor]. Pacing a config
// again replaces its governor.
func Pace(cfg *aws.Config, g Governor, options ...Option) {
	p := newPacer(g)
	credentials := cfg.Credentials
	p.fallback = newClient(func() aws.CredentialsProvider { return credentials })
	apis := slices.Grow(slices.Clip(cfg.APIOptions), 1+len(options))
	apis = append(apis, func(stack *middleware.Stack) error {
		if s := installed(stack); s != nil {
			s.pacer = p
		}
		return nil
	})
	cfg.APIOptions = append(apis, options...)
	cfg.ServiceOptions = append(slices.Clip(cfg.ServiceOptions), bind)
}

// A pacer is a governor and what it takes to ask it.
type pacer struct {
	governor Governor
	drawer   drawer
	constant bool    // the draws are the same for all calls
	fallback *client // for clients of service modules that are too old to be bound
	inputs   inputs
}

type drawer interface {
	Draws(c quota.Call) []botorate.Draw
}

func newPacer(g Governor) *pacer {
	if g == nil {
		g = newLocal(new(quota.Policy))
	}
	d, ok := g.(drawer)
	if !ok {
		d = new(quota.Policy)
	}
	return &pacer{governor: g, drawer: d}
}

// An Option changes how the calls of a config, of a client or of one call are paced. It is what cfg.APIOptions holds and what
// the function WithAPIOptions of each service takes. Of several of a kind the last wins: a call's before its client's before the
// config's. Options other than [Every] do nothing where nothing is paced.
type Option = func(stack *middleware.Stack) error

// Every lets one attempt out in each interval, whatever it asks for: the original botorate's parameter. It needs no
// governor and replaces the one of the config. The value is the pace: clients that are given the same value take turns. An interval
// that is not positive lets everything out.
func Every(interval time.Duration) Option {
	limit := botorate.Limit{Rate: math.Inf(1), Burst: 1}
	if interval > 0 {
		limit.Rate = float64(time.Second) / float64(interval)
	}
	p := &pacer{
		governor: botorate.New(botorate.Options{Limit: func(botorate.BucketID) botorate.Limit { return limit }}),
		drawer:   oneBucket{{Bucket: botorate.BucketID{Quota: "every " + interval.String()}, Tokens: 1}},
		constant: true,
	}
	return func(stack *middleware.Stack) error {
		if s := installed(stack); s != nil {
			s.pacer = p
		}
		return nil
	}
}

// oneBucket is the draws of an interval.
type oneBucket []botorate.Draw

func (d oneBucket) Draws(quota.Call) []botorate.Draw { return d }

// Tenant says for whom the calls are. Tenants that wait for the same buckets take fair turns. [WithTenant] goes before it.
func Tenant(name string) Option { return set(func(s *step) { s.tenant = name }) }

// Class says how urgent the calls are; [botorate.Batch] if nothing does. [WithClass] goes before it.
func Class(c botorate.Class) Option { return set(func(s *step) { s.class = c }) }

// Account says which account's quotas the calls use, in place of what the credentials tell. It may be any name without a slash.
func Account(id string) Option { return set(func(s *step) { s.account = id }) }

// Observe calls f after each attempt, paced or refused, in the goroutine of the call; it should not block.
func Observe(f func(context.Context, Event)) Option { return set(func(s *step) { s.observe = f }) }

// set returns an option that changes a step that is there already.
func set(change func(*step)) Option {
	return func(stack *middleware.Stack) error {
		if s := stepOf(stack); s != nil {
			change(s)
		}
		return nil
	}
}

// An Event is what happened to one attempt.
type Event struct {
	Call    quota.Call      // what was asked for, by whom
	Draws   []botorate.Draw // what it took; not to be changed
	Attempt int             // 1 for a call's first
	Waited  time.Duration   // how long this attempt was held; zero if it never left
	Left    bool            // false if it was not let out: see Err
	Outcome botorate.Outcome
	Err     error // what the attempt ended with
}

// saidKey is the key in a context of what the program said there.
type saidKey struct{}

// said is what a context says.
type said struct {
	tenant   string
	class    botorate.Class
	tenantOK bool
	classOK  bool
}

// WithTenant returns a context whose calls are for that tenant: see [Tenant].
func WithTenant(ctx context.Context, name string) context.Context {
	return with(ctx, func(s *said) { s.tenant, s.tenantOK = name, true })
}

// WithClass returns a context whose calls are of that class: see [Class].
func WithClass(ctx context.Context, c botorate.Class) context.Context {
	return with(ctx, func(s *said) { s.class, s.classOK = c, true })
}

func with(ctx context.Context, change func(*said)) context.Context {
	var s said
	if before, ok := ctx.Value(saidKey{}).(*said); ok {
		s = *before
	}
	change(&s)
	return context.WithValue(ctx, saidKey{}, &s)
}

// Waited returns for how long the attempts of a call were held in all. Take the metadata from the call's output: its field
// ResultMetadata. It is zero for a call that was not paced.
func Waited(m middleware.Metadata) time.Duration {
	if s, ok := m.Get(waitedKey{}).(*step); ok {
		return s.waited
	}
	return 0
}
