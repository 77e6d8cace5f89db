package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/botorate/botorate/internal/relay"
)

const (
	maxSessions = 256 // TLS sessions kept for resumption
	maxIdle     = 128 // idle connections kept to one host through one parent

	// How long an idle connection is kept. One whose state can be looked at is closed by the other side sooner or later, which
	// is seen before it is used again; one that can't be looked at must not be kept for as long as AWS might.
	idleProbed   = 50 * time.Second
	idleUnprobed = 4 * time.Second
)

// A route is the way to a target, and the key of the pool.
type route struct {
	target
	parent string // empty for direct
	via    *url.URL
}

func (r route) key() poolKey { return poolKey{r.target, r.parent} }

type poolKey struct {
	target
	parent string
}

// route looks up the parent proxy of a target.
func (s *Server) route(to target) route {
	r := route{target: to}
	if s.Parent != nil {
		if r.via = s.Parent(to.String()); r.via != nil {
			r.parent = r.via.String()
		}
	}
	return r
}

// An upstream is a connection to an AWS API. One attempt uses it at a time.
type upstream struct {
	conn  *tls.Conn
	link  *link // below conn
	in    *relay.Reader
	probe prober

	reused bool
	since  time.Time // idle since then
	keep   time.Duration
	once   sync.Once
}

// close ends the connection. It is safe to call at any time, and more than once.
func (u *upstream) close() {
	// Below TLS, whose own Close waits for a Write that is stuck.
	u.once.Do(func() { _ = bottom(u.conn).Close() })
}

// quiet makes the connection ready for another attempt, and reports whether the other side has said nothing beyond its answer:
// neither in our buffer nor in TLS's, where the next attempt would take it for its own.
func (u *upstream) quiet() bool {
	if len(u.in.Buffered()) > 0 {
		return false
	}
	u.link.shut = true
	defer func() { u.link.shut = false }()
	return isTimeout(u.in.Await())
}

// stale reports whether the connection can't take another attempt.
func (u *upstream) stale(now time.Time) bool {
	return now.Sub(u.since) > u.keep || u.probe.known() && u.probe.readable()
}

// connect returns a connection to the target: an idle one unless fresh, else a new one.
func (s *Server) connect(ctx context.Context, r route, fresh bool) (*upstream, error) {
	if !fresh {
		if u := s.pool.get(r.key(), time.Now()); u != nil {
			u.reused = true
			return u, nil
		}
	}
	through, err := s.dial(ctx, r.target, r.via, withLoopback)
	if err != nil {
		return nil, err
	}
	raw := &link{Conn: through}
	conn, err := s.secure(ctx, raw, r.host)
	if err != nil {
		return nil, err
	}
	u := &upstream{conn: conn, link: raw, in: relay.NewReader(conn, &s.buffers), keep: idleUnprobed}
	if u.probe.open(raw); u.probe.known() {
		u.keep = idleProbed
	}
	return u, nil
}

// A pool keeps idle upstreams for the next attempt. The zero value is ready for use.
type pool struct {
	mu    sync.Mutex
	idle  map[poolKey][]*upstream // the latest last
	timer *time.Timer             // runs while anything is idle
}

// get takes the upstream that was used last: the others can so grow old and be closed.
func (p *pool) get(k poolKey, now time.Time) *upstream {
	for {
		u := p.pop(k)
		if u == nil || !u.stale(now) {
			return u
		}
		u.close()
	}
}

func (p *pool) pop(k poolKey) *upstream {
	p.mu.Lock()
	defer p.mu.Unlock()
	us := p.idle[k]
	if len(us) == 0 {
		return nil
	}
	last := len(us) - 1
	u := us[last]
	us[last] = nil
	p.idle[k] = us[:last]
	return u
}

// put keeps u for the next attempt.
func (p *pool) put(k poolKey, u *upstream, now time.Time) {
	u.in.Release()
	u.since = now
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle[k]) >= maxIdle {
		u.close()
		return
	}
	if p.idle == nil {
		p.idle = map[poolKey][]*upstream{}
	}
	p.idle[k] = append(p.idle[k], u)
	if p.timer == nil {
		p.timer = time.AfterFunc(idleUnprobed, p.sweep)
	}
}

// sweep closes what has been idle for too long, and comes again while anything is left.
func (p *pool) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for k, us := range p.idle {
		kept := us[:0]
		for _, u := range us {
			if u.stale(now) {
				u.close()
			} else {
				kept = append(kept, u)
			}
		}
		clear(us[len(kept):])
		if p.idle[k] = kept; len(kept) == 0 {
			delete(p.idle, k)
		}
	}
	if len(p.idle) == 0 {
		p.timer = nil
		return
	}
	p.timer.Reset(idleUnprobed)
}

func (p *pool) closeIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, us := range p.idle {
		for _, u := range us {
			u.close()
		}
	}
	p.idle = nil
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
}

// explain says what a failed connection means: a code for programs, a status that decides whether an SDK tries again, and a
// text for the person who reads the SDK's error.
func explain(to target, err error) (status int, code, text string) {
	var (
		egress *egressError
		cert   *tls.CertificateVerificationError
		host   x509.HostnameError
		dns    *net.DNSError
		parent *parentError
	)
	switch {
	case errors.As(err, &egress):
		return 403, "BotorateForbiddenDestination", fmt.Sprintf("botorate refuses to connect to %s: %v", to.host, err)
	case errors.As(err, &cert), errors.As(err, &host):
		return 400, "BotorateUntrustedUpstream", fmt.Sprintf("botorate can't verify the certificate of %s: %v", to.host, err)
	case errors.As(err, &parent):
		return 502, "BotorateParentProxyFailed", fmt.Sprintf("botorate can't reach %s %v", to.host, err)
	case errors.As(err, &dns):
		return 502, "BotorateUnknownHost", fmt.Sprintf("botorate can't resolve %s: %v", to.host, err)
	default:
		return 502, "BotorateUpstreamUnreachable", fmt.Sprintf("botorate can't reach %s: %v", to.host, err)
	}
}
