package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/report"
)

func basicAuth(user, password string) string {
	return "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)) + "\r\n"
}

func TestCredentials(t *testing.T) {
	w := newWorld(t, ok, func(w *world) { w.server.Tenants["nobody"] = "" })
	for name, tt := range map[string]struct{ fields, want string }{
		"right":              {auth, "HTTP/1.1 200 "},
		"lower-case scheme":  {strings.Replace(auth, "Basic", "basic", 1), "HTTP/1.1 200 "},
		"none":               {"", "HTTP/1.1 407 "},
		"wrong password":     {basicAuth("team", "secret2"), "HTTP/1.1 407 "},
		"no password":        {basicAuth("team", ""), "HTTP/1.1 407 "},
		"unknown user":       {basicAuth("else", "secret"), "HTTP/1.1 407 "},
		"unknown, no secret": {basicAuth("else", ""), "HTTP/1.1 407 "},
		"empty secret":       {basicAuth("nobody", ""), "HTTP/1.1 407 "},
		"not base64":         {"Proxy-Authorization: Basic !!\r\n", "HTTP/1.1 407 "},
		"no colon":           {"Proxy-Authorization: Basic dGVhbQ==\r\n", "HTTP/1.1 407 "},
		"bearer":             {"Proxy-Authorization: Bearer secret\r\n", "HTTP/1.1 407 "},
	} {
		t.Run(name, func(t *testing.T) {
			_, got := w.connect(ec2Host+":443", tt.fields)
			if !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %q", got)
			}
			if strings.Contains(got, " 407 ") != strings.Contains(got, "Proxy-Authenticate: Basic ") {
				t.Errorf("challenge: %q", got)
			}
		})
	}
}

// Java and .NET send their credentials when they are asked for them, on the same connection.
func TestCredentialsOnDemand(t *testing.T) {
	w := newWorld(t, ok, nil)
	c, got := w.connect(ec2Host+":443", "")
	if !strings.HasPrefix(got, "HTTP/1.1 407 ") {
		t.Fatalf("got %q", got)
	}
	fmt.Fprintf(c, "CONNECT %s:443 HTTP/1.1\r\n%s\r\n", ec2Host, auth)
	if got := readHead(t, c); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("got %q", got)
	}
}

func TestSameUser(t *testing.T) {
	w := newWorld(t, ok, func(w *world) { w.server.SameUser, w.server.Tenant = true, "me" })
	if !sameUserKnown(t) {
		t.Skip("not available on this system")
	}
	if _, got := w.connect(ec2Host+":443", ""); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("our own process: %q", got)
	}
	if _, got := w.connect(ec2Host+":443", basicAuth("team", "wrong")); !strings.HasPrefix(got, "HTTP/1.1 407 ") {
		t.Errorf("our own process with wrong credentials: %q", got)
	}
}

func TestRequestsToTheProxyItself(t *testing.T) {
	w := newWorld(t, func(*tls.Conn) { t.Error("sent") }, nil)
	for request, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n":                                                  "HTTP/1.1 200 OK",
		"GET /admin HTTP/1.1\r\nHost: x\r\n\r\n":                                             "HTTP/1.1 404 ",
		"GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\n" + auth + "\r\n":          "HTTP/1.1 403 ",
		"GET http://169.254.169.254/latest HTTP/1.1\r\n" + auth + "\r\n":                     "HTTP/1.1 403 ",
		"GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n": "HTTP/1.1 407 ",
		"CONNECT " + ec2Host + " HTTP/1.1\r\n" + auth + "\r\n":                               "HTTP/1.1 400 ",
		"CONNECT :443 HTTP/1.1\r\n" + auth + "\r\n":                                          "HTTP/1.1 400 ",
		"CONNECT a/b:443 HTTP/1.1\r\n" + auth + "\r\n":                                       "HTTP/1.1 400 ",
		"CONNECT a:99999 HTTP/1.1\r\n" + auth + "\r\n":                                       "HTTP/1.1 400 ",
		"CONNECT a:0 HTTP/1.1\r\n" + auth + "\r\n":                                           "HTTP/1.1 400 ",
		"BAD\r\n\r\n":                 "HTTP/1.1 400 ",
		"GET / HTTP/1.1\nHost: x\n\n": "HTTP/1.1 400 ",
		"GET / HTTP/1.1\r\nA: " + strings.Repeat("x", 300<<10): "HTTP/1.1 400 ",
	} {
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(c, request)
		got, err := io.ReadAll(c)
		if !strings.HasPrefix(string(got), want) || err != nil {
			t.Errorf("%.80q: got %q, %v", request, got, err)
		}
		c.Close()
	}
}

func TestTLSToThePlainPort(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, ok, func(w *world) { w.server.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	for range 2 {
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		if tls.Client(c, &tls.Config{ServerName: "x"}).Handshake() == nil {
			t.Error("TLS with the plain port")
		}
		c.Close()
	}
	w.stop()
	w.served <- <-w.served
	if n := strings.Count(log.String(), "http://"); n != 1 {
		t.Errorf("%d hints in %q", n, log.String())
	}
}

func TestPlaintextBehindConnect(t *testing.T) {
	w := newWorld(t, func(*tls.Conn) { t.Error("sent") }, nil)
	c, _ := w.connect(ec2Host+":443", auth)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: "+ec2Host+"\r\n\r\n")
	if got, _ := io.ReadAll(c); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}

func TestDistrust(t *testing.T) {
	told := make(chan string, 1)
	w := newWorld(t, ok, func(w *world) { w.server.Distrusted = func(host string, _ error) { told <- host } })
	c, _ := w.connect(ec2Host+":443", auth)
	if tls.Client(c, &tls.Config{ServerName: ec2Host, RootCAs: rootsOf(w.aws)}).Handshake() == nil {
		t.Error("trusted another authority")
	}
	select {
	case host := <-told:
		if host != ec2Host {
			t.Errorf("told of %q", host)
		}
	case <-time.After(10 * time.Second):
		t.Error("not told")
	}
}

// SNI does not matter: who asked CONNECT for a host gets that host's certificate.
func TestOtherSNI(t *testing.T) {
	w := newWorld(t, ok, nil)
	c, _ := w.connect(ec2Host+":443", auth)
	tc := tls.Client(c, &tls.Config{ServerName: s3Host, RootCAs: rootsOf(w.ours), InsecureSkipVerify: true})
	if err := tc.Handshake(); err != nil {
		t.Fatal(err)
	}
	if names := tc.ConnectionState().PeerCertificates[0].DNSNames; len(names) != 1 || names[0] != ec2Host {
		t.Errorf("certificate for %v", names)
	}
}

func TestRefusedInside(t *testing.T) {
	w := newWorld(t, func(*tls.Conn) { t.Error("sent") }, nil)
	host := "Host: " + ec2Host + "\r\n"
	for request, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: evil.example.org\r\n\r\n":                                                      "421",
		"GET / HTTP/1.1\r\nHost: " + s3Host + "\r\n\r\n":                                                        "421",
		"GET / HTTP/1.1\r\nHost: " + ec2Host + ":8443\r\n\r\n":                                                  "421",
		"GET / HTTP/1.1\r\nHost: user@" + ec2Host + "\r\n\r\n":                                                  "421",
		"GET / HTTP/1.1\r\n\r\n":                                                                                "421",
		"GET https://evil.example.org/ HTTP/1.1\r\n" + host + "\r\n":                                            "421",
		"GET https://" + ec2Host + "@evil.example.org/ HTTP/1.1\r\n" + host + "\r\n":                            "421",
		"GET http://" + ec2Host + "/ HTTP/1.1\r\n" + host + "\r\n":                                              "421",
		"HEAD / HTTP/1.1\r\nHost: evil.example.org\r\n\r\n":                                                     "421",
		"CONNECT evil.example.org:443 HTTP/1.1\r\n" + host + "\r\n":                                             "421",
		"GET / HTTP/1.1\r\n" + host + host + "\r\n":                                                             "400",
		"POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x": "400",
		"POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!":                   "400",
		"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n":                  "400",
		"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n":                           "400",
		"GET / HTTP/1.1\r\n" + host + "A: b\r\n Transfer-Encoding: chunked\r\n\r\n":                             "400",
		"GET / HTTP/1.1\r\n" + host + "A: b\nTransfer-Encoding: chunked\r\n\r\n":                                "400",
		"GET / HTTP/1.1\r\n" + host + "A: " + strings.Repeat("x", 300<<10) + "\r\n\r\n":                         "431",
		"POST / HTTP/1.1\r\n" + host + "Content-Type: application/x-www-form-urlencoded\r\n" +
			"Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n": "400",
	} {
		c := w.open(ec2Host)
		go io.WriteString(c, request)
		if got := readHead(t, c); !strings.HasPrefix(got, "HTTP/1.1 "+want+" ") || !strings.Contains(got, "\r\nConnection: close\r\n") {
			t.Errorf("%.120q: got %q", request, got)
		}
		if body, err := io.ReadAll(c); err != nil || strings.HasPrefix(request, "HEAD ") != (len(body) == 0) {
			t.Errorf("%.120q: then came %q and %v", request, body, err)
		}
		c.Close()
	}
	if waits, _, _ := w.gov.seen(); waits != 0 {
		t.Errorf("%d refused requests came to the governor", waits)
	}
}

// A body that turns out malformed as it is streamed is not passed on beyond that, nor is its connection used again.
func TestMalformedWhileStreaming(t *testing.T) {
	arrived := make(chan string, 1)
	w := newWorld(t, func(c *tls.Conn) {
		b, _ := io.ReadAll(c)
		arrived <- string(b)
	}, nil)
	c := w.open(s3Host)
	head := "PUT /k HTTP/1.1\r\nHost: " + s3Host + "\r\nTransfer-Encoding: chunked\r\n\r\n"
	io.WriteString(c, head+"5\r\nhello\r\n0x\r\nGET /smuggled HTTP/1.1\r\n\r\n")
	if got := readHead(t, c); !strings.HasPrefix(got, "HTTP/1.1 400 ") {
		t.Errorf("got %q", got)
	}
	if got := <-arrived; strings.Contains(got, "smuggled") {
		t.Errorf("arrived %q", got)
	}
}

func TestTunnel(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, "banner ")
		got, _ := io.ReadAll(c) // to the client's half-close
		io.WriteString(c, strings.ToUpper(string(got)))
	}()
	var opened []string
	w := newWorld(t, ok, func(w *world) {
		w.server.Opened = func(host string, intercepted bool) { opened = append(opened, fmt.Sprint(host, intercepted)) }
	})
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\n%s\r\nearly ", ln.Addr(), auth)
	if got := readHead(t, c); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Fatalf("got %q", got)
	}
	io.WriteString(c, "late")
	c.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(c); string(got) != "banner EARLY LATE" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if len(opened) != 1 || opened[0] != "127.0.0.1false" {
		t.Errorf("opened %v", opened)
	}
}

func TestWhatIsTunnelled(t *testing.T) {
	for name, tt := range map[string]struct {
		authority string
		bypass    bool
		want      bool
	}{
		"AWS API":           {ec2Host + ":443", false, true},
		"upper case, dot":   {strings.ToUpper(ec2Host) + ".:443", false, true},
		"AWS API, bypassed": {ec2Host + ":443", true, false},
		"other port":        {ec2Host + ":8443", false, false},
		"other host":        {"registry.terraform.io:443", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			var got bool
			w := newWorld(t, ok, func(w *world) {
				w.server.Bypass = func(string) bool { return tt.bypass }
				w.server.Opened = func(_ string, intercepted bool) { got = intercepted }
			})
			if _, head := w.connect(tt.authority, auth); !strings.HasPrefix(head, "HTTP/1.1 200 ") || got != tt.want {
				t.Errorf("intercepted %v, want %v (%q)", got, tt.want, head)
			}
		})
	}
}

func TestUpstreamFails(t *testing.T) {
	for name, tt := range map[string]struct {
		dial func(context.Context, string, string) (net.Conn, error)
		want []string
	}{
		"refused": {
			func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("connection refused") },
			[]string{"HTTP/1.1 502 ", "BotorateUpstreamUnreachable", ec2Host, "connection refused"},
		},
		"no such host": {
			func(_ context.Context, _, addr string) (net.Conn, error) {
				return nil, &net.DNSError{Err: "no such host", Name: addr}
			},
			[]string{"HTTP/1.1 502 ", "BotorateUnknownHost", ec2Host, "no such host"},
		},
		"bad certificate": {nil, []string{"HTTP/1.1 400 ", "BotorateUntrustedUpstream", ec2Host, "certificate"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(*tls.Conn) { t.Error("sent") }, func(w *world) {
				if w.server.Roots = rootsOf(w.ours); tt.dial != nil {
					w.server.Dial = tt.dial
				}
			})
			c := w.open(ec2Host)
			io.WriteString(c, strings.Replace(describe, "POST / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nConnection: close\r\n", 1)+describeBody)
			got, err := io.ReadAll(c)
			for _, s := range tt.want {
				if !strings.Contains(string(got), s) {
					t.Errorf("no %q in %q (%v)", s, got, err)
				}
			}
			if a := w.ended(1)[0]; a.Result != report.Failed || a.Code == "" {
				t.Errorf("told of %+v", a)
			}
			if _, returned, outcomes := w.gov.seen(); returned != 1 || len(outcomes) != 0 {
				t.Errorf("%d returned, outcomes %v", returned, outcomes)
			}
		})
	}
}

func TestServeEndsGracefully(t *testing.T) {
	arrived, answer := make(chan struct{}), make(chan struct{})
	w := newWorld(t, func(c *tls.Conn) {
		readMessage(bufio.NewReader(c))
		close(arrived)
		<-answer
		io.WriteString(c, okAnswer)
		c.Read(make([]byte, 1))
	}, func(w *world) { w.server.Grace = 10 * time.Second })
	idle, active := w.open(ec2Host), w.open(ec2Host)
	io.WriteString(active, describe+describeBody)
	<-arrived
	w.stop()
	if _, err := idle.Read(make([]byte, 1)); err == nil {
		t.Error("the idle connection goes on")
	}
	if c, err := net.Dial("tcp", w.addr); err == nil {
		c.Close()
		t.Error("a new client was accepted")
	}
	close(answer)
	if got := readN(t, active, len(okAnswer)); got != okAnswer {
		t.Errorf("got %q", got)
	}
	if rest, err := io.ReadAll(active); len(rest) > 0 || err != nil {
		t.Errorf("then %q, %v", rest, err)
	}
	err := <-w.served
	w.served <- err
	if err != nil {
		t.Error(err)
	}
}

// What is in the middle of a body when Serve is to end goes through to its last byte, in either direction.
func TestServeEndsInABody(t *testing.T) {
	const half, size = 100_000, 200_000
	body := strings.Repeat("b", half)
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
	begun, stopped := make(chan struct{}), make(chan struct{})
	w := newWorld(t, func(c *tls.Conn) {
		if strings.HasPrefix(readHead(t, c), "GET ") {
			io.WriteString(c, head+body)
			<-stopped
			io.WriteString(c, body)
		} else {
			got := readN(t, c, half)
			close(begun)
			if got += readN(t, c, half); got != body+body {
				t.Error("the upload arrived changed")
			}
			io.WriteString(c, okAnswer)
		}
		c.Read(make([]byte, 1))
	}, func(w *world) { w.server.Grace = 20 * time.Second })
	idle, up, down := w.open(s3Host), w.open(s3Host), w.open(s3Host)
	io.WriteString(up, withBody("PUT", fmt.Sprintf("Content-Length: %d\r\n", size), body))
	<-begun
	io.WriteString(down, get("/", ""))
	readHead(t, down)
	readN(t, down, half)
	w.stop()
	if _, err := idle.Read(make([]byte, 1)); err == nil {
		t.Error("the idle connection goes on")
	}
	close(stopped)
	io.WriteString(up, body)
	for _, c := range []struct {
		conn *tls.Conn
		rest string
	}{{up, okAnswer}, {down, body}} {
		if got, err := io.ReadAll(c.conn); string(got) != c.rest || err != nil {
			t.Errorf("the rest has %d bytes, %v; want %d", len(got), err, len(c.rest))
		}
	}
	err := <-w.served
	w.served <- err
	if err != nil {
		t.Error(err)
	}
}

// After the grace, Serve returns whatever its clients do.
func TestServeEndsHeldAndStuck(t *testing.T) {
	arrived := make(chan struct{})
	w := newWorld(t, func(c *tls.Conn) {
		readMessage(bufio.NewReader(c))
		close(arrived)
		c.Read(make([]byte, 1)) // never answers
	}, func(w *world) {
		first := make(chan struct{}, 1)
		first <- struct{}{}
		w.gov.wait = func(ctx context.Context, _ botorate.Attempt) error {
			select {
			case <-first:
				return nil
			default:
				<-ctx.Done()
				return ctx.Err()
			}
		}
	})
	stuck := w.open(ec2Host)
	io.WriteString(stuck, describe+describeBody)
	<-arrived
	held := w.open(ec2Host)
	io.WriteString(held, describe+describeBody)
	for waits := 0; waits < 2; waits, _, _ = w.gov.seen() {
		time.Sleep(time.Millisecond)
	}
	w.stop()
	select {
	case err := <-w.served:
		w.served <- err
	case <-time.After(10 * time.Second):
		t.Fatal("Serve does not return")
	}
	w.ended(2)
}

func TestPanicEndsOneConnection(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, ok, func(w *world) {
		w.server.Log = slog.New(slog.NewTextHandler(&log, nil))
		w.gov.wait = func(_ context.Context, a botorate.Attempt) error {
			if len(w.gov.asked) == 1 {
				panic("secret " + a.Tenant)
			}
			return nil
		}
	})
	c := w.open(ec2Host)
	io.WriteString(c, describe+describeBody)
	if got, _ := io.ReadAll(c); len(got) != 0 {
		t.Errorf("got %q", got)
	}
	c = w.open(ec2Host)
	io.WriteString(c, describe+describeBody)
	readN(t, c, 10)
	w.stop()
	w.served <- <-w.served
	if !strings.Contains(log.String(), "panicked") || strings.Contains(log.String(), "secret") {
		t.Errorf("log %q", log.String())
	}
}
