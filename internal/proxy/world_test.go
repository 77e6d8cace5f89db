package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/ca"
	"github.com/botorate/botorate/internal/report"
	"github.com/botorate/botorate/quota"
)

const (
	ec2Host = "ec2.us-east-1.amazonaws.com"
	s3Host  = "b.s3.us-east-1.amazonaws.com"
)

// A world is a proxy, the AWS behind it, and what the proxy told.
type world struct {
	t      *testing.T
	server *Server
	addr   string
	aws    *ca.Authority // certifies the upstream; the proxy trusts it
	ours   *ca.Authority // the proxy's
	gov    *scripted
	stop   func()
	served chan error

	mu       sync.Mutex
	attempts []report.Attempt
	holding  int
	dialled  []string
}

// newWorld starts a proxy in front of an AWS of which each connection is handled by handle. change comes before the start.
func newWorld(t *testing.T, handle func(*tls.Conn), change func(*world)) *world {
	t.Helper()
	w := &world{t: t, gov: &scripted{}, served: make(chan error, 1)}
	var err error
	for _, a := range []**ca.Authority{&w.aws, &w.ours} {
		if *a, err = ca.New(time.Now(), []string{"amazonaws.com"}); err != nil {
			t.Fatal(err)
		}
	}
	aws := w.listenAWS(handle)
	w.server = &Server{
		Policy: &quota.Policy{}, Authority: w.ours, Roots: rootsOf(w.aws), gov: w.gov,
		Tenants: map[string]string{"team": "secret"}, Grace: 50 * time.Millisecond,
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			w.mu.Lock()
			w.dialled = append(w.dialled, addr)
			w.mu.Unlock()
			if !strings.HasPrefix(addr, "127.") && !strings.HasPrefix(addr, "[") {
				addr = aws
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
		Observe: func(a report.Attempt) { w.mu.Lock(); defer w.mu.Unlock(); w.attempts = append(w.attempts, a) },
		Holding: func(d int) { w.mu.Lock(); defer w.mu.Unlock(); w.holding += d },
		Log:     slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(w)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = ln.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	w.stop = cancel
	go func() { w.served <- w.server.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-w.served; err != nil {
			t.Error(err)
		}
		w.served <- nil
	})
	return w
}

func rootsOf(a *ca.Authority) *x509.CertPool {
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(a.RootPEM())
	return p
}

// listenAWS accepts TLS for whatever AWS name is asked for.
func (w *world) listenAWS(handle func(*tls.Conn)) (addr string) {
	w.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	var wait sync.WaitGroup
	w.t.Cleanup(func() { ln.Close(); wait.Wait() })
	config := &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		return w.aws.TLSConfig(h.ServerName)
	}}
	wait.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wait.Go(func() {
				defer c.Close()
				t := tls.Server(c, config)
				if t.Handshake() == nil {
					handle(t)
				}
			})
		}
	})
	return ln.Addr().String()
}

// connect opens a connection to the proxy and asks it for a tunnel.
func (w *world) connect(authority, fields string) (net.Conn, string) {
	w.t.Helper()
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", authority, authority, fields)
	return c, readHead(w.t, c)
}

var auth = "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("team:secret")) + "\r\n"

// open returns a TLS connection to host through the proxy.
func (w *world) open(host string) *tls.Conn {
	w.t.Helper()
	c, answer := w.connect(host+":443", auth)
	if !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
		w.t.Fatalf("CONNECT answered %q", answer)
	}
	t := tls.Client(c, &tls.Config{ServerName: host, RootCAs: rootsOf(w.ours), NextProtos: []string{"h2", "http/1.1"}})
	if err := t.Handshake(); err != nil {
		w.t.Fatal(err)
	}
	return t
}

// ended waits for n attempts to end and returns them.
func (w *world) ended(n int) []report.Attempt {
	w.t.Helper()
	for range 2000 {
		w.mu.Lock()
		got := append([]report.Attempt{}, w.attempts...)
		w.mu.Unlock()
		if len(got) >= n {
			return got
		}
		time.Sleep(time.Millisecond)
	}
	w.t.Fatalf("%d attempts did not end", n)
	return nil
}

// readHead reads one head from c, byte by byte, so that nothing behind it is lost.
func readHead(tb testing.TB, c io.Reader) string {
	tb.Helper()
	var b strings.Builder
	for one := make([]byte, 1); !strings.HasSuffix(b.String(), "\r\n\r\n"); {
		n, err := c.Read(one)
		if n == 0 && err != nil {
			tb.Errorf("read head: %v after %q", err, b.String())
			return b.String()
		}
		b.Write(one[:n])
	}
	return b.String()
}

func readN(tb testing.TB, c io.Reader, n int) string {
	tb.Helper()
	b := make([]byte, n)
	if k, err := io.ReadFull(c, b); err != nil {
		tb.Errorf("read %d bytes: got %d, %v", n, k, err)
		return string(b[:k])
	}
	return string(b)
}

// ok answers each request that has a length or no body.
func ok(c *tls.Conn) {
	in := bufio.NewReader(c)
	for {
		if _, err := readMessage(in); err != nil {
			return
		}
		io.WriteString(c, okAnswer)
	}
}

// readMessage reads a request whose body, if any, has a length.
func readMessage(in *bufio.Reader) (string, error) {
	var b strings.Builder
	length := 0
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return b.String(), err
		}
		b.WriteString(line)
		fmt.Sscanf(strings.ToLower(line), "content-length: %d", &length)
		if line == "\r\n" {
			break
		}
	}
	body := make([]byte, length)
	n, err := io.ReadFull(in, body)
	b.Write(body[:n])
	return b.String(), err
}

// A scripted governor lets attempts go as the test says. Without a script, all at once.
type scripted struct {
	mu       sync.Mutex
	wait     func(ctx context.Context, a botorate.Attempt) error // nil lets all go
	asked    []botorate.Attempt
	outcomes []botorate.Outcome
	returned int
}

func (g *scripted) Wait(ctx context.Context, a botorate.Attempt) (botorate.Pass, error) {
	g.mu.Lock()
	g.asked = append(g.asked, a)
	wait := g.wait
	g.mu.Unlock()
	if wait != nil {
		if err := wait(ctx, a); err != nil {
			return botorate.Pass{}, err
		}
	}
	return botorate.Pass{Draws: a.Draws, Tenant: a.Tenant}, ctx.Err()
}

func (g *scripted) Report(_ botorate.Pass, o botorate.Outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.outcomes = append(g.outcomes, o)
}

func (g *scripted) Return(botorate.Pass) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.returned++
}

// seen returns how many attempts waited, and the outcomes that were reported.
func (g *scripted) seen() (waits, returned int, outcomes []botorate.Outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.asked), g.returned, append([]botorate.Outcome{}, g.outcomes...)
}
