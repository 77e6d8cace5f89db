package pacers

import (
	"context"
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/failsafe-go/failsafe-go/ratelimiter"
	uber "go.uber.org/ratelimit"
	"golang.org/x/time/rate"
	"k8s.io/client-go/util/flowcontrol"

	"github.com/botorate/botorate"
)

// A pacer is one bucket.
type pacer interface {
	Wait(ctx context.Context) error
}

// A rerater can be given another rate while attempts wait.
type rerater interface {
	setRate(perSecond float64)
}

// A deadliner is told deadlines apart from the context.
type deadliner interface {
	waitUntil(ctx context.Context, deadline time.Time) error
}

// A peer makes pacers. Where it has no buckets of a size, or takes no context, it is used as it is meant to be.
type peer struct {
	name    string
	make    func(perSecond float64, burst int) pacer
	context bool // Wait ends with its context
}

const (
	ours  = "botorate"
	xtime = "x/time/rate"
	// freeOnly is the SDK's own limiter: it finds its rate by itself and can't be given one, so that only a free attempt is the same work.
	freeOnly = "SDK adaptive"
)

func peers() []peer {
	return []peer{
		{ours, func(r float64, burst int) pacer { return newGovernor(r, burst, 1) }, true},
		{xtime, func(r float64, burst int) pacer { return xtimeLimiter{rate.NewLimiter(rate.Limit(r), burst)} }, true},
		{"uber", newUber, false},
		{"client-go", func(r float64, burst int) pacer { return flowcontrol.NewTokenBucketRateLimiter(float32(r), burst) }, true},
		{"failsafe", newFailsafe, true},
		{freeOnly, func(float64, int) pacer { return adaptive{retry.NewAdaptiveMode()} }, true},
	}
}

// paced returns the peers that can be given a rate.
func paced() (out []peer) {
	for _, p := range peers() {
		if p.name != freeOnly {
			out = append(out, p)
		}
	}
	return out
}

// A governor draws a token from each of its buckets.
type governor struct {
	*botorate.Governor
	draws []botorate.Draw
}

func newGovernor(perSecond float64, burst, buckets int) *governor {
	limit := func(botorate.BucketID) botorate.Limit {
		return botorate.Limit{Rate: perSecond, Burst: float64(burst)}
	}
	g := &governor{Governor: botorate.New(botorate.Options{Limit: limit})}
	for _, layer := range []string{"ec2:DescribeSnapshots", "ec2:account", "ec2:all"}[:buckets] {
		id := botorate.BucketID{Quota: layer, Scope: "123456789012/eu-west-1"}
		g.draws = append(g.draws, botorate.Draw{Bucket: id, Tokens: 1})
	}
	return g
}

func (g *governor) Wait(ctx context.Context) error {
	_, err := g.Governor.Wait(ctx, botorate.Attempt{Draws: g.draws})
	return err
}

func (g *governor) waitUntil(ctx context.Context, deadline time.Time) error {
	_, err := g.Governor.Wait(ctx, botorate.Attempt{Draws: g.draws, Deadline: deadline})
	return err
}

func (g *governor) setRate(perSecond float64) {
	for _, d := range g.draws {
		g.SetLimit(d.Bucket, botorate.Limit{Rate: perSecond, Burst: 1})
	}
}

type xtimeLimiter struct{ *rate.Limiter }

func (l xtimeLimiter) setRate(perSecond float64) { l.SetLimit(rate.Limit(perSecond)) }

type uberLimiter struct{ uber.Limiter }

func newUber(perSecond float64, burst int) pacer {
	per := time.Second
	for perSecond < 1 {
		perSecond, per = perSecond*10, per*10
	}
	return uberLimiter{uber.New(int(perSecond), uber.Per(per), uber.WithSlack(burst-1))}
}

func (l uberLimiter) Wait(context.Context) error {
	l.Take()
	return nil
}

type failsafeLimiter struct{ ratelimiter.RateLimiter[any] }

// newFailsafe has two kinds: only the one that lets a burst out at the start of each period knows bursts.
func newFailsafe(perSecond float64, burst int) pacer {
	if burst > 1 {
		return failsafeLimiter{ratelimiter.NewBursty[any](uint(burst), time.Duration(float64(burst)/perSecond*1e9))}
	}
	interval := time.Duration(math.Max(1, 1e9/perSecond))
	return failsafeLimiter{ratelimiter.NewSmoothWithMaxRate[any](interval)}
}

func (l failsafeLimiter) Wait(ctx context.Context) error { return l.AcquirePermit(ctx) }

// adaptive is an attempt of the AWS SDK's adaptive mode that was never throttled.
type adaptive struct{ *retry.AdaptiveMode }

func (a adaptive) Wait(ctx context.Context) error {
	release, err := a.GetAttemptToken(ctx)
	if err != nil {
		return err
	}
	return release(nil)
}
