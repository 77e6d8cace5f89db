package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
	"time"

	"github.com/botorate/botorate/internal/relay"
)

const (
	dialTimeout   = 10 * time.Second // for one TCP connection
	parentTimeout = 15 * time.Second // for a parent proxy's answer to CONNECT, which includes its own dialling
)

// An egressError is a destination that we don't connect to, whatever happens.
type egressError struct {
	addr string
	why  string
}

func (e *egressError) Error() string { return "connecting to " + e.addr + " is not allowed: " + e.why }

// ownAddresses are those that we listen on.
type ownAddresses struct {
	mu    sync.Mutex
	count map[netip.AddrPort]int
}

// add adds an address until the returned function is called.
func (o *ownAddresses) add(a net.Addr) (remove func()) {
	own, ok := addrPort(a)
	if !ok {
		return func() {}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.count == nil {
		o.count = map[netip.AddrPort]int{}
	}
	o.count[own]++
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.count[own]--; o.count[own] == 0 {
			delete(o.count, own)
		}
	}
}

// has reports whether a connection to a would end at one of our listeners.
func (o *ownAddresses) has(a netip.AddrPort) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for own := range o.count {
		if own.Port() != a.Port() {
			continue
		}
		if own.Addr() == a.Addr() || a.Addr().IsUnspecified() || own.Addr().IsUnspecified() && isLocal(a.Addr()) {
			return true
		}
	}
	return false
}

// isLocal reports whether ip is one of this machine's; if that can't be told, it might be.
func isLocal(ip netip.Addr) bool {
	if ip.IsLoopback() {
		return true
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip.AsSlice()) {
			return true
		}
	}
	return false
}

// addrPort is a TCP address in its plain form: IPv4 not mapped, no zone.
func addrPort(a net.Addr) (netip.AddrPort, bool) {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	return netip.AddrPortFrom(ip, tcp.AddrPort().Port()), ip.IsValid()
}

// An allowance says which of the destinations that are not always refused a connection may have.
type allowance uint8

const (
	noLoopback   allowance = iota // tunnels: what listens here only trusts this machine
	withLoopback                  // upstreams that must show a certificate for an AWS name, and proxies that the user named
)

// permit judges one address before it is dialled. Private ranges are allowed: VPC endpoints are there.
func (s *Server) permit(a netip.AddrPort, allow allowance) error {
	refuse := func(why string) error { return &egressError{a.String(), why} }
	ip := embedded(a.Addr())
	plain := netip.AddrPortFrom(ip, a.Port())
	switch {
	case !ip.IsValid():
		return refuse("not an IP address")
	case ip.IsUnspecified(), ip.Is4() && ip.As4()[0] == 0:
		return refuse("no destination")
	case ip.IsMulticast(), ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return refuse("multicast")
	case ip.IsLinkLocalUnicast(), isMetadata(ip):
		return refuse("link-local and metadata addresses belong to this machine alone")
	case s.own.has(plain), s.Forbidden != nil && s.Forbidden(plain):
		return refuse("that is botorate itself")
	case ip.IsLoopback() && allow == noLoopback:
		return refuse("loopback")
	}
	return nil
}

// isMetadata reports whether ip is in fd00:ec2::/32, where EC2 serves metadata and credentials over IPv6
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html, 2026-11-23).
func isMetadata(ip netip.Addr) bool {
	b := ip.As16()
	return ip.Is6() && b[0] == 0xfd && b[1] == 0 && b[2] == 0x0e && b[3] == 0xc2
}

// embedded returns the IPv4 address that an IPv6 address leads to: mapped, compatible, NAT64, 6to4 or Teredo; else ip.
func embedded(ip netip.Addr) netip.Addr {
	ip = ip.Unmap().WithZone("")
	if !ip.Is6() || ip == netip.IPv6Loopback() || ip.IsUnspecified() {
		return ip
	}
	b := ip.As16()
	v4 := func(at []byte) netip.Addr { return netip.AddrFrom4([4]byte(at)) }
	switch {
	case bytes.Equal(b[:12], make([]byte, 12)), // ::a.b.c.d
		bytes.HasPrefix(b[:], []byte{0, 0x64, 0xff, 0x9b}): // 64:ff9b::/96 and, with any prefix of ours, 64:ff9b:1::/48
		return v4(b[12:])
	case b[0] == 0x20 && b[1] == 0x02: // 2002::/16
		return v4(b[2:6])
	case bytes.HasPrefix(b[:], []byte{0x20, 0x01, 0, 0}): // 2001::/32
		return v4([]byte{^b[12], ^b[13], ^b[14], ^b[15]})
	}
	return ip
}

// dial connects to the target, through the parent proxy if it has one. A name is resolved once, and what it resolves to is
// judged and dialled. Where somebody else resolves (a Dial of the caller's, a parent), only addresses given as such and the
// end of the connection can be judged.
func (s *Server) dial(ctx context.Context, to target, parent *url.URL, allow allowance) (net.Conn, error) {
	if ip, err := netip.ParseAddr(to.host); err == nil && (parent != nil || s.Dial != nil) {
		if err := s.permit(netip.AddrPortFrom(ip, to.port), withLoopback); err != nil {
			return nil, err
		}
	}
	if parent != nil {
		return s.dialParent(ctx, to, parent)
	}
	return s.dialTCP(ctx, to.String(), allow)
}

func (s *Server) dialTCP(ctx context.Context, addr string, allow allowance) (net.Conn, error) {
	if s.Dial != nil {
		return s.dialCustom(ctx, addr)
	}
	d := net.Dialer{
		Timeout: dialTimeout,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			a, err := netip.ParseAddrPort(address)
			if err != nil {
				return &egressError{address, "not an IP address"}
			}
			return s.permit(a, allow)
		},
	}
	return d.DialContext(ctx, "tcp", addr)
}

func (s *Server) dialCustom(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := s.Dial(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if a, ok := addrPort(conn.RemoteAddr()); ok {
		if err := s.permit(a, withLoopback); err != nil {
			_ = conn.Close()
			return nil, err
		}
	}
	return conn, nil
}

// A parentError is a parent proxy that does not let us through.
type parentError struct {
	parent *url.URL
	err    error
}

func (e *parentError) Error() string {
	return fmt.Sprintf("through the proxy %s://%s: %v", e.parent.Scheme, e.parent.Host, e.err)
}

func (e *parentError) Unwrap() error { return e.err }

// dialParent asks a parent proxy for a tunnel to the target.
func (s *Server) dialParent(ctx context.Context, to target, parent *url.URL) (net.Conn, error) {
	conn, err := s.connectParent(ctx, parent)
	if err != nil {
		return nil, &parentError{parent, err}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	through, err := s.askParent(conn, to, parent.User)
	if err != nil {
		_ = conn.Close()
		return nil, &parentError{parent, err}
	}
	return through, nil
}

func (s *Server) connectParent(ctx context.Context, parent *url.URL) (net.Conn, error) {
	port := parent.Port()
	switch {
	case parent.Scheme != "http" && parent.Scheme != "https":
		return nil, fmt.Errorf("its scheme is %q: only http and https are known", parent.Scheme)
	case port == "" && parent.Scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	conn, err := s.dialTCP(ctx, net.JoinHostPort(parent.Hostname(), port), withLoopback)
	if err != nil || parent.Scheme == "http" {
		return conn, err
	}
	return s.secure(ctx, conn, parent.Hostname())
}

// askParent sends CONNECT and reads the answer.
func (s *Server) askParent(conn net.Conn, to target, user *url.Userinfo) (net.Conn, error) {
	if err := conn.SetDeadline(time.Now().Add(parentTimeout)); err != nil {
		return nil, err
	}
	ask := "CONNECT " + to.String() + " HTTP/1.1\r\nHost: " + to.String() + "\r\n"
	if user != nil {
		password, _ := user.Password()
		ask += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)) + "\r\n"
	}
	if _, err := conn.Write([]byte(ask + "\r\n")); err != nil {
		return nil, err
	}
	in := relay.NewReader(conn, &s.buffers)
	raw, err := in.PeekHead()
	if err != nil {
		return nil, fmt.Errorf("read its answer to CONNECT: %w", err)
	}
	var head relay.Head
	if err := head.ParseResponse(raw); err != nil {
		return nil, err
	}
	switch {
	case head.Status == 407:
		return nil, errors.New("it answered 407: it wants other credentials, as http://NAME:PASSWORD@HOST:PORT")
	case head.Status < 200 || head.Status > 299:
		return nil, fmt.Errorf("it answered %d to CONNECT", head.Status)
	}
	in.Discard(len(raw))
	through := withFront(conn, in)
	return through, conn.SetDeadline(time.Time{})
}

// secure is the client side of TLS: verified always, HTTP/1.1 only.
func (s *Server) secure(ctx context.Context, conn net.Conn, host string) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, headTimeout)
	defer cancel()
	t := tls.Client(conn, &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         host,
		RootCAs:            s.Roots,
		NextProtos:         []string{"http/1.1"},
		ClientSessionCache: s.sessions,

		DynamicRecordSizingDisabled: true, // a head is of use only when all of it is there
	})
	if err := t.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("TLS with %s: %w", host, err)
	}
	return t, nil
}

// A fronted connection gives the bytes that were read too early before it reads on.
type fronted struct {
	net.Conn
	front []byte
}

// withFront is conn with what a reader of it has read ahead. The reader is at its end.
func withFront(conn net.Conn, in *relay.Reader) net.Conn {
	front := bytes.Clone(in.Buffered())
	in.Discard(len(front))
	in.Release()
	if len(front) == 0 {
		return conn
	}
	return &fronted{conn, front}
}

func (c *fronted) Read(p []byte) (int, error) {
	if len(c.front) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.front)
	if c.front = c.front[n:]; len(c.front) == 0 {
		c.front = nil
	}
	return n, nil
}

// bottom is the connection to the system below all that wraps it.
func bottom(c net.Conn) net.Conn {
	for {
		switch w := c.(type) {
		case *fronted:
			c = w.Conn
		case *link:
			c = w.Conn
		case *tls.Conn:
			c = w.NetConn()
		default:
			return c
		}
	}
}

// bare is the connection below what wraps it, as far as nothing would be lost.
func bare(c net.Conn) net.Conn {
	if f, ok := c.(*fronted); ok && len(f.front) == 0 {
		return f.Conn
	}
	return c
}
