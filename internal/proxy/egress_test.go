package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/botorate/botorate/internal/relay"
)

func TestPermit(t *testing.T) {
	s := &Server{Forbidden: func(a netip.AddrPort) bool { return a == netip.MustParseAddrPort("10.0.0.9:9000") }}
	defer s.own.add(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080})()
	defer s.own.add(&net.TCPAddr{IP: net.IPv6unspecified, Port: 9090})()
	const (
		refused  = 0
		upstream = 1 // for upstreams only
		allowed  = 2
	)
	for addr, want := range map[string]int{
		"52.94.0.1:443": allowed, "[2600:1f00::1]:443": allowed,
		"10.0.0.1:443": allowed, "172.16.0.1:443": allowed, "192.168.0.1:443": allowed, "[fd12::1]:443": allowed, "100.64.0.1:443": allowed,
		"127.0.0.1:443": upstream, "127.9.9.9:443": upstream, "[::1]:443": upstream, "[::ffff:127.0.0.1]:443": upstream,
		"[64:ff9b::127.0.0.1]:443": upstream, "[::127.0.0.1]:443": upstream,
		"169.254.169.254:80": refused, "169.254.170.2:80": refused, "[fe80::1%eth0]:443": refused, "[fd00:ec2::254]:80": refused,
		"[fd00:ec2::23]:80": refused, "[::ffff:169.254.169.254]:80": refused, "[64:ff9b::a9fe:a9fe]:80": refused,
		"[64:ff9b:1::a9fe:a9fe]:80": refused, "[2002:a9fe:a9fe::1]:80": refused, "[2001:0:1:2:3:4:5601:5601]:80": refused,
		"0.0.0.0:443": refused, "0.1.2.3:443": refused, "[::]:443": refused, "224.0.0.1:443": refused, "[ff02::1]:443": refused, "255.255.255.255:443": refused,
		"127.0.0.1:8080": refused, "[::ffff:127.0.0.1]:8080": refused, "127.0.0.1:9090": refused, "[::1]:9090": refused, "10.0.0.9:9000": refused,
		"10.0.0.9:9001": allowed,
	} {
		a := netip.MustParseAddrPort(addr)
		got := refused
		if s.permit(a, withLoopback) == nil {
			got = upstream
		}
		if s.permit(a, noLoopback) == nil {
			got = allowed
		}
		if got != want {
			t.Errorf("%s: got %d, want %d", addr, got, want)
		}
	}
}

// Nothing that this machine keeps to itself is reached through the proxy, by whatever name.
func TestForbiddenDestinations(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	w := newWorld(t, ok, func(w *world) { w.server.Dial = nil })
	_, own, _ := net.SplitHostPort(w.addr)
	for _, to := range []string{
		"127.0.0.1:" + port, "localhost:" + port, "[::1]:" + port, "[::ffff:127.0.0.1]:" + port, "0.0.0.0:" + port, "127.0.0.1:" + own,
		"169.254.169.254:80", "[fd00:ec2::254]:80",
	} {
		_, got := w.connect(to, auth)
		if !strings.HasPrefix(got, "HTTP/1.1 403 ") && !strings.HasPrefix(got, "HTTP/1.1 502 ") {
			t.Errorf("%s: %q", to, got)
		}
		if strings.HasPrefix(to, "127.") && !strings.HasPrefix(got, "HTTP/1.1 403 ") {
			t.Errorf("%s: %q, want 403", to, got)
		}
	}
	ln.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Millisecond))
	if c, err := ln.Accept(); err == nil {
		t.Errorf("a connection from %v", c.RemoteAddr())
	}
}

// Where a Dial of the caller's leads is judged too.
func TestForbiddenByCustomDial(t *testing.T) {
	var own string
	w := newWorld(t, ok, func(w *world) {
		dial := w.server.Dial
		w.server.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if strings.HasPrefix(addr, "leads-to-ourselves.") {
				addr = own
			}
			return dial(ctx, network, addr)
		}
	})
	own = w.addr
	for _, to := range []string{own, "leads-to-ourselves.example.org:443", "169.254.169.254:80", "[::ffff:169.254.169.254]:80"} {
		if _, got := w.connect(to, auth); !strings.HasPrefix(got, "HTTP/1.1 403 ") {
			t.Errorf("%s: %q", to, got)
		}
	}
}

// A corporate is a proxy of the test's: it notes what it is asked, wants credentials, and leads to one address.
type corporate struct {
	addr   string
	secure *tls.Config // of the proxy itself; nil for plain
	to     string
	asked  chan string
}

func (p *corporate) start(t *testing.T) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	p.addr, p.asked = ln.Addr().String(), make(chan string, 10)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			if p.secure != nil {
				c = tls.Server(c, p.secure)
			}
			go p.serve(c)
		}
	}()
}

func (p *corporate) serve(c net.Conn) {
	defer c.Close()
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	p.asked <- r.Method + " " + r.Host
	r.Header["Authorization"] = r.Header["Proxy-Authorization"]
	if user, password, _ := r.BasicAuth(); user != "corp" || password != "p@ss" {
		io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
		return
	}
	there, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer there.Close()
	io.WriteString(c, "HTTP/1.1 200 OK\r\nX: y\r\n\r\n")
	go func() { io.Copy(there, c); there.Close() }()
	io.Copy(c, there)
}

func TestParentProxy(t *testing.T) {
	t.Run("http", func(t *testing.T) { testParentProxy(t, "http") })
	t.Run("https", func(t *testing.T) { testParentProxy(t, "https") })
}

func testParentProxy(t *testing.T, scheme string) {
	t.Helper()
	requests := make(chan string, 10)
	var p corporate
	w := newWorld(t, answers(requests, okAnswer), func(w *world) {
		p.to = w.listenAWS(answers(requests, okAnswer))
		if scheme == "https" {
			p.secure, _ = w.aws.TLSConfig("proxy.amazonaws.com")
		}
		p.start(t)
		w.server.Dial = nil
		parent := &url.URL{Scheme: scheme, Host: p.addr, User: url.UserPassword("corp", "p@ss")}
		if scheme == "https" {
			parent.Host = "proxy.amazonaws.com:3128"
			w.server.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, p.addr)
			}
		}
		w.server.Parent = func(string) *url.URL { return parent }
	})
	c := w.open(ec2Host)
	for range 2 {
		io.WriteString(c, describe+describeBody)
		if got := readN(t, c, len(okAnswer)); got != okAnswer {
			t.Fatalf("got %q", got)
		}
		if r := <-requests; r != describe+describeBody { // above all, without the credentials
			t.Errorf("arrived %q", r)
		}
	}
	checkAsked(t, &p, "CONNECT "+ec2Host+":443") // once: the connection is used again
	if _, got := w.connect("registry.terraform.io:443", auth); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("tunnel: %q", got)
	}
	checkAsked(t, &p, "CONNECT registry.terraform.io:443")
	if _, got := w.connect("169.254.169.254:80", auth); !strings.HasPrefix(got, "HTTP/1.1 403 ") || len(p.asked) != 0 {
		t.Errorf("metadata through the parent: %q", got)
	}
}

// checkAsked checks that the corporate proxy was asked this and nothing more.
func checkAsked(t *testing.T, p *corporate, want string) {
	t.Helper()
	if got := <-p.asked; got != want || len(p.asked) != 0 {
		t.Errorf("asked %q and %d more, want %q", got, len(p.asked), want)
	}
}

func TestParentProxyFails(t *testing.T) {
	var p corporate
	p.start(t)
	for name, tt := range map[string]struct {
		parent func(w *world) string
		want   string
	}{
		"wrong credentials": {func(*world) string { return "http://corp:wrong@" + p.addr }, "407"},
		"none there":        {func(*world) string { return "http://corp:wrong@" + closedPort(t) }, "refused"},
		"unknown scheme":    {func(*world) string { return "socks5://127.0.0.1:1" }, "socks5"},
		"ourselves":         {func(w *world) string { return "http://" + w.addr }, "botorate itself"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, ok, func(w *world) {
				w.server.Dial = nil
				w.server.Parent = func(string) *url.URL { u, _ := url.Parse(tt.parent(w)); return u }
			})
			c := w.open(ec2Host)
			io.WriteString(c, strings.Replace(describe, "\r\n", "\r\nConnection: close\r\n", 1)+describeBody)
			got, _ := io.ReadAll(c)
			if !strings.Contains(string(got), tt.want) || strings.Contains(string(got), "wrong@") {
				t.Errorf("got %q", got)
			}
		})
	}
}

// closedPort is an address at which nobody listens any more.
func closedPort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func TestPoolIsBounded(t *testing.T) {
	var p pool
	k := poolKey{target: target{"h", 443}}
	s := &Server{}
	now := time.Now()
	for range maxIdle + 10 {
		here, there := net.Pipe()
		defer there.Close()
		conn := tls.Client(here, &tls.Config{ServerName: "h"})
		p.put(k, &upstream{conn: conn, in: relay.NewReader(conn, &s.buffers), keep: time.Minute}, now)
	}
	if n := len(p.idle[k]); n != maxIdle {
		t.Errorf("%d idle", n)
	}
	if u := p.get(k, now.Add(2*time.Minute)); u != nil {
		t.Error("an old connection was used again")
	}
	p.closeIdle()
	if len(p.idle) != 0 || p.timer != nil {
		t.Error("something is left")
	}
}

func TestExplain(t *testing.T) {
	to := target{"ec2.amazonaws.com", 443}
	for _, tt := range []struct {
		err    error
		status int
	}{
		{&egressError{"169.254.1.1:443", "x"}, 403},
		{&net.OpError{Op: "dial", Err: &egressError{"127.0.0.1:443", "x"}}, 403},
		{&net.DNSError{Err: "no such host"}, 502},
		{&parentError{&url.URL{Scheme: "http", Host: "p", User: url.UserPassword("u", "secret")}, errors.New("x")}, 502},
		{errors.New("x"), 502},
	} {
		status, code, text := explain(to, tt.err)
		if status != tt.status || code == "" || !strings.Contains(text, to.host) || strings.Contains(text, "secret") {
			t.Errorf("%v: got %d %s %q", tt.err, status, code, text)
		}
	}
}
