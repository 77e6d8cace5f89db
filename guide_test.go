package botorate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/botorate/botorate"
)

// The programs of docs/pacing-anything.md, and their tests: see TestGuide.

// ---- An HTTP API ----

// A pacedTransport sends each request when its service's bucket has a token.
type pacedTransport struct {
	governor *botorate.Governor
	next     http.RoundTripper
}

func (t *pacedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	attempt := botorate.Attempt{
		Draws: []botorate.Draw{{Bucket: botorate.BucketID{Quota: "requests", Scope: req.URL.Host}, Tokens: 1}},
		Since: time.Now(), // another attempt of this call keeps the place of the first
	}
	if deadline, ok := req.Context().Deadline(); ok {
		attempt.Deadline = deadline // refused at once if it can't be met
	}
	for {
		pass, err := t.governor.Wait(req.Context(), attempt)
		if err != nil {
			if req.Body != nil {
				_ = req.Body.Close() // a RoundTripper's duty
			}
			return nil, err
		}
		resp, err := t.next.RoundTrip(req)
		outcome := judge(resp, err)
		t.governor.Report(pass, outcome)
		if outcome.Kind != botorate.Throttled || req.Body != nil {
			return resp, err
		}
		_ = resp.Body.Close() // refused, and without a body of its own: it can wait again
	}
}

// judge says what an answer means to the bucket.
func judge(resp *http.Response, err error) botorate.Outcome {
	switch {
	case err != nil:
		return botorate.Outcome{Kind: botorate.Failed} // says nothing about the rate
	case resp.StatusCode == http.StatusTooManyRequests:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return botorate.Outcome{Kind: botorate.Throttled, RetryAfter: time.Duration(seconds) * time.Second}
	default:
		return botorate.Outcome{Kind: botorate.OK}
	}
}

// A service takes 2 requests a second, 5 at once, and tells others when to come again.
type service struct {
	mu       sync.Mutex
	tokens   float64
	at       time.Time
	answered int
	refused  int
}

func (s *service) RoundTrip(*http.Request) (*http.Response, error) {
	time.Sleep(50 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() {
		s.tokens, s.at = 5, time.Now()
	}
	s.tokens, s.at = min(5, s.tokens+2*time.Since(s.at).Seconds()), time.Now()
	resp := &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Header: http.Header{}}
	if s.tokens < 1 {
		s.refused++
		resp.StatusCode = http.StatusTooManyRequests
		resp.Header.Set("Retry-After", "2")
		return resp, nil
	}
	s.tokens--
	s.answered++
	return resp, nil
}

// Twenty callers share a limit that is believed to be twice what it is: none of them sees a refusal.
func TestGuideHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := new(service)
		governor := botorate.New(botorate.Options{
			Limit: func(botorate.BucketID) botorate.Limit { return botorate.Limit{Rate: 4, Burst: 5} },
		})
		client := &http.Client{Transport: &pacedTransport{governor, api}}
		var wait sync.WaitGroup
		for range 20 {
			wait.Go(func() {
				for range 5 {
					resp, err := client.Get("https://api.example.com/")
					if err != nil {
						t.Error(err)
						return
					}
					_ = resp.Body.Close()
					if resp.StatusCode != http.StatusOK {
						t.Errorf("status %d reached a caller", resp.StatusCode)
					}
				}
			})
		}
		wait.Wait()
		if api.answered != 100 || api.refused == 0 || api.refused > 25 {
			t.Errorf("%d answered and %d refused, want 100, and some", api.answered, api.refused)
		}
	})
}

// An attempt that can't leave before its context ends is refused at once, and its body closed.
func TestGuideHTTPDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		governor := botorate.New(botorate.Options{})
		client := &http.Client{Transport: &pacedTransport{governor, new(service)}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		governor.Pause(botorate.BucketID{Quota: "requests", Scope: "api.example.com"}, time.Now().Add(time.Minute))
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.example.com/", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		var late *botorate.TooLateError
		if resp, err := client.Do(req); !errors.As(err, &late) { //nolint:bodyclose // there is none
			t.Errorf("%v, %v; want that it is too late", resp, err)
		}
	})
}

// ---- GitHub ----

// gitHub says what each bucket lets out, for one token each.
func gitHub(id botorate.BucketID) botorate.Limit {
	switch id.Quota {
	case "points": // 900 in any minute: 300 at once and 600 a minute
		return botorate.Limit{Rate: 10, Burst: 300}
	case "content": // 80 in any minute
		return botorate.Limit{Rate: 1, Burst: 20}
	default: // "requests": 5,000 in an hour
		return botorate.Limit{Rate: 4500.0 / 3600, Burst: 500}
	}
}

// gitHubDraws returns what a request takes: all of it, or it waits.
func gitHubDraws(token, method string) []botorate.Draw {
	draw := func(quota string, tokens float64) botorate.Draw {
		return botorate.Draw{Bucket: botorate.BucketID{Quota: quota, Scope: token}, Tokens: tokens}
	}
	if method == http.MethodGet || method == http.MethodHead {
		return []botorate.Draw{draw("requests", 1), draw("points", 1)}
	}
	return []botorate.Draw{draw("requests", 1), draw("points", 5), draw("content", 1)}
}

// heed takes in what GitHub says of the hour that goes on.
func heed(g *botorate.Governor, token string, h http.Header) {
	reset, err := strconv.ParseInt(h.Get("X-Ratelimit-Reset"), 10, 64)
	if err == nil && h.Get("X-Ratelimit-Remaining") == "0" {
		g.Pause(botorate.BucketID{Quota: "requests", Scope: token}, time.Unix(reset, 0))
	}
}

// mostIn returns the largest sum of what happened by the second, in any window.
func mostIn(window time.Duration, of map[time.Duration]int) (most int) {
	sum, last := 0, time.Duration(0)
	for at := range of {
		last = max(last, at)
	}
	for at := time.Duration(0); at <= last; at += time.Second {
		sum += of[at] - of[at-window]
		most = max(most, sum)
	}
	return most
}

// Neither limit is ever exceeded, in any hour or minute, whoever asks for as much as there is.
func TestGuideGitHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		g := botorate.New(botorate.Options{Limit: gitHub})
		var mu sync.Mutex
		requests, points := map[time.Duration]int{}, map[time.Duration]int{} // by second
		start := time.Now()
		var wait sync.WaitGroup
		for i := range 4 {
			method, cost := http.MethodGet, 1
			if i == 0 {
				method, cost = http.MethodPost, 5
			}
			wait.Go(func() {
				for {
					pass, err := g.Wait(ctx, botorate.Attempt{Draws: gitHubDraws("token", method)})
					if err != nil {
						return
					}
					mu.Lock()
					at := pass.Left.Sub(start).Truncate(time.Second)
					requests[at]++
					points[at] += cost
					mu.Unlock()
				}
			})
		}
		wait.Wait()
		if hour, minute := mostIn(time.Hour, requests), mostIn(time.Minute, points); hour > 5000 || hour < 4990 || minute > 900 {
			t.Errorf("%d requests in an hour and %d points in a minute, want at most 5,000 and 900", hour, minute)
		}
		heed(g, "token", http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)}})
		late := botorate.Attempt{Draws: gitHubDraws("token", http.MethodGet), Deadline: time.Now().Add(50 * time.Minute)}
		if _, err := g.Wait(t.Context(), late); err == nil {
			t.Error("a request left though GitHub said that nothing remained")
		}
	})
}

// ---- A mail relay ----

// A mail waits for the relay, which counts recipients, and for the domain that it goes to, which counts connections.
func mailAttempt(relay, domain, team string, recipients int, urgent bool) botorate.Attempt {
	a := botorate.Attempt{
		Draws: []botorate.Draw{
			{Bucket: botorate.BucketID{Quota: "recipients", Scope: relay}, Tokens: float64(recipients)},
			{Bucket: botorate.BucketID{Quota: "connections", Scope: domain}, Tokens: 1},
		},
		Tenant: team,
	}
	if urgent {
		a.Class = botorate.Interactive
	}
	return a
}

// mailOutcome reads what a server said: 421, 450 and 451 are how most of them say "slower".
func mailOutcome(err error) botorate.Outcome {
	var answer *textproto.Error
	switch {
	case err == nil:
		return botorate.Outcome{Kind: botorate.OK}
	case !errors.As(err, &answer):
		return botorate.Outcome{Kind: botorate.Failed}
	case answer.Code == 421 || answer.Code == 450 || answer.Code == 451:
		return botorate.Outcome{Kind: botorate.Throttled}
	default:
		return botorate.Outcome{Kind: botorate.OK} // refused for another reason: it was counted all the same
	}
}

// A password reset does not wait behind a newsletter of 1,000, and two newsletters get equal turns.
func TestGuideMail(t *testing.T) {
	s := botorate.NewScheduler(botorate.Options{
		Limit: func(id botorate.BucketID) botorate.Limit {
			if id.Quota == "connections" {
				return botorate.Limit{Rate: 100, Burst: 10}
			}
			return botorate.Limit{Rate: 10, Burst: 50}
		},
	})
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	submit := func(name string, a botorate.Attempt) {
		if err := s.Submit(now, &botorate.Ticket{Owner: name}, a); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		submit("sales", mailAttempt("relay", "example.com", "sales", 50, false))
	}
	for range 20 {
		submit("news", mailAttempt("relay", "example.com", "news", 50, false))
	}
	submit("reset", mailAttempt("relay", "example.com", "login", 1, true))
	var order []string
	for ok := true; ok && len(order) < 8; now, ok = s.Wake() {
		for ticket := s.Next(now); ticket != nil; ticket = s.Next(now) {
			order = append(order, ticket.Owner.(string))
		}
	}
	counts := map[string]int{}
	for _, name := range order[:8] {
		counts[name]++
	}
	if order[0] != "reset" && order[1] != "reset" || counts["sales"] < 3 || counts["news"] < 3 {
		t.Errorf("the order %q", order)
	}
	for code, want := range map[int]botorate.OutcomeKind{421: botorate.Throttled, 550: botorate.OK} {
		if got := mailOutcome(fmt.Errorf("send: %w", &textproto.Error{Code: code})); got.Kind != want {
			t.Errorf("%d is %v, want %v", code, got.Kind, want)
		}
	}
	if mailOutcome(fs.ErrClosed).Kind != botorate.Failed || mailOutcome(nil).Kind != botorate.OK {
		t.Error("no answer, or a good one, was taken for something else")
	}
}

// ---- A limit that nobody published ----

// found is what was learnt of one bucket, in a file.
type found struct {
	Bucket botorate.BucketID
	Learnt botorate.Learnt
}

// recall reads what an earlier run learnt. Without it a governor learns again.
func recall(path string) map[botorate.BucketID]botorate.Learnt {
	known := map[botorate.BucketID]botorate.Learnt{}
	data, err := os.ReadFile(path)
	if err != nil {
		return known
	}
	var all []found
	if json.Unmarshal(data, &all) != nil {
		return known
	}
	for _, f := range all {
		known[f.Bucket] = f.Learnt
	}
	return known
}

// remember writes what this one has learnt, from time to time and at its end.
func remember(path string, learnt map[botorate.BucketID]botorate.Learnt) error {
	var all []found
	for id, l := range learnt {
		all = append(all, found{id, l})
	}
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// newLearner returns a governor that finds the limits by itself, takes 80 % of what it finds, and begins with what is known.
func newLearner(path string) *botorate.Governor {
	known := recall(path)
	return botorate.New(botorate.Options{
		Limit: func(botorate.BucketID) botorate.Limit {
			return botorate.Limit{Rate: 0.8, Refill: 1, Burst: 1, Capacity: 1, Unknown: true} // begins at 0.8/s
		},
		Learnt: func(id botorate.BucketID) (botorate.Learnt, bool) {
			l, ok := known[id]
			return l, ok
		},
	})
}

func TestGuideRemember(t *testing.T) {
	path := filepath.Join(t.TempDir(), "learnt.json")
	want := map[botorate.BucketID]botorate.Learnt{
		{Quota: "requests", Scope: "api.example.com"}: {Rate: 20, Burst: 40, Steady: time.Minute, At: time.Unix(1e9, 0).UTC()},
	}
	if len(recall(path)) != 0 {
		t.Error("recalled something from nothing")
	}
	if err := remember(path, want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, recall(path)); diff != "" {
		t.Errorf("recalled (-want +got)\n%s", diff)
	}
	if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if len(recall(path)) != 0 {
		t.Error("recalled something from a damaged file")
	}
	g := newLearner(path)
	if _, err := g.Wait(t.Context(), botorate.Attempt{Draws: []botorate.Draw{{Bucket: botorate.BucketID{Quota: "q"}, Tokens: 1}}}); err != nil {
		t.Error(err)
	}
}

// ---- Shutting down ----

// work sends jobs until there are none or ctx ends.
func work(ctx context.Context, g *botorate.Governor, draws []botorate.Draw, next func() (send func() error, ok bool)) error {
	for {
		pass, err := g.Wait(ctx, botorate.Attempt{Draws: draws})
		if err != nil {
			return err // ended while it waited: nothing was spent
		}
		send, ok := next()
		if !ok {
			g.Return(pass) // nothing was sent: the tokens are there for others at once
			return nil
		}
		outcome := botorate.Outcome{Kind: botorate.OK}
		if send() != nil {
			outcome.Kind = botorate.Failed
		}
		g.Report(pass, outcome)
	}
}

func TestGuideShutDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		draws := []botorate.Draw{{Bucket: botorate.BucketID{Quota: "jobs"}, Tokens: 1}}
		g := botorate.New(botorate.Options{
			Limit: func(botorate.BucketID) botorate.Limit { return botorate.Limit{Rate: 1, Burst: 1} },
		})
		var sent atomic.Int32
		jobs := func(n int32) func() (func() error, bool) {
			return func() (func() error, bool) {
				return func() error { sent.Add(1); return nil }, sent.Load() < n
			}
		}
		if err := work(t.Context(), g, draws, jobs(3)); err != nil || sent.Load() != 3 {
			t.Errorf("%d jobs, %v; want 3", sent.Load(), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		if err := work(ctx, g, draws, jobs(100)); !errors.Is(err, context.DeadlineExceeded) || sent.Load() != 6 {
			t.Errorf("%d jobs, %v; want 6, one from the token that was returned, and that time was over", sent.Load(), err)
		}
	})
}

// ---- How long will it take? ----

// takes returns how long n attempts take under a limit, all waiting at once. It takes no time to know.
func takes(n int, limit botorate.Limit) time.Duration {
	s := botorate.NewScheduler(botorate.Options{Limit: func(botorate.BucketID) botorate.Limit { return limit }})
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	attempt := botorate.Attempt{Draws: []botorate.Draw{{Bucket: botorate.BucketID{Quota: "requests"}, Tokens: 1}}}
	for range n {
		if err := s.Submit(start, new(botorate.Ticket), attempt); err != nil {
			return 0
		}
	}
	last := start
	for now, ok := start, true; ok; now, ok = s.Wake() {
		for s.Next(now) != nil {
			last = now
		}
	}
	return last.Sub(start)
}

func TestGuideTakes(t *testing.T) {
	if got, want := takes(15_000, botorate.Limit{Rate: 16, Burst: 60}), 14_940*time.Second/16; (got - want).Abs() > time.Second {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestGuide holds that every Go block of the guide is a part of this file, but for how deep it is indented, and so compiles and is tested.
func TestGuide(t *testing.T) {
	guide, err := os.ReadFile("docs/pacing-anything.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("guide_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, more := strings.Cut(string(guide), "```go\n")
	blocks := 0
	for ; more; blocks++ {
		block, after, ok := strings.Cut(rest, "```\n")
		if !ok {
			t.Fatal("a block has no end")
		}
		if !isPart(strings.Split(strings.TrimSuffix(block, "\n"), "\n"), strings.Split(string(source), "\n")) {
			t.Errorf("this is in the guide and not in guide_test.go:\n%s", block)
		}
		_, rest, more = strings.Cut(after, "```go\n")
	}
	if blocks < 5 {
		t.Errorf("the guide has only %d blocks of Go", blocks)
	}
}

// isPart reports whether the block's lines are in the source, one after another, all indented as the first one is.
func isPart(block, source []string) bool {
	for i := range len(source) - len(block) + 1 {
		indent, ok := strings.CutSuffix(source[i], block[0])
		if !ok || strings.Trim(indent, "\t") != "" {
			continue
		}
		for j, line := range block {
			if line != "" {
				line = indent + line
			}
			ok = ok && source[i+j] == line
		}
		if ok {
			return true
		}
	}
	return false
}
