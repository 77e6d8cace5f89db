// Package daemon builds the parts, runs them and stops them: the proxy with its governor ([Start]), and a command behind it
// ([Command]).
package daemon

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/ca"
	"github.com/botorate/botorate/internal/proxy"
	"github.com/botorate/botorate/internal/report"
	"github.com/botorate/botorate/internal/wire"
	"github.com/botorate/botorate/quota"
)

// Settings say what a daemon does. The zero value of a field marked optional is a useful default.
type Settings struct {
	Policy   *quota.Policy                                        // which part of each quota is ours
	Listen   string                                               // where the proxy listens; optional: a free port of 127.0.0.1
	Tenants  map[string]string                                    // proxy credentials: tenant to password
	Tenant   string                                               // who a client without credentials is, where SameUser lets it in
	SameUser bool                                                 // see [proxy.Server]
	Hold     time.Duration                                        // no attempt is held longer; optional
	Learnt   func(botorate.BucketID) (l botorate.Learnt, ok bool) // what is known of limits that nobody published; optional
	Grace    time.Duration                                        // how long Stop waits for what is in flight; optional
	Bypass   func(host string) bool                               // hosts that are tunnelled although they are AWS's API; optional
	Roots    *x509.CertPool                                       // trusted upstream; optional: the system's
	Parent   func(hostport string) *url.URL                       // the proxy to go through; optional: none
	Observe  func(report.Attempt)                                 // told of each attempt that ended, by several goroutines; optional
	Log      *slog.Logger                                         // optional
}

// A Daemon is a running proxy with its governor. Its fields do not change.
type Daemon struct {
	Governor  *botorate.Governor
	Policy    *quota.Policy
	Authority *ca.Authority
	Report    *report.Collector
	Addr      net.Addr // where the proxy listens

	held   atomic.Int64
	learnt func(botorate.BucketID) (botorate.Learnt, bool) // by earlier runs; may be nil
	stop   context.CancelFunc
	done   chan error
}

// Start makes the parts and begins to serve. now is when the certificates begin to hold. It is the caller's to Stop.
func Start(now time.Time, s Settings) (*Daemon, error) {
	authority, err := ca.New(now, wire.Domains())
	if err != nil {
		return nil, fmt.Errorf("make the certificate authority: %w", err)
	}
	listen := s.Listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	ctx, stop := context.WithCancel(context.Background()) // Stop ends it, after what is in flight
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		stop()
		return nil, fmt.Errorf("listen for clients: %w", err)
	}
	d := &Daemon{
		Governor:  botorate.New(botorate.Options{Limit: s.Policy.Limit, Learnt: s.Learnt, Partition: quota.Partition}),
		Policy:    s.Policy,
		Authority: authority,
		Report:    new(report.Collector),
		Addr:      ln.Addr(),
		learnt:    s.Learnt,
		stop:      stop,
		done:      make(chan error, 1),
	}
	server := &proxy.Server{
		Governor: d.Governor, Policy: d.Policy, Authority: d.Authority,
		Tenants: s.Tenants, Tenant: s.Tenant, SameUser: s.SameUser,
		Hold: s.Hold, Grace: s.Grace, Bypass: s.Bypass, Roots: s.Roots, Parent: s.Parent,
		Observe:    d.observe(s.Observe),
		Opened:     d.Report.Opened,
		Unpaced:    d.Report.Unpaced,
		Distrusted: func(host string, _ error) { d.Report.Distrusted(host) },
		Holding:    func(delta int) { d.held.Add(int64(delta)) },
		Log:        s.Log,
	}
	go func() { d.done <- server.Serve(ctx, ln) }()
	return d, nil
}

// observe tells the collector, and who else wants to know.
func (d *Daemon) observe(other func(report.Attempt)) func(report.Attempt) {
	if other == nil {
		return d.Report.Observe
	}
	return func(a report.Attempt) {
		d.Report.Observe(a)
		other(a)
	}
}

// Stop lets in no more clients, waits a moment for what is in flight, and returns when nothing runs any more.
func (d *Daemon) Stop() error {
	d.stop()
	if err := <-d.done; err != nil {
		return fmt.Errorf("serve clients: %w", err)
	}
	return nil
}

// Held returns how many attempts are held now.
func (d *Daemon) Held() int64 { return d.held.Load() }

// Buckets returns every bucket that was drawn from, with its limit and where that came from.
func (d *Daemon) Buckets() []report.Bucket {
	out := []report.Bucket{} // in JSON an empty list, not null
	learnt := d.Governor.Learnt()
	for _, state := range d.Governor.Snapshot().Buckets {
		q, share := d.Policy.Quota(state.ID)
		b := report.Bucket{
			Quota: state.ID.Quota, Scope: state.ID.Scope,
			Capacity: q.Capacity, Refill: report.Rate(q.Refill), Share: share,
			Rate: report.Rate(state.Limit.Rate), RateNow: report.Rate(state.Rate), Burst: report.Rate(state.Limit.Burst),
			Origin: string(q.Origin), Source: q.Source, Date: q.Date, Note: q.Note,
			Attempts: state.Left, Tokens: state.Tokens, Throttled: state.Throttled, Cuts: state.Cuts,
		}
		if l, ok := d.found(&state, learnt); ok {
			b.Capacity, b.Refill, b.Rate = l.Burst, report.Rate(l.Rate), report.Rate(state.Rate)
			b.Origin, b.Source, b.Date, b.Note = string(quota.Learnt), "", l.At.UTC().Format(time.DateOnly), ""
		}
		out = append(out, b)
	}
	return out
}

// found returns what is known of a bucket whose limit nobody published, by this run or an earlier one.
func (d *Daemon) found(b *botorate.BucketState, now map[botorate.BucketID]botorate.Learnt) (l botorate.Learnt, ok bool) {
	if !b.Limit.Unknown {
		return l, false
	}
	if l, ok = now[b.ID]; !ok && d.learnt != nil {
		l, ok = d.learnt(b.ID)
	}
	return l, ok
}

// Summary returns what happened so far, buckets included.
func (d *Daemon) Summary() report.Summary {
	s := d.Report.Summary()
	s.Buckets = d.Buckets()
	return s
}
