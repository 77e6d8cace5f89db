package scenario

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"github.com/botorate/botorate/internal/sim"
)

func errThrottled() error {
	return &smithy.GenericAPIError{Code: "RequestLimitExceeded"}
}

// TestAdaptive runs the SDK's adaptive mode beside ours, answer by answer, on the SDK's own clock.
func TestAdaptive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := sim.Rand(1, "adaptive")
		theirs, ours := retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) { o.FailOnNoAttemptTokens = true }), newAdaptive(time.Now())
		refused, waited := 0, 0
		for i := range 20_000 {
			time.Sleep(time.Duration(r.Int64N(100_000_000)))
			release, err := theirs.GetAttemptToken(context.Background())
			if got := ours.acquire(time.Now()); (got > 0) != (err != nil) {
				t.Fatalf("attempt %d: ours waits %v, the SDK refuses a token: %v", i, got, err)
			}
			if err != nil {
				waited++
				continue
			}
			var outcome error
			if (i/500)%2 == 0 && r.Int64N(4) == 0 { // times of throttles, and times without
				outcome = errThrottled()
				refused++
			}
			if err := release(outcome); err != nil {
				t.Fatal(err)
			}
			ours.update(time.Now(), outcome != nil)
		}
		if refused < 300 || waited < 1000 {
			t.Errorf("only %d throttles and %d waits: the test shows little", refused, waited)
		}
	})
}

// TestStandard compares attempts, quota and the bounds of the delays with the SDK's own standard mode.
func TestStandard(t *testing.T) {
	theirs := retry.NewStandard()
	s := sdks()["standard"]
	if got := theirs.MaxAttempts(); got != s.attempts {
		t.Errorf("the SDK makes %d attempts, ours %d", got, s.attempts)
	}
	r := sim.Rand(1, "standard")
	for n := 1; n <= 8; n++ {
		var most, ourMost time.Duration
		for range 3000 {
			d, err := theirs.RetryDelay(n, errThrottled())
			if err != nil {
				t.Fatal(err)
			}
			most, ourMost = max(most, d), max(ourMost, s.delay(r, n))
		}
		if ratio := float64(ourMost) / float64(most); math.Abs(ratio-1) > 0.02 {
			t.Errorf("retry %d: the longest of 3,000 delays is %v, the SDK's %v", n, ourMost, most)
		}
	}
}

// TestRetryQuota spends and gives back the tokens of both, step by step.
func TestRetryQuota(t *testing.T) {
	theirs := retry.NewStandard()
	cl := &client{sdk: &sdk{attempts: 1000, quota: true}, random: sim.Rand(1, "quota"), tokens: retryTokens}
	answered := func(release func(error) error, attempt int) {
		t.Helper()
		if err := release(nil); err != nil {
			t.Fatal(err)
		}
		cl.succeeded(&call{attempt: attempt})
	}
	for i := range 400 {
		_, again := cl.retry(1, 0)
		giveBack, err := theirs.GetRetryToken(context.Background(), errThrottled())
		if again != (err == nil) {
			t.Fatalf("retry %d: ours %v, the SDK %v", i, again, err)
		}
		if err == nil && i%3 == 0 {
			answered(giveBack, 2)
		}
		if i%7 == 0 { // another call is answered at once
			first, err := theirs.GetAttemptToken(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			answered(first, 1)
		}
	}
	if cl.tokens >= retryTokens/2 {
		t.Errorf("%d tokens are left: the test shows little", cl.tokens)
	}
}

// TestRetryAfter: what an answer asks for is obeyed, but not beyond the SDK's own delay and five seconds, and by those only that know the header.
func TestRetryAfter(t *testing.T) {
	for _, tt := range []struct {
		sdk         string
		asked       time.Duration
		least, most time.Duration
	}{
		{"standard", 500 * time.Millisecond, 500 * time.Millisecond, time.Second},
		{"standard", time.Minute, 5 * time.Second, 6 * time.Second},
		{"standard-2025", time.Minute, 0, time.Second},
		{"legacy", time.Minute, 0, time.Second},
	} {
		cl := &client{sdk: sdks()[tt.sdk], random: sim.Rand(1, "x"), tokens: retryTokens}
		for range 100 {
			wait, again := cl.retry(1, tt.asked)
			if !again || wait < tt.least || wait > tt.most {
				t.Fatalf("%s, asked for %v: waits %v, %v; want %v to %v", tt.sdk, tt.asked, wait, again, tt.least, tt.most)
			}
			cl.tokens = retryTokens
		}
	}
}

// TestLegacy: five attempts, with up to 1, 2, 4 and 8 s between them.
func TestLegacy(t *testing.T) {
	cl := &client{sdk: sdks()["legacy"], random: sim.Rand(1, "legacy")}
	for n := 1; n <= 4; n++ {
		var most time.Duration
		for range 1000 {
			wait, again := cl.retry(n, 0)
			if !again {
				t.Fatalf("no retry after attempt %d", n)
			}
			most = max(most, wait)
		}
		if bound := time.Second << (n - 1); most > bound || most < bound*9/10 {
			t.Errorf("after attempt %d up to %v, want nearly %v", n, most, bound)
		}
	}
	if _, again := cl.retry(5, 0); again {
		t.Error("a sixth attempt")
	}
}
