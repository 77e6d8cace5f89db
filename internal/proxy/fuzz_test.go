package proxy

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/botorate/botorate/internal/relay"
	"github.com/botorate/botorate/quota"
)

// FuzzConnectTarget: what CONNECT names is a plain name or address and a port, and means the same when it is written again.
func FuzzConnectTarget(f *testing.F) {
	for _, s := range []string{
		ec2Host + ":443", "H.:1", "[::1]:443", "[fe80::1%eth0]:443", "[80::1%eth ]:4", "[FE80::1%Eth0]:443", "[::1%a/b]:1", "1.2.3.4:0", "h:65536", "h:+1", "h:", ":443", "h", "a b:1", "a/b:1", "u@h:1", "[h]:1", "h:1:2",
		"\xff:1", "-:1", "..:1", "h\r\nX: y:1", "0x7f.1:80",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		to, err := parseAuthority(s)
		if err != nil {
			return
		}
		name, _, _ := strings.Cut(to.host, "%") // a zone's case counts
		if strings.ContainsAny(to.host, " \r\n\t/@?#\\\x00") || to.host == "" || name != strings.ToLower(name) {
			t.Errorf("%q became host %q", s, to.host)
		}
		host, port, err := net.SplitHostPort(to.String())
		if n, _ := strconv.Atoi(port); err != nil || host != to.host || n != int(to.port) || n == 0 {
			t.Errorf("%q became %q, which is %q and %q, %v", s, to, host, port, err)
		}
		if again, err := parseAuthority(to.String()); err != nil || strings.TrimSuffix(again.host, ".") != strings.TrimSuffix(to.host, ".") || again.port != to.port {
			t.Errorf("%q became %q, then %q, %v", s, to, again, err)
		}
	})
}

// FuzzMisdirected: a request that passes is for the host of CONNECT in the eyes of net/http, too.
func FuzzMisdirected(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: " + ec2Host + "\r\n\r\n",
		"GET https://" + ec2Host + ":443/x HTTP/1.1\r\nHost: " + strings.ToUpper(ec2Host) + ".:443\r\n\r\n",
		"GET https://evil@" + ec2Host + "/ HTTP/1.1\r\nHost: " + ec2Host + "\r\n\r\n",
		"GET https://" + ec2Host + ":443@evil/ HTTP/1.1\r\nHost: " + ec2Host + "\r\n\r\n",
		"GET https://" + ec2Host + "\\@evil/ HTTP/1.1\r\nHost: " + ec2Host + "\r\n\r\n",
		"GET //evil/ HTTP/1.1\r\nHost: " + ec2Host + "\r\n\r\n",
		"GET http://evil/ HTTP/1.1\r\nHost: " + ec2Host + "\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: " + ec2Host + ", evil\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: evil\r\nX-Host: " + ec2Host + "\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		x := &session{to: route{target: target{host: ec2Host, port: 443}}}
		if x.req.ParseRequest(raw) != nil || x.misdirected() != nil {
			return
		}
		req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return // a target that it can't parse
		}
		host := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(req.Host), ":443"), ":")
		if strings.TrimSuffix(host, ".") != ec2Host {
			t.Errorf("%q is for %q", raw, req.Host)
		}
	})
}

func encoded(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// FuzzCredentials: whoever is let in has named a tenant and its password.
func FuzzCredentials(f *testing.F) {
	for _, s := range []string{
		"Basic " + encoded("team:secret"), "basic  " + encoded("team:secret"), "Basic " + encoded("team:"), "Basic " + encoded(":secret"),
		"Basic " + encoded("none:"), "Basic " + encoded("team"), "Bearer x", "Basic", "Basic ====", encoded("team:secret"),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, field string) {
		s := &Server{Tenants: map[string]string{"team": "secret", "none": ""}}
		user, password, ok := basic(field)
		if !ok {
			return
		}
		if got, want := s.admits(user, password), user == "team" && password == "secret"; got != want {
			t.Errorf("%q: let in %v, want %v", field, got, want)
		}
	})
}

// FuzzExchange: whatever a client says, what we take for an attempt is one to the last byte, and something can be said of it.
func FuzzExchange(f *testing.F) {
	for _, s := range []string{
		get("/", ""), get("/", "") + withBody("PUT", chunked, "5\r\nhello\r\n0\r\n\r\n"), withBody("PUT", "Content-Length: 5\r\n", "hello") + "x",
		get("/", "Connection: close\r\n"), "BAD\r\n\r\n", withBody("PUT", chunked, "5\r\nhelloX"),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		in := relay.NewReader(bytes.NewReader(p), new(relay.Buffers))
		x := &session{client: &client{s: &Server{Policy: &quota.Policy{}}, raw: &link{}}, in: in, to: route{target: target{host: s3Host, port: 443}}}
		x.watch.x = x
		for range 100 {
			raw, err := in.PeekHead()
			if err != nil {
				return
			}
			x.begin(raw)
			if x.parse() != nil || x.readBody() != nil {
				return
			}
			if !skipBody(x) {
				return
			}
			x.identify()
			if len(x.msg) < x.head || x.asked.Action() == "" || len(x.draws) == 0 || x.until.Before(x.arrived) {
				t.Errorf("identified %+v, until %v after %v", x.report(), x.until, x.arrived)
			}
		}
	})
}

// skipBody reads the body to its end, if there is one.
func skipBody(x *session) bool {
	for !x.body.Done() {
		if len(x.in.Buffered()) == 0 && x.in.Fill() != nil {
			return false
		}
		n, err := x.body.Scan(x.in.Buffered())
		if x.in.Discard(n); err != nil {
			return false
		}
	}
	return true
}
