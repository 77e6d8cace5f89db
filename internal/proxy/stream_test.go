package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/report"
)

const (
	goOn      = interimText
	forbidden = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
	slowDown  = "HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nContent-Length: 37\r\n\r\n<Error><Code>SlowDown</Code></Error>\n"
	expectPut = "PUT /k HTTP/1.1\r\nHost: " + s3Host + "\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
)

// A 100 Continue is the upstream's to give, and never before the attempt may leave.
func TestExpectIsPassedOn(t *testing.T) {
	leave, asked := make(chan struct{}), make(chan struct{})
	w := newWorld(t, func(c *tls.Conn) {
		readHead(t, c)
		io.WriteString(c, goOn)
		if got := readN(t, c, 5); got != "hello" {
			t.Errorf("body %q", got)
		}
		io.WriteString(c, okAnswer)
	}, func(w *world) {
		w.gov.wait = func(ctx context.Context, _ botorate.Attempt) error {
			close(asked)
			select {
			case <-leave:
			case <-ctx.Done():
			}
			return nil
		}
	})
	c := w.open(s3Host)
	io.WriteString(c, expectPut)
	<-asked
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("answered before the attempt left")
	}
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	close(leave)
	if got := readHead(t, c); got != goOn {
		t.Fatalf("got %q", got)
	}
	io.WriteString(c, "hello")
	if got := readN(t, c, len(okAnswer)); got != okAnswer {
		t.Errorf("got %q", got)
	}
}

func TestExpectAnsweredEarly(t *testing.T) {
	w := newWorld(t, func(c *tls.Conn) {
		readHead(t, c)
		io.WriteString(c, forbidden)
		c.Read(make([]byte, 1))
	}, nil)
	c := w.open(s3Host)
	io.WriteString(c, expectPut)
	got, err := io.ReadAll(c)
	if string(got) != forbidden || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// The throttle of an upload that waits for 100 Continue is absorbed: nothing of the body has been sent. One that comes after
// the body is absorbed too, and the client gets its 100 Continue once.
func TestExpectIsAbsorbed(t *testing.T) {
	conns := make(chan int, 4)
	for i := range 3 {
		conns <- i
	}
	w := newWorld(t, func(c *tls.Conn) {
		n := <-conns
		readHead(t, c)
		if n == 0 {
			io.WriteString(c, slowDown)
			c.Read(make([]byte, 1))
			return
		}
		io.WriteString(c, goOn)
		if got := readN(t, c, 5); got != "hello" {
			t.Errorf("connection %d: body %q", n, got)
		}
		if n == 1 {
			io.WriteString(c, strings.Replace(slowDown, "\r\n", "\r\nConnection: close\r\n", 1))
			return
		}
		io.WriteString(c, okAnswer)
	}, nil)
	c := w.open(s3Host)
	io.WriteString(c, expectPut)
	if got := readHead(t, c); got != goOn {
		t.Fatalf("got %q", got)
	}
	io.WriteString(c, "hello")
	if got := readN(t, c, len(okAnswer)); got != okAnswer {
		t.Errorf("got %q", got)
	}
	if a := w.ended(1)[0]; a.Absorbed != 2 || a.Result != report.Answered {
		t.Errorf("told of %+v", a)
	}
}

// An early is an upstream that answers an upload of 8 MB after the first of them.
type early struct {
	answer string
	reads  bool // it reads the rest nevertheless
	next   bool // so the connection can go on
}

const uploadSize = 8 << 20

func TestEarlyAnswer(t *testing.T) {
	for name, e := range map[string]early{
		"upstream reads on":                    {forbidden, true, true},
		"upstream closes, as it says":          {strings.Replace(forbidden, "\r\n", "\r\nConnection: close\r\n", 1), false, false},
		"upstream closes without saying so":    {forbidden, false, false},
		"upstream reads on, throttle not kept": {slowDown, true, false},
	} {
		t.Run(name, e.test)
	}
}

func (e early) test(t *testing.T) {
	c := newWorld(t, func(c *tls.Conn) { e.serve(t, c) }, nil).open(s3Host)
	sent := make(chan error, 1)
	go func() {
		_, err := fmt.Fprintf(c, "PUT /k HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", s3Host, uploadSize, strings.Repeat("x", uploadSize))
		sent <- err
	}()
	if got := readN(t, c, len(e.answer)); got != e.answer {
		t.Errorf("got %q", got)
	}
	if !e.next {
		if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
			t.Errorf("then %q, %v", rest, err)
		}
	}
	if err := <-sent; err != nil {
		t.Errorf("the client could not send on: %v", err)
	}
	if e.next {
		io.WriteString(c, "BAD\r\n\r\n")
		if got := readHead(t, c); !strings.HasPrefix(got, "HTTP/1.1 400 ") {
			t.Errorf("got %q", got)
		}
	}
}

func (e early) serve(t *testing.T, c *tls.Conn) {
	t.Helper()
	readHead(t, c)
	readN(t, c, 1<<20)
	io.WriteString(c, e.answer)
	if e.reads {
		io.CopyN(io.Discard, c, uploadSize-1<<20)
		c.Read(make([]byte, 1))
	}
}

func TestUpgrade(t *testing.T) {
	w := newWorld(t, func(c *tls.Conn) {
		in := bufio.NewReader(c)
		readMessage(in)
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello")
		io.Copy(c, in)
		io.WriteString(c, "bye")
	}, nil)
	c := w.open(ec2Host)
	io.WriteString(c, "GET /chat HTTP/1.1\r\nHost: "+ec2Host+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly ")
	if got := readHead(t, c); !strings.HasPrefix(got, "HTTP/1.1 101 ") {
		t.Fatalf("got %q", got)
	}
	if got := readN(t, c, 11); got != "helloearly " {
		t.Errorf("got %q", got)
	}
	io.WriteString(c, "\x00raw\xff")
	if got := readN(t, c, 5); got != "\x00raw\xff" {
		t.Errorf("got %q", got)
	}
	if a := w.ended(1)[0]; a.Status != 101 || a.Result != report.Answered {
		t.Errorf("told of %+v", a)
	}
	c.CloseWrite()
	if got, err := io.ReadAll(c); string(got) != "bye" || err != nil {
		t.Errorf("after our end: %q, %v", got, err)
	}
}

func TestUpgradeRefused(t *testing.T) {
	requests := make(chan string, 10)
	w := newWorld(t, answers(requests, okAnswer), nil)
	c := w.open(ec2Host)
	for range 2 {
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: "+ec2Host+"\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
		if got := readN(t, c, len(okAnswer)); got != okAnswer {
			t.Errorf("got %q", got)
		}
	}
}

// Backpressure: what the client does not read is not read from the upstream either.
func TestBackpressure(t *testing.T) {
	const size = 64 << 20
	written := make(chan int64, 1)
	w := newWorld(t, func(c *tls.Conn) {
		readMessage(bufio.NewReader(c))
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
		c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		n, _ := io.CopyN(c, zeros{}, size)
		written <- n
	}, nil)
	c := w.open(s3Host)
	io.WriteString(c, "GET /k HTTP/1.1\r\nHost: "+s3Host+"\r\n\r\n")
	if n := <-written; n >= size/2 {
		t.Errorf("%d bytes were taken from the upstream while nobody read", n)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestLargeBodiesBothWays(t *testing.T) {
	const size = 20 << 20
	w := newWorld(t, func(c *tls.Conn) {
		readHead(t, c)
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
		io.CopyN(c, c, size) // it echoes while the client still sends
		c.Read(make([]byte, 1))
	}, nil)
	c := w.open(s3Host)
	body := strings.Repeat("a pattern of a prime length, 37 bytes", size/37+1)[:size]
	go func() {
		fmt.Fprintf(c, "PUT /k HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", s3Host, size)
		io.WriteString(c, body)
	}()
	readHead(t, c)
	if readN(t, c, size) != body {
		t.Error("the bytes differ")
	}
}
