package adaptive

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/botorate/botorate/internal/sim"
	"github.com/botorate/botorate/internal/trial"
)

// The SDK's adaptive mode is its real code: each governor is a retry.AdaptiveMode, and each call goes through the SDK's own retry loop
// with its defaults of three attempts and exponential backoff. A call that has failed after three is made again, by a caller who wants
// an answer, and its wait goes on. Goroutines call in virtual time.

// A trialRun is one trial of the SDK.
type trialRun struct {
	scenario trial.Scenario
	start    time.Time

	mu     sync.Mutex
	rng    *rand.Rand
	server *trial.Server
	score  trial.Score
	waits  []time.Duration
}

// runSDK plays the scenario once, as [trial.Run] does. What the SDK draws at random is not the seed's.
func runSDK(t *testing.T, s trial.Scenario, seed uint64) (score trial.Score) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		rng := sim.Rand(seed, "")
		r := &trialRun{scenario: s, start: time.Now(), rng: rng}
		r.server = trial.NewServer(s.Refill, s.Capacity, time.Duration(rng.Float64()*float64(trial.Step)))
		ctx, cancel := context.WithDeadline(t.Context(), r.start.Add(trial.Length))
		defer cancel()
		r.play(ctx)
		score = r.finish()
	})
	return score
}

// play returns when the time is over.
func (r *trialRun) play(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	for _, load := range r.scenario.Others {
		arrivals := load.Arrivals(rand.New(rand.NewPCG(r.rng.Uint64(), 1)))
		all.Go(func() {
			for at := range arrivals {
				if !r.sleepUntil(ctx, at) {
					return
				}
				r.other()
			}
		})
	}
	var retryers []*retry.Attempt
	for range max(1, r.scenario.Governors) {
		retryers = append(retryers, retry.NewAttemptMiddleware(retry.NewAdaptiveMode(), func(request any) any { return request }))
	}
	for i := range r.scenario.Callers {
		first, rng := time.Duration(r.random()*float64(trial.RTT)), rand.New(rand.NewPCG(r.rng.Uint64(), 2))
		all.Go(func() {
			if r.sleepUntil(ctx, first) {
				r.call(rounded{ctx}, retryers[i%len(retryers)], rng)
			}
		})
	}
	if r.scenario.Later > 0 && r.sleepUntil(ctx, trial.Length/2) {
		r.mu.Lock()
		r.server.SetRefill(r.now(), r.scenario.Later)
		r.mu.Unlock()
	}
}

func (r *trialRun) now() time.Duration { return time.Since(r.start) }

func (r *trialRun) random() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rng.Float64()
}

func (r *trialRun) sleepUntil(ctx context.Context, at time.Duration) bool {
	select {
	case <-time.After(at - r.now()):
		return true
	case <-ctx.Done():
		return false
	}
}

// other is an attempt of somebody else's.
func (r *trialRun) other() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.score.OtherSent++
	if !r.server.Take(r.now()) {
		r.score.OtherRefused++
	}
}

// call makes one call after another until the time is over.
func (r *trialRun) call(ctx context.Context, retryer *retry.Attempt, rng *rand.Rand) {
	for since := r.now(); ctx.Err() == nil; {
		var left time.Duration
		send := func(context.Context, middleware.FinalizeInput) (out middleware.FinalizeOutput, _ middleware.Metadata, err error) {
			left = r.now()
			return out, middleware.Metadata{}, r.send(rng)
		}
		_, _, err := retryer.HandleFinalize(ctx, middleware.FinalizeInput{}, middleware.FinalizeHandlerFunc(send))
		if err != nil {
			continue
		}
		r.mu.Lock()
		r.waits = append(r.waits, left-since)
		r.mu.Unlock()
		since = r.now()
	}
}

// send goes to the server and back.
func (r *trialRun) send(rng *rand.Rand) error {
	r.mu.Lock()
	r.score.Sent++
	r.mu.Unlock()
	time.Sleep(time.Duration(float64(trial.RTT) / 2 * (0.8 + 0.4*rng.Float64())))
	r.mu.Lock()
	ok := r.now() < trial.Length && r.server.Take(r.now())
	r.mu.Unlock()
	time.Sleep(trial.RTT / 2)
	if ok {
		return nil
	}
	if r.now() < trial.Length {
		r.mu.Lock()
		r.score.Throttled++
		r.mu.Unlock()
	}
	return &smithy.GenericAPIError{Code: "RequestLimitExceeded", Message: "Request limit exceeded."}
}

func (r *trialRun) finish() trial.Score {
	r.score.Free = r.server.Given(trial.Length) - float64(r.score.OtherSent-r.score.OtherRefused)
	slices.Sort(r.waits)
	if n := len(r.waits); n > 0 {
		r.score.P99Wait, r.score.MaxWait = r.waits[n*99/100], r.waits[n-1]
	}
	return r.score
}

// rounded makes every wait of the SDK take at least a microsecond. Its adaptive mode can answer that there is no token, and that the wait
// for one is 0 ns; it then asks again at once, and in virtual time no time passes while somebody asks. The SDK's sleep looks at Done
// after it has set its timer, so that this delays no longer wait.
type rounded struct{ context.Context } //nolint:containedctx // it is a context

func (c rounded) Done() <-chan struct{} {
	time.Sleep(time.Microsecond)
	return c.Context.Done()
}
