package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

const runInstances = describe + "Action=RunInstances&Version=2016-11-15&X=Y1"

// An upstream that read a write and then broke off may have done it: the client, not we, decides whether to repeat it.
func TestWriteIsNotRepeated(t *testing.T) {
	requests := make(chan string, 10)
	w := newWorld(t, func(c *tls.Conn) {
		in := bufio.NewReader(c)
		for n := range 2 {
			r, err := readMessage(in)
			if err != nil {
				return
			}
			requests <- r
			if n == 0 {
				io.WriteString(c, okAnswer)
			}
		}
	}, nil)
	c := w.open(ec2Host)
	io.WriteString(c, describe+describeBody)
	readN(t, c, len(okAnswer))
	io.WriteString(c, runInstances)
	if head := readHead(t, c); !strings.HasPrefix(head, "HTTP/1.1 502") {
		t.Errorf("got %q, want a 502", head)
	}
	w.ended(2)
	if len(requests) != 2 {
		t.Errorf("the upstream saw %d requests of 2 attempts", len(requests))
	}
}

// A client that leaves while we still connect has its turn given back.
func TestLeftWhileConnecting(t *testing.T) {
	left := make(chan struct{})
	w := newWorld(t, func(c *tls.Conn) {
		if n, _ := c.Read(make([]byte, 1)); n > 0 {
			t.Error("sent")
		}
	}, func(w *world) {
		dial := w.server.Dial
		w.server.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			<-left
			time.Sleep(50 * time.Millisecond) // until the system has seen the end of the connection
			return dial(ctx, network, addr)
		}
	})
	c := w.open(ec2Host)
	io.WriteString(c, describe+describeBody)
	c.NetConn().Close()
	close(left)
	w.ended(1)
	if _, returned, outcomes := w.gov.seen(); returned != 1 || len(outcomes) != 0 {
		t.Errorf("%d returned, outcomes %v", returned, outcomes)
	}
}

// A slowConn returns late from each write, so that a throttle comes while the last piece of a body counts as being written.
type slowConn struct{ net.Conn }

func (c slowConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	time.Sleep(20 * time.Millisecond)
	return n, err
}

// A connection on which a pump was ended is as good as new for the next attempt.
func TestConnectionAfterPump(t *testing.T) {
	requests := make(chan string, 10)
	w := newWorld(t, answers(requests, throttle(), okAnswer), func(w *world) {
		dial := w.server.Dial
		w.server.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dial(ctx, network, addr)
			return slowConn{c}, err
		}
	})
	c := w.open(s3Host)
	body := strings.Repeat("x", 100<<10)
	go fmt.Fprintf(c, "PUT /k HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", s3Host, len(body), body)
	if got := readN(t, c, len(okAnswer)); got != okAnswer {
		t.Errorf("got %q", got)
	}
}

// A joinConn sends what is written while it is shut in one piece.
type joinConn struct {
	net.Conn
	shut bool
	held []byte
}

func (c *joinConn) Write(p []byte) (int, error) {
	if c.shut {
		c.held = append(c.held, p...)
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *joinConn) open() {
	c.shut = false
	_, _ = c.Conn.Write(c.held)
	c.held = nil
}

// An answer that nobody asked for, though TLS has already taken it in, is not the answer to the next attempt.
func TestUnaskedAnswer(t *testing.T) { //nolint:gocognit // both ends of each connection read best in one place
	const mine = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nMINE"
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	w := newWorld(t, func(*tls.Conn) {}, func(w *world) {
		w.server.Dial = func(context.Context, string, string) (net.Conn, error) { return net.Dial("tcp", ln.Addr().String()) }
	})
	go func() {
		for {
			raw, err := ln.Accept()
			if err != nil {
				return
			}
			config, err := w.aws.TLSConfig(ec2Host)
			if err != nil {
				return
			}
			go func() {
				joined := &joinConn{Conn: raw}
				c := tls.Server(joined, config)
				in := bufio.NewReader(c)
				for {
					r, err := readMessage(in)
					if err != nil {
						return
					}
					if strings.Contains(r, "RunInstances") {
						io.WriteString(c, mine)
						continue
					}
					joined.shut = true
					io.WriteString(c, okAnswer)
					io.WriteString(c, strings.Replace(mine, "MINE", "EVIL", 1))
					joined.open()
				}
			}()
		}
	}()
	c := w.open(ec2Host)
	io.WriteString(c, describe+describeBody)
	readN(t, c, len(okAnswer))
	w.ended(1)
	other := w.open(ec2Host)
	io.WriteString(other, runInstances)
	if got := readN(t, other, len(mine)); got != mine {
		t.Errorf("another client got %q, want %q", got, mine)
	}
}

// An attempt whose upstream takes no more ends with its client.
func TestLeftWhileUpstreamIsStuck(t *testing.T) {
	stop := make(chan struct{})
	w := newWorld(t, func(*tls.Conn) { <-stop }, nil)
	t.Cleanup(func() { close(stop) })
	c := w.open(s3Host)
	full := make(chan struct{})
	go func() {
		fmt.Fprintf(c, "PUT /k HTTP/1.1\r\nHost: %s\r\nContent-Length: 900000000\r\n\r\n", s3Host)
		piece := make([]byte, 1<<20)
		for {
			c.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
			if _, err := c.Write(piece); err != nil {
				close(full)
				return
			}
		}
	}()
	<-full
	_ = c.NetConn().(*net.TCPConn).SetLinger(0)
	c.NetConn().Close()
	w.ended(1)
}

// What stands in a request that we refuse can be a secret.
func TestRefusalsTellNoSecrets(t *testing.T) {
	var log syncBuffer
	w := newWorld(t, func(*tls.Conn) { t.Error("sent") }, func(w *world) {
		w.server.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	for _, request := range []string{
		"GET /?X-Amz-Security-Token=SECRET&x y HTTP/1.1\r\nHost: " + ec2Host + "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: " + ec2Host + "\r\nAuthorization AWS4 SECRET\r\n\r\n",
		"SEC;RET@ / HTTP/1.1\r\nHost: " + ec2Host + "\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: " + ec2Host + "\r\nContent-Length: SECRET\r\n\r\n",
	} {
		c := w.open(ec2Host)
		io.WriteString(c, request)
		answer, _ := io.ReadAll(c)
		if !bytes.HasPrefix(answer, []byte("HTTP/1.1 400")) {
			t.Errorf("%q: got %q, want a 400", request, answer)
		}
		if all := string(answer) + log.String(); strings.Contains(all, "SECRET") || strings.Contains(all, "SEC;RET") {
			t.Errorf("%q: told %q", request, all)
		}
	}
}

// A syncBuffer is a buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
