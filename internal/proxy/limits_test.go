package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/ca"
	"github.com/botorate/botorate/internal/report"
	"github.com/botorate/botorate/quota"
)

// A bubble is a proxy between a client and an upstream in a time of their own. Its connections are pipes.
type bubble struct {
	t     *testing.T
	aws   *ca.Authority
	raw   net.Conn  // the client's connection to the proxy
	conn  *tls.Conn // and what is above it
	began time.Time
	ended chan time.Time // when an upstream did
	told  []report.Attempt
	gov   *scripted
}

// inBubble runs client against a proxy whose upstream is handle. The client's part begins after CONNECT.
func inBubble(t *testing.T, handle func(c *tls.Conn), client func(b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{t: t, ended: make(chan time.Time, 2), gov: &scripted{}}
		var upstreams sync.WaitGroup
		var err error
		if b.aws, err = ca.New(time.Now(), []string{"amazonaws.com"}); err != nil {
			t.Fatal(err)
		}
		s := &Server{
			Policy: &quota.Policy{}, Authority: b.aws, Roots: rootsOf(b.aws), Tenants: map[string]string{"team": "secret"}, Grace: time.Millisecond,
			Observe: func(a report.Attempt) { b.told = append(b.told, a) }, gov: b.gov,
			Dial: func(context.Context, string, string) (net.Conn, error) {
				here, there := net.Pipe()
				upstreams.Go(func() {
					defer there.Close()
					handle(tls.Server(there, b.config()))
					b.ended <- time.Now()
				})
				return here, nil
			},
		}
		ctx, stop := context.WithCancel(context.Background())
		ln, served := newPipeListener(), make(chan error)
		go func() { served <- s.Serve(ctx, ln) }()
		var there net.Conn
		b.raw, there = net.Pipe()
		ln.conns <- there
		io.WriteString(b.raw, "CONNECT "+s3Host+":443 HTTP/1.1\r\n"+auth+"\r\n")
		readHead(t, b.raw)
		b.conn = tls.Client(b.raw, &tls.Config{ServerName: s3Host, RootCAs: rootsOf(b.aws), MaxVersion: tls.VersionTLS12})
		b.began = time.Now()
		client(b)
		b.raw.Close()
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		upstreams.Wait()
	})
}

func (b *bubble) config() *tls.Config {
	config, err := b.aws.TLSConfig(s3Host)
	if err != nil {
		b.t.Error(err)
		return nil
	}
	config = config.Clone()
	config.MaxVersion = tls.VersionTLS12 // 1.3 sends tickets that nobody reads from a pipe
	return config
}

// took checks how long something took.
func (b *bubble) took(what string, least, most time.Duration) {
	b.t.Helper()
	if d := time.Since(b.began); d < least || d > most {
		b.t.Errorf("%s after %v, want %v to %v", what, d, least, most)
	}
}

// trickle writes a byte of s every 5 s, until that fails.
func trickle(w io.Writer, s string) {
	for i := range s {
		if _, err := io.WriteString(w, s[i:i+1]); err != nil {
			return
		}
		time.Sleep(5 * time.Second)
	}
}

// never is an upstream that nobody comes to.
func never(c *tls.Conn) { _ = c.Close() }

var longHead = get("/", strings.Repeat("a: b\r\n", 100))

func TestSlowClients(t *testing.T) {
	t.Run("no hello", func(t *testing.T) {
		inBubble(t, never, func(b *bubble) {
			io.ReadAll(b.raw)
			b.took("closed", headTimeout, headTimeout)
		})
	})
	t.Run("idle", func(t *testing.T) {
		inBubble(t, never, func(b *bubble) {
			if err := b.conn.Handshake(); err != nil {
				t.Fatal(err)
			}
			io.ReadAll(b.conn)
			b.took("closed", idleTimeout/2, idleTimeout)
		})
	})
	t.Run("head byte by byte", func(t *testing.T) {
		inBubble(t, never, func(b *bubble) {
			if err := b.conn.Handshake(); err != nil {
				t.Fatal(err)
			}
			var sender sync.WaitGroup
			sender.Go(func() { trickle(b.conn, longHead) })
			io.ReadAll(b.conn)
			b.took("closed", headTimeout/2, headTimeout)
			sender.Wait()
		})
	})
	t.Run("body stops", func(t *testing.T) {
		inBubble(t, func(c *tls.Conn) { io.ReadAll(c) }, func(b *bubble) {
			io.WriteString(b.conn, withBody("PUT", "Content-Length: 100000\r\n", "some"))
			io.ReadAll(b.conn)
			b.took("ended", idleTimeout/2, idleTimeout+time.Second)
			synctest.Wait()
			if len(b.told) != 1 || b.told[0].Result != report.Gone {
				t.Errorf("told of %+v", b.told)
			}
		})
	})
	t.Run("answer is not read", func(t *testing.T) {
		inBubble(t, func(c *tls.Conn) {
			readHead(t, c)
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
			io.Copy(c, zeros{})
		}, func(b *bubble) {
			io.WriteString(b.conn, get("/", ""))
			<-b.ended
			b.took("the upstream was given up", idleTimeout/2, idleTimeout)
		})
	})
}

func TestSlowUpstreams(t *testing.T) {
	const long = 20*time.Minute + offRound
	t.Run("head byte by byte", func(t *testing.T) {
		inBubble(t, func(c *tls.Conn) {
			readHead(t, c)
			trickle(c, "HTTP/1.1 200 OK\r\n"+strings.Repeat("a: b\r\n", 100))
		}, func(b *bubble) {
			io.WriteString(b.conn, get("/", ""))
			if got := readHead(t, b.conn); !strings.HasPrefix(got, "HTTP/1.1 502 ") {
				t.Errorf("got %q", got)
			}
			b.took("answered", headTimeout/2, headTimeout+time.Second)
		})
	})
	t.Run("head byte by byte after a long poll", func(t *testing.T) {
		inBubble(t, func(c *tls.Conn) {
			readHead(t, c)
			time.Sleep(long)
			trickle(c, "HTTP/1.1 200 OK\r\n"+strings.Repeat("a: b\r\n", 100))
		}, func(b *bubble) {
			io.WriteString(b.conn, get("/", ""))
			if got := readHead(t, b.conn); !strings.HasPrefix(got, "HTTP/1.1 502 ") {
				t.Errorf("got %q", got)
			}
			b.took("answered", long+headTimeout/2, long+headTimeout+time.Second)
		})
	})
	t.Run("long poll", func(t *testing.T) {
		inBubble(t, func(c *tls.Conn) {
			readHead(t, c)
			time.Sleep(long)
			io.WriteString(c, okAnswer)
			c.Read(make([]byte, 1))
		}, func(b *bubble) {
			io.WriteString(b.conn, get("/", ""))
			if got := readN(t, b.conn, len(okAnswer)); got != okAnswer {
				t.Errorf("got %q", got)
			}
			b.took("answered", long, long+time.Second)
		})
	})
	t.Run("event stream with a long silence", func(t *testing.T) {
		inBubble(t, func(c *tls.Conn) {
			readHead(t, c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n"+chunked+"\r\n5\r\nfirst\r\n")
			time.Sleep(long)
			io.WriteString(c, "6\r\nsecond\r\n0\r\n\r\n")
			c.Read(make([]byte, 1))
		}, func(b *bubble) {
			io.WriteString(b.conn, get("/", ""))
			readHead(t, b.conn)
			readN(t, b.conn, len("5\r\nfirst\r\n"))
			b.took("first event", 0, time.Second)
			readN(t, b.conn, len("6\r\nsecond\r\n0\r\n\r\n"))
			b.took("second event", long, long+time.Second)
		})
	})
}

// lateAfter is longer than slowAnswer, after which the client is watched.
const lateAfter = 4 * time.Minute

func TestInterimBeforeALongPoll(t *testing.T) {
	inBubble(t, func(c *tls.Conn) {
		readHead(t, c)
		time.Sleep(lateAfter + offRound)
		io.WriteString(c, "HTTP/1.1 102 Processing\r\n\r\n")
		time.Sleep(lateAfter)
		io.WriteString(c, okAnswer)
		c.Read(make([]byte, 1))
	}, func(b *bubble) {
		b.conn.SetDeadline(time.Now().Add(time.Hour))
		io.WriteString(b.conn, get("/", ""))
		if got := readHead(t, b.conn); !strings.HasPrefix(got, "HTTP/1.1 102 ") {
			t.Errorf("got %q", got)
		}
		if got := readN(t, b.conn, len(okAnswer)); got != okAnswer {
			t.Errorf("got %q", got)
		}
	})
}

// TestInterimAfterAHold has each follow, on the same connection, on an answer whose write had a deadline that is over by then.
func TestInterimAfterAHold(t *testing.T) {
	for _, tt := range []struct{ name, request, interim, then string }{
		{"100", withBody("PUT", "Expect: 100-continue\r\nContent-Length: 4\r\n", ""), "HTTP/1.1 100 Continue\r\n\r\n", "body"},
		{"101", get("/", "Connection: upgrade\r\nUpgrade: x\r\n"), "HTTP/1.1 101 Switching Protocols\r\n\r\n", "talk"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(c *tls.Conn) {
				if first := readHead(t, c); first != tt.request {
					io.WriteString(c, okAnswer)
					c.Read(make([]byte, 1))
					return
				}
				time.Sleep(2*time.Minute + offRound)
				io.WriteString(c, tt.interim)
				if got := readN(t, c, len(tt.then)); got != tt.then {
					t.Errorf("got %q", got)
				}
				io.WriteString(c, okAnswer)
			}, func(b *bubble) {
				b.conn.SetDeadline(time.Now().Add(time.Hour))
				io.WriteString(b.conn, get("/", ""))
				readN(t, b.conn, len(okAnswer))
				b.gov.wait = func(context.Context, botorate.Attempt) error { time.Sleep(lateAfter + offRound); return nil }
				io.WriteString(b.conn, tt.request)
				if got := readHead(t, b.conn); got != tt.interim {
					t.Errorf("got %q", got)
				}
				io.WriteString(b.conn, tt.then)
				if got := readN(t, b.conn, len(okAnswer)); got != okAnswer {
					t.Errorf("got %q", got)
				}
			})
		})
	}
}
