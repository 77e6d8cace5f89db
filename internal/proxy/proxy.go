// Package proxy is the HTTPS proxy that clients talk to: CONNECT, interception, pacing, absorbing, shedding, tunnelling.
package proxy

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/ca"
	"github.com/botorate/botorate/internal/report"
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
	Roots  *x509.CertPool                                                    // trusted upstream; nil means the system's
	Parent func(host string) *url.URL                                        // the proxy to go through for host:port; nil, or a nil URL, means direct
	Dial   func(ctx context.Context, network, addr string) (net.Conn, error) // nil means a net.Dialer; the egress rules hold for either

	Observe func(report.Attempt)                // if non-nil, told of each attempt that ended; must be fast and safe for concurrent use
	Opened  func(host string, intercepted bool) // if non-nil, told of each CONNECT
	Holding func(delta int)                     // if non-nil, told when an attempt begins (+1) and ends (-1) to be held
	Log     *slog.Logger                        // nil means no log
}

// Serve accepts clients from ln until ctx ends, then finishes what is in flight for at most Grace and returns.
func (*Server) Serve(context.Context, net.Listener) error { panic("contract") }
