package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/report"
)

const (
	describe     = "POST / HTTP/1.1\r\nHost: " + ec2Host + "\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-8\r\nContent-Length: 43\r\n\r\n"
	describeBody = "Action=DescribeSnapshots&Version=2016-11-15"

	limitExceeded = "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded.</Message></Error></Errors>" +
		"<RequestID>1</RequestID></Response>"
)

func throttle() string {
	return fmt.Sprintf("HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s", len(limitExceeded), limitExceeded)
}

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// answers gives each request the next of the answers, the last one for ever, and notes the requests.
func answers(requests chan<- string, answers ...string) func(*tls.Conn) {
	next := make(chan string, len(answers))
	for _, a := range answers {
		next <- a
	}
	return func(c *tls.Conn) {
		for in := bufio.NewReader(c); ; {
			r, err := readMessage(in)
			if err != nil {
				return
			}
			requests <- r
			a := answers[len(answers)-1]
			select {
			case a = <-next:
			default:
			}
			if _, err := io.WriteString(c, a); err != nil {
				return
			}
		}
	}
}

func TestAttemptIsToldOf(t *testing.T) {
	requests := make(chan string, 10)
	w := newWorld(t, answers(requests, okAnswer), nil)
	c := w.open(ec2Host)
	io.WriteString(c, describe+describeBody)
	if got := readN(t, c, len(okAnswer)); got != okAnswer {
		t.Errorf("got %q", got)
	}
	a := w.ended(1)[0]
	if a.Action != "ec2:DescribeSnapshots" || a.Region != "us-east-1" || a.Tenant != "team" || a.Result != report.Answered || a.Status != 200 || len(a.Draws) == 0 || a.Held != 0 {
		t.Errorf("told of %+v", a)
	}
	waits, returned, outcomes := w.gov.seen()
	if waits != 1 || returned != 0 || !cmp.Equal(outcomes, []botorate.Outcome{{Kind: botorate.OK}}) {
		t.Errorf("%d waits, %d returned, outcomes %v", waits, returned, outcomes)
	}
	if at := w.gov.asked[0]; !cmp.Equal(at.Draws, a.Draws) || at.Since.IsZero() || !at.Deadline.After(at.Since) || at.Tenant != "team" {
		t.Errorf("the governor was asked for %+v", at)
	}
}

func TestAbsorb(t *testing.T) {
	big := strings.Repeat("x", 300<<10)
	for name, tt := range map[string]struct {
		request  string
		answers  []string
		want     string
		sent     int
		absorbed int
		result   report.Result
		hold     time.Duration
	}{
		"twice": {
			request: describe + describeBody, answers: []string{throttle(), throttle(), okAnswer},
			want: okAnswer, sent: 3, absorbed: 2, result: report.Answered,
		},
		"no time left": {
			request: describe + describeBody, answers: []string{throttle(), okAnswer}, hold: 10 * time.Millisecond,
			want: throttle(), sent: 1, result: report.Throttled,
		},
		"another error": {
			request: describe + describeBody, answers: []string{"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"},
			want: "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", sent: 1, result: report.Answered,
		},
		"retry-after beyond the deadline": {
			request: describe + describeBody, hold: 5 * time.Second,
			answers: []string{"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n", okAnswer},
			want:    "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n", sent: 1, result: report.Throttled,
		},
		"body too large to keep": {
			request: fmt.Sprintf("PUT /k HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", ec2Host, len(big), big),
			answers: []string{throttle(), okAnswer}, want: throttle(), sent: 1, result: report.Throttled,
		},
		"connection ends with the throttle": {
			request: describe + describeBody, answers: []string{strings.Replace(throttle(), "\r\n", "\r\nConnection: close\r\n", 1), okAnswer},
			want: okAnswer, sent: 2, absorbed: 1, result: report.Answered,
		},
	} {
		t.Run(name, func(t *testing.T) {
			requests := make(chan string, 10)
			w := newWorld(t, answers(requests, tt.answers...), func(w *world) { w.server.Hold = tt.hold })
			c := w.open(ec2Host)
			go io.WriteString(c, tt.request)
			if got := readN(t, c, len(tt.want)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			a := w.ended(1)[0]
			if a.Absorbed != tt.absorbed || a.Result != tt.result {
				t.Errorf("told of %+v", a)
			}
			checkSent(t, w, requests, tt.request, tt.sent)
		})
	}
}

// checkSent checks that request was sent n times, each in the same place, and that nothing is held any more.
func checkSent(t *testing.T, w *world, requests <-chan string, request string, n int) {
	t.Helper()
	if len(requests) != n {
		t.Errorf("sent %d times, want %d", len(requests), n)
	}
	for range len(requests) {
		if r := <-requests; r != request {
			t.Errorf("sent %.200q", r)
		}
	}
	since := w.gov.asked[0].Since
	for _, at := range w.gov.asked {
		if !at.Since.Equal(since) {
			t.Errorf("lost its place: since %v, then %v", since, at.Since)
		}
	}
	if w.holding != 0 {
		t.Errorf("holding %d at the end", w.holding)
	}
}

func TestThrottleIsPassedOnWhenTheNextTurnIsTooLate(t *testing.T) {
	requests := make(chan string, 10)
	w := newWorld(t, answers(requests, throttle()), func(w *world) {
		n := 0
		w.gov.wait = func(context.Context, botorate.Attempt) error {
			if n++; n > 1 {
				return &botorate.TooLateError{Wait: time.Minute}
			}
			return nil
		}
	})
	c := w.open(ec2Host)
	io.WriteString(c, describe+describeBody)
	if got := readN(t, c, len(throttle())); got != throttle() {
		t.Errorf("got %q", got)
	}
	if a := w.ended(1)[0]; a.Result != report.Throttled || a.Code != "RequestLimitExceeded" || a.Status != 503 || a.Absorbed != 0 {
		t.Errorf("told of %+v", a)
	}
}

func TestShed(t *testing.T) {
	w := newWorld(t, func(*tls.Conn) { t.Error("sent") }, func(w *world) {
		w.gov.wait = func(context.Context, botorate.Attempt) error {
			return &botorate.TooLateError{Wait: 1500 * time.Millisecond}
		}
	})
	c := w.open(ec2Host)
	for range 2 { // the connection goes on
		io.WriteString(c, describe+describeBody)
		head := readHead(t, c)
		if !strings.HasPrefix(head, "HTTP/1.1 503 ") || !strings.Contains(head, "x-amz-retry-after: 1500\r\n") || strings.Contains(head, "Connection:") {
			t.Fatalf("got %q", head)
		}
		var n int
		fmt.Sscanf(head[strings.Index(head, "Content-Length:"):], "Content-Length: %d", &n)
		if body := readN(t, c, n); !strings.Contains(body, "<Code>RequestLimitExceeded</Code>") {
			t.Errorf("got %q", body)
		}
	}
	io.WriteString(c, "HEAD / HTTP/1.1\r\nHost: "+ec2Host+"\r\n\r\nHEAD / HTTP/1.1\r\nHost: "+ec2Host+"\r\n\r\n")
	for range 2 {
		if head := readHead(t, c); !strings.HasPrefix(head, "HTTP/1.1 ") {
			t.Errorf("after HEAD: %q", head)
		}
	}
	for _, a := range w.ended(4) {
		if a.Result != report.Shed || a.Status < 400 {
			t.Errorf("told of %+v", a)
		}
	}
}

func TestShedWithUnreadBody(t *testing.T) {
	w := newWorld(t, func(*tls.Conn) { t.Error("sent") }, func(w *world) {
		w.gov.wait = func(context.Context, botorate.Attempt) error { return &botorate.TooLateError{} }
	})
	c := w.open(s3Host)
	go io.WriteString(c, "PUT /k HTTP/1.1\r\nHost: "+s3Host+"\r\nContent-Length: 8388608\r\n\r\n"+strings.Repeat("x", 8<<20))
	if head := readHead(t, c); !strings.HasPrefix(head, "HTTP/1.1 503 ") || !strings.Contains(head, "\r\nConnection: close\r\n") {
		t.Errorf("got %q", head)
	}
	if _, err := io.ReadAll(c); err != nil {
		t.Errorf("the answer did not end in peace: %v", err)
	}
}

// An attempt whose client hung up is never sent, whatever is still unread of it.
func TestHangUpWhileHeld(t *testing.T) {
	for name, request := range map[string]string{
		"whole":           describe + describeBody,
		"without body":    "GET /k HTTP/1.1\r\nHost: " + ec2Host + "\r\n\r\n",
		"expect":          "PUT /k HTTP/1.1\r\nHost: " + ec2Host + "\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
		"body unread":     "PUT /k HTTP/1.1\r\nHost: " + ec2Host + "\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"next one behind": describe + describeBody + "GET /",
	} {
		t.Run(name, func(t *testing.T) {
			held := make(chan struct{})
			w := newWorld(t, func(*tls.Conn) { t.Error("sent") }, func(w *world) {
				w.gov.wait = func(ctx context.Context, _ botorate.Attempt) error {
					done := ctx.Done()
					close(held)
					<-done
					return ctx.Err()
				}
			})
			c := w.open(ec2Host)
			io.WriteString(c, request)
			<-held
			w.mu.Lock()
			if w.holding != 1 {
				t.Errorf("holding %d", w.holding)
			}
			w.mu.Unlock()
			c.NetConn().Close()
			if a := w.ended(1)[0]; a.Result != report.Gone || a.Held == 0 || a.Sent {
				t.Errorf("told of %+v", a)
			}
			if w.holding != 0 {
				t.Errorf("holding %d at the end", w.holding)
			}
		})
	}
}

// A turn that comes with the hang-up, or before it was noticed, is given back.
func TestTurnAfterHangUp(t *testing.T) {
	for name, noticed := range map[string]bool{"noticed": true, "not yet noticed": false} {
		t.Run(name, func(t *testing.T) {
			held, left := make(chan struct{}), make(chan struct{})
			w := newWorld(t, func(*tls.Conn) { t.Error("sent") }, func(w *world) {
				w.gov.wait = func(ctx context.Context, _ botorate.Attempt) error {
					done := ctx.Done()
					close(held)
					if <-left; noticed {
						<-done
					}
					return nil
				}
				w.server.gov = letGo{w.gov} // the scripted governor returns ctx.Err() itself; this one lets go regardless
			})
			c := w.open(ec2Host)
			io.WriteString(c, describe+describeBody)
			<-held
			c.NetConn().Close()
			close(left)
			if a := w.ended(1)[0]; a.Result != report.Gone {
				t.Errorf("told of %+v", a)
			}
			if _, returned, outcomes := w.gov.seen(); returned != 1 || len(outcomes) != 0 {
				t.Errorf("%d returned, outcomes %v", returned, outcomes)
			}
		})
	}
}

type letGo struct{ *scripted }

func (g letGo) Wait(ctx context.Context, a botorate.Attempt) (botorate.Pass, error) {
	p, _ := g.scripted.Wait(ctx, a)
	return p, nil
}

// What a client sends while it is held is kept for the next attempt.
func TestPipelinedWhileHeld(t *testing.T) {
	requests := make(chan string, 10)
	w := newWorld(t, answers(requests, okAnswer), func(w *world) {
		w.gov.wait = func(ctx context.Context, _ botorate.Attempt) error {
			select {
			case <-ctx.Done():
			case <-time.After(30 * time.Millisecond):
			}
			return nil
		}
	})
	c := w.open(ec2Host)
	io.WriteString(c, describe+describeBody)
	time.Sleep(5 * time.Millisecond)
	io.WriteString(c, describe+describeBody)
	if got := readN(t, c, 2*len(okAnswer)); got != okAnswer+okAnswer {
		t.Errorf("got %q", got)
	}
	for range 2 {
		if r := <-requests; r != describe+describeBody {
			t.Errorf("arrived %q", r)
		}
	}
}

func TestHangUpBeforeTheAnswer(t *testing.T) {
	arrived, closed := make(chan struct{}), make(chan error, 1)
	w := newWorld(t, func(c *tls.Conn) {
		readMessage(bufio.NewReader(c))
		close(arrived)
		_, err := c.Read(make([]byte, 1))
		closed <- err
	}, nil)
	c := w.open(ec2Host)
	io.WriteString(c, describe+describeBody)
	<-arrived
	c.NetConn().Close()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Fatal("the upstream connection was left open")
	}
	if a := w.ended(1)[0]; a.Result != report.Gone || !a.Sent {
		t.Errorf("told of %+v", a)
	}
	if _, returned, outcomes := w.gov.seen(); returned != 0 || !cmp.Equal(outcomes, []botorate.Outcome{{Kind: botorate.Failed}}) {
		t.Errorf("%d returned, outcomes %v", returned, outcomes)
	}
}

func TestCallKeepsItsPlace(t *testing.T) {
	requests := make(chan string, 10)
	w := newWorld(t, answers(requests, throttle(), okAnswer), func(w *world) { w.server.Hold = 10 * time.Millisecond })
	c := w.open(ec2Host)
	for i := range 2 {
		ids := fmt.Sprintf("amz-sdk-invocation-id: c0ffee\r\namz-sdk-request: attempt=%d; max=3\r\n", i+1)
		io.WriteString(c, strings.Replace(describe, "Content-Type", ids+"Content-Type", 1)+describeBody)
		readN(t, c, len([]string{throttle(), okAnswer}[i]))
	}
	w.ended(2)
	if a, b := w.gov.asked[0], w.gov.asked[1]; !a.Since.Equal(b.Since) || !b.Deadline.After(a.Deadline) {
		t.Errorf("asked for %v until %v, then %v until %v", a.Since, a.Deadline, b.Since, b.Deadline)
	}
}

func TestStalePool(t *testing.T) {
	t.Run("closed while idle", func(t *testing.T) { testStalePool(t, true) })
	t.Run("closed at the next request", func(t *testing.T) { testStalePool(t, false) })
}

func testStalePool(t *testing.T, closeNow bool) {
	t.Helper()
	var conns atomic.Int32
	closed := make(chan struct{})
	w := newWorld(t, func(c *tls.Conn) {
		if conns.Add(1) > 1 {
			ok(c)
			return
		}
		in := bufio.NewReader(c)
		readMessage(in)
		io.WriteString(c, okAnswer)
		if !closeNow {
			in.Peek(1) // the next request is there, and gets no answer
		}
		c.NetConn().(*net.TCPConn).SetLinger(0)
		c.NetConn().Close()
		close(closed)
	}, nil)
	c := w.open(ec2Host)
	for i := range 2 {
		io.WriteString(c, describe+describeBody)
		if got := readN(t, c, len(okAnswer)); got != okAnswer {
			t.Fatalf("attempt %d: got %q", i, got)
		}
		if closeNow {
			<-closed
		}
	}
	if n := conns.Load(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
	if waits, _, _ := w.gov.seen(); waits != 2 {
		t.Errorf("%d waits: a request that was never seen by AWS costs nothing more", waits)
	}
}

// That an idle connection was closed is seen before it is used: an upload could not be sent a second time.
func TestStalePoolBeforeUpload(t *testing.T) {
	const size = keptBody + 1
	var conns atomic.Int32
	kept, closed := make(chan struct{}), make(chan struct{})
	w := newWorld(t, func(c *tls.Conn) {
		if conns.Add(1) > 1 {
			ok(c)
			return
		}
		readMessage(bufio.NewReader(c))
		io.WriteString(c, okAnswer)
		<-kept
		c.Close()
		close(closed)
	}, nil)
	c := w.open(s3Host)
	io.WriteString(c, "GET /k HTTP/1.1\r\nHost: "+s3Host+"\r\n\r\n")
	readN(t, c, len(okAnswer))
	w.ended(1)
	close(kept)
	<-closed
	go fmt.Fprintf(c, "PUT /k HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", s3Host, size, strings.Repeat("x", size))
	if got := readN(t, c, len(okAnswer)); got != okAnswer {
		t.Errorf("got %q", got)
	}
}

func TestUpstreamBreaksOff(t *testing.T) {
	for name, tt := range map[string]struct{ answer, want string }{
		"before the answer": {"", "HTTP/1.1 502 "},
		"in the head":       {"HTTP/1.1 200 OK\r\nConte", "HTTP/1.1 502 "},
		"malformed":         {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 502 "},
		"unasked 101":       {"HTTP/1.1 101 Switching Protocols\r\n\r\n", "HTTP/1.1 502 "},
		"in the body":       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"},
		"in a chunk":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"},
		"in an error":       {"HTTP/1.1 400 Bad\r\nContent-Length: 5\r\n\r\nhel", "HTTP/1.1 400 Bad\r\nContent-Length: 5\r\n\r\nhel"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *tls.Conn) {
				readMessage(bufio.NewReader(c))
				io.WriteString(c, tt.answer)
				c.Close()
			}, nil)
			c := w.open(ec2Host)
			io.WriteString(c, describe+describeBody)
			if got := readN(t, c, len(tt.want)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if !strings.Contains(tt.want, " 502 ") {
				if rest, err := io.ReadAll(c); err == nil {
					t.Errorf("then %q and a clean end: the client can't tell that it was cut off", rest)
				}
			}
			if a := w.ended(1)[0]; a.Result != report.Failed {
				t.Errorf("told of %+v", a)
			}
		})
	}
}
