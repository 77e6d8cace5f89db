package scenario

import (
	"cmp"
	"math/rand/v2"
	"time"
)

// An sdk is the rules by which an AWS SDK repeats throttled attempts.
//
// They are written anew here, since the SDKs' own take their jitter from the system's randomness and their time from its clock. A test
// holds them to aws-sdk-go-v2's code, which follows the same specification
// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html, read 2026-11-23).
type sdk struct {
	attempts int           // the most attempts of a call
	base     time.Duration // of the delays; 0 means a second
	most     time.Duration // the longest delay
	jitter   jitter
	quota    bool          // a throttled call takes retryCost of retryTokens, and stops retrying when they are spent
	obeys    bool          // x-amz-retry-after is obeyed
	adaptive bool          // limits its own rate
	modes    bool          // AWS_RETRY_MODE chooses other rules
	hold     time.Duration // how long botorate holds one of its attempts: see the proxy's holdBound
}

// A jitter says how the delay before retry n, from 0, is drawn. Where it says 2^n s, an SDK with a base of its own has that times 2^n.
type jitter uint8

const (
	capAfter  jitter = iota // min(most, rand × 2^n s)
	capBefore               // rand × min(most, 2^n s)
	halfFixed               // (1/2 + rand/2) × min(most, 2^n s)
)

const (
	retryTokens = 500
	retryCost   = 5
	obeyMost    = 5 * time.Second // beyond the SDK's own delay
)

// Signatures are held for four minutes at most, Java's client waits for 30 s.
const (
	holdSignature = 4 * time.Minute
	holdJava      = 25 * time.Second
)

// sdks are the SDKs that a workload can use, by name.
func sdks() map[string]*sdk {
	return map[string]*sdk{
		// botocore's default before 1.44, and ScoutSuite's.
		"legacy": {attempts: 5, most: time.Hour, jitter: capAfter, modes: true, hold: holdSignature},
		// What most SDKs did until 2026-11-10.
		"standard-2025": {attempts: 3, most: 20 * time.Second, jitter: capAfter, quota: true, modes: true, hold: holdSignature},
		// The default of every SDK since.
		"standard": {attempts: 3, most: 20 * time.Second, jitter: capBefore, quota: true, obeys: true, modes: true, hold: holdSignature},
		// The AWS SDK for Java 2's default, LEGACY, in which throttles take nothing of the quota
		// (https://github.com/aws/aws-sdk-java-v2 core/retries DefaultRetryStrategy.java at 25787b38, read 2026-11-24).
		"java":     {attempts: 4, base: 500 * time.Millisecond, most: 20 * time.Second, jitter: halfFixed, modes: true, hold: holdJava},
		"adaptive": {attempts: 3, most: 20 * time.Second, jitter: capBefore, quota: true, obeys: true, adaptive: true, hold: holdSignature},
		// The Terraform provider: 25 attempts, no quota, up to 300 s.
		"terraform": {attempts: 25, most: 300 * time.Second, jitter: capBefore, obeys: true, hold: holdSignature},
		"none":      {attempts: 1, hold: holdSignature},
	}
}

// rules are those by which the workload repeats. AWS_RETRY_MODE=adaptive is a choice of other rules in SDKs that have modes; a program that
// sets rules of its own keeps them, and only its rate is limited.
func (l *load) rules() *sdk {
	s := sdks()[l.SDK]
	if !l.paced || l.w.way.Kind != wayAdaptive {
		return s
	}
	if s.modes {
		return sdks()["adaptive"]
	}
	s.adaptive = true
	return s
}

// delay is how long to wait after a throttled attempt n, from 1.
func (s *sdk) delay(r *rand.Rand, n int) time.Duration {
	whole := cmp.Or(s.base, time.Second) << min(n-1, 20)
	if s.jitter != capAfter {
		whole = min(whole, s.most)
	}
	part := r.Float64()
	if s.jitter == halfFixed {
		part = 0.5 + float64(part/2)
	}
	return min(s.most, time.Duration(float64(whole)*part))
}

// retry decides whether attempt n, from 1, is followed by another, and after which wait.
func (cl *client) retry(n int, retryAfter time.Duration) (wait time.Duration, again bool) {
	s := cl.sdk
	if n >= s.attempts {
		return 0, false
	}
	if s.quota {
		if cl.tokens < retryCost {
			return 0, false
		}
		cl.tokens -= retryCost
	}
	wait = s.delay(cl.random, n)
	if s.obeys && retryAfter > 0 {
		wait = min(max(retryAfter, wait), wait+obeyMost)
	}
	return wait, true
}

// succeeded gives tokens back: what the last retry took, or one for an answer at once.
func (cl *client) succeeded(c *call) {
	back := 1
	if c.attempt > 1 {
		back = retryCost
	}
	cl.tokens = min(retryTokens, cl.tokens+back)
}
