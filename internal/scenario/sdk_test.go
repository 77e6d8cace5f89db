package scenario

import (
	"context"
	"math"
	"slices"
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

// TestDelays holds each SDK to its rules: how many attempts it makes of a call that is always throttled, within which bounds it waits after
// each, and for how many such calls its quota lasts. 500 tokens, five a retry, are a hundred retries.
func TestDelays(t *testing.T) {
	const s = time.Second
	bounds := func(base time.Duration, least float64, most time.Duration, n int) (all [][2]time.Duration) {
		for range n {
			all = append(all, [2]time.Duration{time.Duration(float64(min(base, most)) * least), min(base, most)})
			base *= 2
		}
		return all
	}
	for _, tt := range []struct {
		sdk    string
		waits  [][2]time.Duration
		calls  int // until one is given up early; 0 for never
		header bool
	}{
		{"none", nil, 0, false},
		{"legacy", [][2]time.Duration{{0, 1 * s}, {0, 2 * s}, {0, 4 * s}, {0, 8 * s}}, 0, false},
		{"standard-2025", [][2]time.Duration{{0, 1 * s}, {0, 2 * s}}, 50, false},
		{"standard", [][2]time.Duration{{0, 1 * s}, {0, 2 * s}}, 50, true},
		{"adaptive", [][2]time.Duration{{0, 1 * s}, {0, 2 * s}}, 50, true},
		{"java", [][2]time.Duration{{s / 4, s / 2}, {s / 2, 1 * s}, {1 * s, 2 * s}}, 0, false},
		{"terraform", bounds(s, 0, 300*s, 24), 0, true},
	} {
		t.Run(tt.sdk, func(t *testing.T) {
			cl := &client{sdk: sdks()[tt.sdk], random: sim.Rand(1, tt.sdk), tokens: retryTokens}
			if cl.sdk.obeys != tt.header {
				t.Errorf("obeys x-amz-retry-after: %v", cl.sdk.obeys)
			}
			checkWaits(t, cl, tt.waits)
			if calls := quotaOf(cl, len(tt.waits)); calls != tt.calls {
				t.Errorf("its quota lasts for %d calls, want %d", calls, tt.calls)
			}
		})
	}
}

// checkWaits makes 2,000 calls that are always throttled: the waits after each attempt fill their bounds, and keep them.
func checkWaits(t *testing.T, cl *client, want [][2]time.Duration) {
	t.Helper()
	least, most := slices.Repeat([]time.Duration{time.Hour}, len(want)), make([]time.Duration, len(want))
	for range 2000 {
		cl.tokens = retryTokens
		waits := attemptsOf(cl)
		if len(waits) != len(want) {
			t.Fatalf("%d attempts, want %d", 1+len(waits), 1+len(want))
		}
		for i, w := range waits {
			least[i], most[i] = min(least[i], w), max(most[i], w)
		}
	}
	for i, bounds := range want {
		slack := (bounds[1] - bounds[0]) / 50
		if least[i] < bounds[0] || least[i] > bounds[0]+slack || most[i] > bounds[1] || most[i] < bounds[1]-slack {
			t.Errorf("after attempt %d it waits %v to %v, want %v", i+1, least[i], most[i], bounds)
		}
	}
}

// quotaOf is after how many calls that are always throttled a client gives one up early; 0 if none of 1,000.
func quotaOf(cl *client, retries int) int {
	cl.tokens = retryTokens
	for calls := range 1000 {
		if len(attemptsOf(cl)) < retries {
			return calls
		}
	}
	return 0
}

// attemptsOf are the waits of a call that is always throttled.
func attemptsOf(cl *client) (waits []time.Duration) {
	for n := 1; ; n++ {
		wait, again := cl.retry(n, 0)
		if !again {
			return waits
		}
		waits = append(waits, wait)
	}
}

// TestLongCap: with a cap before the jitter, the longest delays are spread over all of it; with one after it, most are the cap itself.
func TestLongCap(t *testing.T) {
	r := sim.Rand(1, "cap")
	for name, atCap := range map[string]bool{"standard": false, "standard-2025": true} {
		n := 0
		for range 1000 {
			if sdks()[name].delay(r, 10) == 20*time.Second {
				n++
			}
		}
		if (n > 900) != atCap {
			t.Errorf("%s: %d of 1,000 delays are the cap", name, n)
		}
	}
}

// TestModes: AWS_RETRY_MODE=adaptive changes the rules of an SDK that has modes, and limits the rate of all that retry, but nobody else's.
func TestModes(t *testing.T) {
	for _, tt := range []struct {
		sdk, way  string
		neighbour bool
		attempts  int
		adaptive  bool
	}{
		{"legacy", "none", false, 5, false},
		{"legacy", "adaptive", false, 3, true},
		{"java", "adaptive", false, 3, true},
		{"standard", "adaptive", false, 3, true},
		{"terraform", "adaptive", false, 25, true},
		{"legacy", "adaptive", true, 5, false},
		{"adaptive", "none", false, 3, true},
	} {
		var way Way
		if err := way.parse(tt.way); err != nil {
			t.Fatal(err)
		}
		l := &load{Workload: &Workload{SDK: tt.sdk}, w: &world{way: way}, paced: !tt.neighbour}
		if got := l.rules(); got.attempts != tt.attempts || got.adaptive != tt.adaptive {
			t.Errorf("%s under %s, neighbour %v: %d attempts, adaptive %v", tt.sdk, tt.way, tt.neighbour, got.attempts, got.adaptive)
		}
	}
}
