// Package proxy is the HTTPS proxy that clients talk to: CONNECT, interception, pacing, absorbing, shedding, tunnelling.
//
// An intercepted connection is one goroutine that reads an attempt, waits for its turn, and passes on the bytes that came.
// A second goroutine exists only while an attempt is held (it watches for the client's hang-up) or while a body is sent that
// was not complete when the attempt left.
package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/ca"
	"github.com/botorate/botorate/internal/relay"
	"github.com/botorate/botorate/internal/report"
	"github.com/botorate/botorate/internal/wire"
	"github.com/botorate/botorate/quota"
)

// A Server is an HTTPS proxy. Fields must not change after the first Serve.
type Server struct {
	Governor  *botorate.Governor
	Policy    *quota.Policy
	Authority *ca.Authority

	// Tenants are the proxy credentials: user name, which is the tenant's name, to password.
	// A client without credentials is let in only if SameUser and its process belongs to our user (Linux); it is then Tenant.
	Tenants  map[string]string
	SameUser bool
	Tenant   string

	Hold   time.Duration                                                     // if positive, no attempt is held longer
	Grace  time.Duration                                                     // how long Serve lets attempts and tunnels go on after ctx ended; 0 means 5 s
	Roots  *x509.CertPool                                                    // trusted upstream; nil means the system's
	Parent func(host string) *url.URL                                        // the proxy to go through for host:port; nil, or a nil URL, means direct
	Dial   func(ctx context.Context, network, addr string) (net.Conn, error) // nil means a net.Dialer; the egress rules hold for either

	Bypass    func(host string) bool         // if non-nil, hosts that are tunnelled although they are AWS APIs
	Forbidden func(addr netip.AddrPort) bool // if non-nil, further addresses that are never dialled, such as the control API's

	Observe    func(report.Attempt)                // if non-nil, told of each attempt that ended; must be fast and safe for concurrent use
	Opened     func(host string, intercepted bool) // if non-nil, told of each CONNECT
	Unpaced    func(host string)                   // if non-nil, told of an intercepted CONNECT that was tunnelled after all: its client speaks only HTTP/2
	Distrusted func(host string, err error)        // if non-nil, told when a client refused our certificate: it does not trust the authority
	Holding    func(delta int)                     // if non-nil, told when an attempt begins (+1) and ends (-1) to be held
	Log        *slog.Logger                        // nil means no log

	once     sync.Once
	gov      governor
	log      *slog.Logger
	buffers  relay.Buffers
	pool     pool
	sessions tls.ClientSessionCache
	greeter  *tls.Config
	calls    calls
	accounts wire.Accounts
	own      ownAddresses
	hinted   atomic.Bool
}

// A governor is what the proxy needs of a [botorate.Governor]. Wait must ask for its context's Done channel only when it has
// to wait: that is when the client begins to be watched.
type governor interface {
	Wait(ctx context.Context, a botorate.Attempt) (botorate.Pass, error)
	Report(p botorate.Pass, o botorate.Outcome)
	Return(p botorate.Pass)
}

const defaultGrace = 5 * time.Second

func (s *Server) prepare() {
	if s.gov == nil {
		s.gov = s.Governor
	}
	if s.log = s.Log; s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.greeter = greeter()
	s.sessions = tls.NewLRUClientSessionCache(maxSessions)
}

// Serve accepts clients from ln until ctx ends, then finishes what is in flight for at most Grace and returns.
// It closes ln, and may be called for several listeners. The error is the listener's if that fails first.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	s.once.Do(s.prepare)
	defer s.own.add(ln.Addr())()
	defer s.pool.closeIdle()

	work, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	defer context.AfterFunc(ctx, func() { _ = ln.Close() })()

	crowd := crowd{clients: map[*client]struct{}{}, watchman: newWatchman()}
	watched, unwatch := make(chan struct{}), sync.WaitGroup{}
	unwatch.Go(func() { crowd.watchman.run(watched) })
	defer unwatch.Wait()
	defer close(watched)
	err := s.accept(ctx, work, ln, &crowd)
	_ = ln.Close()
	grace := s.Grace
	if grace <= 0 {
		grace = defaultGrace
	}
	crowd.drain(grace, cut)
	if err != nil {
		return fmt.Errorf("accept proxy clients on %s: %w", ln.Addr(), err)
	}
	return nil
}

// accept serves each client until ctx ends or the listener fails. Running out of file descriptors is waited out.
func (s *Server) accept(ctx, work context.Context, ln net.Listener, crowd *crowd) error {
	var pause time.Duration
	for {
		raw, err := ln.Accept()
		switch {
		case err == nil:
			pause = 0
			bare := &link{Conn: raw}
			c := &client{s: s, raw: bare, plain: relay.NewReader(bare, &s.buffers), watchman: crowd.watchman}
			crowd.wait.Go(func() { s.serveClient(work, c, crowd) })
			continue
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		}
		if pause = min(max(2*pause, 5*time.Millisecond), time.Second); pause == time.Second {
			s.log.Warn("accepting a client failed", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// serveClient serves one connection. What goes wrong in it is the end of that connection, not of the others.
//
// Attempts are served by a goroutine of their own, which begins after the TLS handshake: that takes a deep stack, and stacks
// are a third of what held attempts take in memory.
func (s *Server) serveClient(ctx context.Context, c *client, crowd *crowd) {
	var x *session
	defer func() {
		if x == nil {
			crowd.leave(c)
			_ = c.raw.Close()
		}
	}()
	defer s.recovered()
	if !crowd.enter(c) {
		return
	}
	if x = c.serve(ctx); x != nil {
		x.start(ctx, crowd)
	}
}

// recovered ends a panic. The value of a panic can hold a request's bytes, so only the runtime's own are told.
func (s *Server) recovered() {
	v := recover()
	if v == nil {
		return
	}
	what := fmt.Sprintf("%T", v)
	var own interface{ RuntimeError() }
	if err, ok := v.(error); ok && errors.As(err, &own) {
		what = err.Error()
	}
	s.log.Error("a connection's goroutine panicked", slog.String("panic", what), slog.String("stack", string(debug.Stack())))
}

// A crowd is the clients of one Serve.
type crowd struct {
	wait     sync.WaitGroup
	watchman *watchman

	mu       sync.Mutex
	clients  map[*client]struct{}
	draining bool
}

func (w *crowd) enter(c *client) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clients[c] = struct{}{}
	return !w.draining
}

func (w *crowd) leave(c *client) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.clients, c)
}

// drain ends the idle clients, waits for the others, and cuts them off after the grace.
func (w *crowd) drain(grace time.Duration, cut func()) {
	w.each(func(c *client) { c.leaveWhenIdle() })
	t := time.AfterFunc(grace, func() {
		cut()
		w.each((*client).abort)
	})
	defer t.Stop()
	w.wait.Wait()
}

func (w *crowd) each(f func(*client)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.draining = true
	for c := range w.clients {
		f(c)
	}
}
