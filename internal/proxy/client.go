package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/botorate/botorate/internal/relay"
	"github.com/botorate/botorate/internal/wire"
)

const (
	// Each is the most; half of it is granted (see link).
	idleTimeout = 5 * time.Minute  // between two attempts of a client, between two pieces of a request's body, and for any write
	headTimeout = 30 * time.Second // for a message head from its first byte on, and for a TLS handshake
)

// recordHandshake is the first byte of a TLS connection.
const recordHandshake = 0x16

// A client is one connection to the proxy's port.
type client struct {
	s        *Server
	raw      *link
	plain    *relay.Reader // of raw, until the tunnel begins
	watchman *watchman

	tenant string
	state  atomic.Int32
	last   atomic.Bool              // the attempt in flight is the last one
	up     atomic.Pointer[upstream] // where the attempt in flight was sent
	watch  watch                    // what the attempt in flight waits for
}

// A client's states. Only an idle one can be closed without harm.
const (
	busy int32 = iota
	idle
	closed
)

// leaveWhenIdle closes the connection now if it is idle, else after the attempt in flight.
func (c *client) leaveWhenIdle() {
	c.last.Store(true)
	if c.state.CompareAndSwap(idle, closed) {
		_ = c.raw.Close()
	}
}

// abort ends whatever the connection does.
func (c *client) abort() {
	_ = c.raw.Close()
	if up := c.up.Load(); up != nil {
		up.close()
	}
	c.watch.abandon()
}

// await waits for the first byte of a message, during which the connection may be closed.
func (c *client) await(in *relay.Reader) error {
	if len(in.Buffered()) > 0 {
		return nil
	}
	c.state.Store(idle)
	if c.last.Load() {
		return net.ErrClosed
	}
	c.raw.readWithin(idleTimeout)
	if err := in.Await(); err != nil {
		return err
	}
	if !c.state.CompareAndSwap(idle, busy) {
		return net.ErrClosed
	}
	return nil
}

// readHead waits for a message and returns its head, which is not yet discarded.
func (c *client) readHead(in *relay.Reader) ([]byte, error) {
	if err := c.await(in); err != nil {
		return nil, err
	}
	c.raw.readWithin(headTimeout)
	return in.PeekHead()
}

// serve answers requests to the proxy itself until one of them makes the connection a tunnel. It returns a session when
// the tunnel is to be intercepted.
func (c *client) serve(ctx context.Context) *session {
	for {
		if c.await(c.plain) != nil {
			return nil
		}
		if c.plain.Buffered()[0] == recordHandshake {
			c.hintTLS()
			return nil
		}
		raw, err := c.readHead(c.plain)
		var head relay.Head
		if err == nil {
			err = head.ParseRequest(raw)
		}
		if err != nil {
			if refusable(err) {
				c.answer("400 Bad Request", "", "botorate: "+err.Error())
			}
			return nil
		}
		if x, again := c.request(ctx, &head); !again {
			return x
		}
	}
}

// hintTLS tells once what a TLS client at the plain port means: https:// in HTTPS_PROXY.
func (c *client) hintTLS() {
	if !c.s.hinted.Swap(true) {
		c.s.log.Warn("a client spoke TLS to the proxy's port",
			slog.String("hint", "the proxy's address begins with http://, also in HTTPS_PROXY"))
	}
}

// refusable reports whether an error in a head can be answered: the peer is there, but what it says is no HTTP.
func refusable(err error) bool {
	var bad *relay.MalformedError
	return errors.As(err, &bad) || errors.Is(err, relay.ErrHeadTooLarge)
}

// request handles one request to the proxy itself, and reports whether another can follow. If not, it may be followed by a session.
func (c *client) request(ctx context.Context, head *relay.Head) (x *session, again bool) {
	target := string(head.Target)
	if string(head.Method) != "CONNECT" && strings.HasPrefix(target, "/") {
		c.page(target)
		return nil, false
	}
	tenant, ok := c.authenticate(string(head.Get("Proxy-Authorization")))
	if !ok {
		again = !head.Close && !head.HasBody()
		c.plain.Discard(len(head.Raw))
		c.demandCredentials(again)
		return nil, again
	}
	c.tenant = tenant
	if string(head.Method) != "CONNECT" {
		c.answer("403 Forbidden", "", "botorate carries HTTPS by CONNECT only. Set HTTPS_PROXY to this proxy and leave HTTP_PROXY as it was.")
		return nil, false
	}
	to, err := parseAuthority(target)
	if err != nil {
		c.answer("400 Bad Request", "", "botorate: "+err.Error())
		return nil, false
	}
	c.plain.Discard(len(head.Raw))
	return c.connect(ctx, to), false
}

// page says what this is to somebody who opens the proxy's address in a browser.
func (c *client) page(target string) {
	if target != "/" {
		c.answer("404 Not Found", "", "This is the botorate proxy. There is nothing here.")
		return
	}
	c.answer("200 OK", "", "This is the botorate proxy. It paces AWS API calls.\n"+
		"Use it as HTTPS_PROXY, or let `botorate run -- COMMAND` set up a command for it.")
}

// answer sends a short text and announces the end of the connection.
func (c *client) answer(status, fields, text string) {
	c.write(fmt.Sprintf("HTTP/1.1 %s\r\n%sContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"+
		"Content-Length: %d\r\nConnection: close\r\n\r\n%s\n", status, fields, len(text)+1, text))
	linger(c.raw, c.raw)
}

func (c *client) write(s string) {
	if _, err := c.raw.Write([]byte(s)); err != nil {
		c.s.log.Debug("answering a proxy client failed", slog.Any("error", err))
	}
}

// A target is where a CONNECT leads to.
type target struct {
	host string // a name in lower case without a final dot, or an address as netip writes it
	port uint16
}

func (t target) String() string { return net.JoinHostPort(t.host, strconv.Itoa(int(t.port))) }

func parseAuthority(s string) (target, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return target{}, errors.New("CONNECT needs host:port")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return target{}, fmt.Errorf("CONNECT to port %q", clip(port))
	}
	if a, err := netip.ParseAddr(host); err == nil && (a.Zone() == "" || isHostName(a.Zone())) {
		return target{host: a.String(), port: uint16(n)}, nil
	}
	if !isHostName(host) {
		return target{}, fmt.Errorf("CONNECT to host %q", clip(host))
	}
	return target{host: strings.ToLower(strings.TrimSuffix(host, ".")), port: uint16(n)}, nil
}

func isHostName(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_':
		default:
			return false
		}
	}
	return s != "" && s[0] != '.' && len(s) <= 254 && !strings.Contains(s, "..")
}

func clip(s string) string { return s[:min(len(s), 80)] }

// connect opens the way to the target: an interception if it is an AWS API, else a tunnel.
func (c *client) connect(ctx context.Context, to target) *session {
	intercepted := to.port == 443 && wire.Intercepted(to.host) && (c.s.Bypass == nil || !c.s.Bypass(to.host))
	if c.s.Opened != nil {
		c.s.Opened(to.host, intercepted)
	}
	if intercepted {
		return c.intercept(ctx, to)
	}
	c.tunnel(ctx, to)
	return nil
}
