package awssdk_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/google/go-cmp/cmp"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/awssdk"
	"github.com/botorate/botorate/quota"
)

// An access key id of the older half of the accounts, made up.
const (
	keyA     = "AKIARZPUZDIKAFEXAMPL"
	accountA = "123456789012"
)

// A script answers requests in the order of its answers, and then with the last. It is an HTTP client without a network.
type script struct {
	mu      sync.Mutex
	answers []answer
	sent    []*http.Request
	at      []time.Time
}

type answer struct {
	status int
	body   string
	header http.Header
	err    error
}

func (s *script) Do(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent, s.at = append(s.sent, r), append(s.at, time.Now())
	a := answer{status: 200, body: "<R></R>"}
	if n := len(s.answers); n > 0 {
		a = s.answers[min(len(s.sent), n)-1]
	}
	if a.err != nil {
		return nil, a.err
	}
	h := a.header
	if h == nil {
		h = http.Header{}
	}
	return &http.Response{
		StatusCode: a.status, Header: h, Body: io.NopCloser(strings.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: r,
	}, nil
}

func throttle(code string) answer {
	return answer{status: 503, body: "<Response><Errors><Error><Code>" + code + "</Code><Message>no</Message></Error></Errors></Response>"}
}

// spy is a governor that notes what it is told.
type spy struct {
	botorate  *botorate.Governor
	mu        sync.Mutex
	attempts  []botorate.Attempt
	reported  []botorate.Outcome
	returned  int
	waitError error
}

func (s *spy) Wait(ctx context.Context, a botorate.Attempt) (botorate.Pass, error) {
	s.mu.Lock()
	s.attempts = append(s.attempts, a)
	s.mu.Unlock()
	if s.waitError != nil {
		return botorate.Pass{}, s.waitError
	}
	return s.botorate.Wait(ctx, a)
}

func (s *spy) Report(p botorate.Pass, o botorate.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reported = append(s.reported, o)
	s.botorate.Report(p, o)
}

func (s *spy) Return(p botorate.Pass) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.returned++
	s.botorate.Return(p)
}

func newSpy() *spy { return &spy{botorate: botorate.New(botorate.Options{})} }

func config(s *script, key string) aws.Config {
	return aws.Config{
		Region: "eu-west-1", HTTPClient: s,
		Credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(key, "secret", "")),
	}
}

func scope(t *testing.T, a botorate.Attempt) string {
	t.Helper()
	return a.Draws[0].Bucket.Quota + " " + a.Draws[0].Bucket.Scope
}

// TestEachAttempt: every attempt of a call waits and is judged; a later one keeps the place of the first.
func TestEachAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []answer{throttle("RequestLimitExceeded"), throttle("RequestLimitExceeded"), {status: 200, body: "<R></R>"}}}
		s.answers[1].header = http.Header{"X-Amz-Retry-After": {"1500"}}
		cfg, g := config(s, keyA), newSpy()
		awssdk.Pace(&cfg, g)
		began := time.Now()
		if _, err := ec2.NewFromConfig(cfg).DescribeVolumes(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if len(g.attempts) != 3 || len(s.sent) != 3 {
			t.Fatalf("%d attempts waited, %d were sent; want 3", len(g.attempts), len(s.sent))
		}
		for i, a := range g.attempts {
			if got, want := scope(t, a), "ec2:DescribeVolumes unfiltered "+accountA+"/eu-west-1"; got != want {
				t.Errorf("attempt %d drew from %s, want %s", i+1, got, want)
			}
			if want := i > 0; !a.Since.IsZero() != want || want && !a.Since.Equal(began) {
				t.Errorf("attempt %d asks since %v, want the first one's %v", i+1, a.Since, began)
			}
		}
		want := []botorate.Outcome{{Kind: botorate.Throttled}, {Kind: botorate.Throttled, RetryAfter: 1500 * time.Millisecond}, {}}
		if diff := cmp.Diff(want, g.reported); diff != "" {
			t.Errorf("outcomes (-want +got)\n%s", diff)
		}
	})
}

// TestYoungSignature: the request of an attempt that was held is signed when it leaves.
func TestYoungSignature(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		client := ec2.NewFromConfig(config(s, keyA), ec2.WithAPIOptions(awssdk.Every(10*time.Minute)))
		began := time.Now()
		for i := range 3 {
			out, err := client.DescribeRegions(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			left := began.Add(time.Duration(i) * 10 * time.Minute)
			if got, want := s.sent[i].Header.Get("X-Amz-Date"), left.UTC().Format("20060102T150405Z"); got != want {
				t.Errorf("attempt %d was signed at %s, want %s", i+1, got, want)
			}
			want := min(time.Duration(i)*10*time.Minute, 10*time.Minute)
			if got := awssdk.Waited(out.ResultMetadata); got != want {
				t.Errorf("attempt %d says that it was held for %v, want %v", i+1, got, want)
			}
		}
	})
}

// TestPresign: what is not sent is not paced.
func TestPresign(t *testing.T) {
	cfg, g := config(&script{}, keyA), newSpy()
	awssdk.Pace(&cfg, g)
	client := ec2.NewPresignClient(ec2.NewFromConfig(cfg, ec2.WithAPIOptions(awssdk.Every(time.Hour))))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a paced one would fail at once
	defer cancel()
	for range 2 {
		r, err := client.PresignCopySnapshot(ctx, &ec2.CopySnapshotInput{
			SourceRegion: aws.String("eu-west-1"), SourceSnapshotId: aws.String("snap-1"),
		})
		if err != nil || !strings.Contains(r.URL, "X-Amz-Signature=") {
			t.Fatalf("%v, %v", r, err)
		}
	}
	if len(g.attempts) != 0 {
		t.Errorf("%d attempts waited", len(g.attempts))
	}
}

// TestEnded: a context that ends while an attempt is held ends the call at once, with the SDK's own error, and spends nothing.
func TestEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		client := ec2.NewFromConfig(config(s, keyA), ec2.WithAPIOptions(awssdk.Every(time.Hour)))
		call := func(ctx context.Context) error {
			_, err := client.DescribeRegions(ctx, nil)
			return err
		}
		if err := call(t.Context()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		var ended *aws.RequestCanceledError
		if err := call(ctx); !errors.Is(err, context.Canceled) || !errors.As(err, &ended) || time.Since(began) != time.Minute {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var late *botorate.TooLateError
		if err := call(ctx); !errors.As(err, &late) || late.Wait != 59*time.Minute || time.Since(began) != time.Minute {
			t.Errorf("too late: after %v: %v", time.Since(began), err)
		}
		if err := call(t.Context()); err != nil || time.Since(began) != time.Hour || len(s.sent) != 2 {
			t.Errorf("the next left after %v, %d were sent: %v", time.Since(began), len(s.sent), err)
		}
	})
}

// TestTooLateOnce: no retryer tries again what could only be later.
func TestTooLateOnce(t *testing.T) {
	eager := retry.NewStandard(func(o *retry.StandardOptions) {
		o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(func(error) aws.Ternary { return aws.TrueTernary }))
	})
	for name, retryer := range map[string]aws.Retryer{
		"standard": retry.NewStandard(), "adaptive": retry.NewAdaptiveMode(), "nop": aws.NopRetryer{}, "eager": eager,
	} {
		cfg, g := config(&script{}, keyA), newSpy()
		g.waitError = &botorate.TooLateError{Wait: time.Second}
		cfg.Retryer = func() aws.Retryer { return retryer }
		awssdk.Pace(&cfg, g)
		_, err := ec2.NewFromConfig(cfg).DescribeRegions(t.Context(), nil)
		var late *botorate.TooLateError
		if !errors.As(err, &late) || len(g.attempts) != 1 {
			t.Errorf("%s: %d attempts: %v", name, len(g.attempts), err)
		}
	}
}

func TestOutcomes(t *testing.T) {
	coded := func(status int, code, message string) answer {
		return answer{status: status, body: "<Response><Errors><Error><Code>" + code + "</Code><Message>" + message + "</Message></Error></Errors></Response>"}
	}
	tests := []struct {
		name     string
		answer   answer
		want     []botorate.Outcome
		returned int
	}{
		{"answered", answer{status: 200, body: "<R></R>"}, []botorate.Outcome{{}}, 0},
		{"refused", coded(403, "UnauthorizedOperation", "no"), []botorate.Outcome{{}}, 0},
		{"broken", coded(500, "InternalError", "no"), []botorate.Outcome{{}}, 0},
		{"false friend", coded(400, "LimitExceededException", "no"), []botorate.Outcome{{}}, 0},
		{"throttled", coded(503, "EC2ThrottledException", "no"), []botorate.Outcome{{Kind: botorate.Throttled}}, 0},
		{"incident", coded(503, "Throttling", "An Operational Issue"), []botorate.Outcome{{Kind: botorate.Throttled, Incident: true}}, 0},
		{"no code", answer{status: 429}, []botorate.Outcome{{Kind: botorate.Throttled}}, 0},
		{"no answer", answer{err: io.ErrUnexpectedEOF}, []botorate.Outcome{{Kind: botorate.Failed}}, 0},
		{"never sent", answer{err: &net.OpError{Op: "dial", Err: errors.New("refused")}}, nil, 1},
	}
	for _, tt := range tests {
		cfg, g := config(&script{answers: []answer{tt.answer}}, keyA), newSpy()
		cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
		awssdk.Pace(&cfg, g)
		_, err := ec2.NewFromConfig(cfg).DescribeRegions(t.Context(), nil)
		if (err == nil) != (tt.answer.status == 200) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.want, g.reported); diff != "" || g.returned != tt.returned {
			t.Errorf("%s: %d returned, want %d; outcomes (-want +got)\n%s", tt.name, g.returned, tt.returned, diff)
		}
	}
}

// TestNoCredentials: a call that fails before it is sent gives its tokens back, and its error is the SDK's own.
func TestNoCredentials(t *testing.T) {
	cfg, g := config(&script{}, keyA), newSpy()
	unpaced := cfg.Copy()
	broken := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, errors.New("no keys") })
	cfg.Credentials, unpaced.Credentials = broken, broken
	awssdk.Pace(&cfg, g)
	_, want := ec2.NewFromConfig(unpaced).DescribeRegions(t.Context(), nil)
	_, got := ec2.NewFromConfig(cfg).DescribeRegions(t.Context(), nil)
	if got == nil || want == nil || got.Error() != want.Error() || g.returned != 1 || len(g.reported) != 0 {
		t.Errorf("%d returned, %d reported; got %v; want %v", g.returned, len(g.reported), got, want)
	}
}

// TestSaid: options of config, client and call, and the context.
func TestSaid(t *testing.T) {
	cfg, g := config(&script{}, keyA), newSpy()
	var events []awssdk.Event
	awssdk.Pace(&cfg, g, awssdk.Tenant("config"), awssdk.Observe(func(_ context.Context, e awssdk.Event) { events = append(events, e) }))
	client := ec2.NewFromConfig(cfg, ec2.WithAPIOptions(awssdk.Tenant("client")))
	plain := func(ctx context.Context) context.Context { return ctx }
	told := func(ctx context.Context) context.Context {
		return awssdk.WithClass(awssdk.WithTenant(ctx, "context"), botorate.Interactive)
	}
	tests := []struct {
		ctx     func(context.Context) context.Context
		client  *ec2.Client
		options []func(*ec2.Options)
		want    botorate.Attempt
		scope   string
	}{
		{plain, ec2.NewFromConfig(cfg), nil, botorate.Attempt{Tenant: "config"}, accountA},
		{plain, client, nil, botorate.Attempt{Tenant: "client"}, accountA},
		{
			plain, client,
			[]func(*ec2.Options){ec2.WithAPIOptions(awssdk.Tenant("call"), awssdk.Class(botorate.Interactive), awssdk.Account("other"))},
			botorate.Attempt{Tenant: "call", Class: botorate.Interactive},
			"other",
		},
		{told, client, nil, botorate.Attempt{Tenant: "context", Class: botorate.Interactive}, accountA},
	}
	for i, tt := range tests {
		if _, err := tt.client.DescribeRegions(tt.ctx(t.Context()), nil, tt.options...); err != nil {
			t.Fatal(err)
		}
		got := g.attempts[i]
		if want := "ec2:DescribeRegions " + tt.scope + "/eu-west-1"; scope(t, got) != want {
			t.Errorf("%d: drew from %s, want %s", i, scope(t, got), want)
		}
		got.Draws = nil
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%d (-want +got)\n%s", i, diff)
		}
		if e := events[i]; e.Attempt != 1 || !e.Left || e.Call.Operation != "DescribeRegions" || e.Call.Account != tt.scope || len(e.Draws) != 1 || e.Err != nil {
			t.Errorf("%d: the observer was told %+v", i, e)
		}
	}
}

// TestAlone: an option on a client whose config isn't paced.
func TestAlone(t *testing.T) {
	s := &script{}
	client := ec2.NewFromConfig(config(s, keyA), ec2.WithAPIOptions(awssdk.Tenant("alone"), awssdk.Account("other")))
	if _, err := client.DescribeRegions(t.Context(), nil); err != nil || len(s.sent) != 1 {
		t.Errorf("%d sent: %v", len(s.sent), err)
	}
}

// TestShare: without a governor half of each quota is ours; settings say otherwise.
func TestShare(t *testing.T) {
	limits, err := quota.ParseLimits(map[string]string{"ec2:Describe*": "100ms", "iam:*": "5/s"}, "test")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		settings *quota.Settings
		want     time.Duration
	}{
		{"no governor", nil, 2150 * time.Millisecond}, // the burst is 29.5: see quota.Quota.Limit; then 10/s
		{"share", &quota.Settings{Share: 0.8}, 0},     // the burst is 59.2
		{"rules", &quota.Settings{Rules: limits}, 5 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if took := timed(t, tt.settings).Round(time.Millisecond); took != tt.want {
					t.Errorf("took %v, want %v", took, tt.want)
				}
			})
		})
	}
}

// timed returns how long 51 calls take; without settings, without a governor.
func timed(t *testing.T, settings *quota.Settings) time.Duration {
	t.Helper()
	var g awssdk.Governor
	if settings != nil {
		local, err := awssdk.NewGovernor(*settings)
		if err != nil {
			t.Fatal(err)
		}
		g = local
	}
	cfg := config(&script{}, keyA)
	awssdk.Pace(&cfg, g)
	client, began := ec2.NewFromConfig(cfg), time.Now()
	for range 51 {
		if _, err := client.DescribeRegions(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(began)
}
