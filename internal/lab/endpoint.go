package lab

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"time"

	"github.com/botorate/botorate/internal/ca"
	"github.com/botorate/botorate/internal/wire"
)

// A Config configures an [Endpoint]. The zero value of each optional field is a useful default.
type Config struct {
	Quotas    Quotas        // required: the buckets of the account
	Listen    string        // "" means a free port on 127.0.0.1
	Snapshots int           // how many the account owns
	Keys      Keys          // known besides the invented ones of this package, such as those that an upstream made
	Upstream  *url.URL      // a plain-HTTP emulator that answers what the endpoint doesn't; nil means that it is refused with 501
	Latency   time.Duration // delays each answer
	Log       io.Writer     // if non-nil, gets one JSON line for each request; written to by one goroutine at a time
	Errors    *slog.Logger  // nil means no log
}

// An Endpoint is a TLS server that plays AWS for one account, [Account], under every AWS host name.
type Endpoint struct {
	cloud     *Cloud
	own       inventory
	keys      Keys
	upstream  *url.URL
	latency   time.Duration
	authority *ca.Authority
	listener  net.Listener
	server    *http.Server
	errors    *slog.Logger
	done      chan struct{} // closed when the server has ended

	logMu sync.Mutex
	log   *json.Encoder // nil means no log
}

// defaultName is whose certificate a client gets that names no host.
const defaultName = "ec2.us-east-1.amazonaws.com"

// A PortInUseError tells that another program listens where the endpoint was to.
type PortInUseError struct{ Address string }

func (e *PortInUseError) Error() string {
	return fmt.Sprintf("listen on %s: the port is in use by another program", e.Address)
}

// Hint says what to do about it.
func (e *PortInUseError) Hint() string {
	return "choose another with --listen; port 0 takes any free one"
}

// Start begins to serve. Call [Endpoint.Close] in the end.
func Start(ctx context.Context, c Config) (*Endpoint, error) {
	now := time.Now()
	authority, err := ca.New(now, append(wire.Domains(), "localhost")) // localhost for clients that are given the address
	if err != nil {
		return nil, fmt.Errorf("make the stand-in's certificate authority: %w", err)
	}
	address := c.Listen
	if address == "" {
		address = "127.0.0.1:0"
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &PortInUseError{address}
	}
	if err != nil {
		return nil, err
	}
	e := &Endpoint{
		cloud:     &Cloud{Quotas: c.Quotas},
		own:       inventory{snapshots: c.Snapshots, started: now},
		keys:      c.Keys,
		upstream:  c.Upstream,
		latency:   c.Latency,
		authority: authority,
		listener:  ln,
		errors:    c.Errors,
		done:      make(chan struct{}),
	}
	if e.errors == nil {
		e.errors = slog.New(slog.DiscardHandler)
	}
	if c.Log != nil {
		e.log = json.NewEncoder(c.Log)
	}
	e.serve()
	return e, nil
}

// maxHead is how much of a request's head is read: session tokens alone can have tens of kilobytes.
const maxHead = 256 << 10

func (e *Endpoint) serve() {
	e.server = &http.Server{
		Handler:           http.HandlerFunc(e.handle),
		ReadHeaderTimeout: time.Minute,
		MaxHeaderBytes:    maxHead,
		ErrorLog:          slog.NewLogLogger(e.errors.Handler(), slog.LevelDebug),
	}
	ln := tls.NewListener(e.listener, &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			name := hello.ServerName
			if name == "" {
				name = defaultName
			}
			return e.authority.TLSConfig(name)
		},
	})
	go func() {
		defer close(e.done)
		if err := e.server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			e.errors.Error("the stand-in ended", slog.Any("error", err))
		}
	}()
}

// Addr returns host and port that the endpoint listens on.
func (e *Endpoint) Addr() string { return e.listener.Addr().String() }

// RootPEM returns the certificate that clients must trust.
func (e *Endpoint) RootPEM() []byte { return e.authority.RootPEM() }

// Roots returns a pool of the certificate that clients must trust.
func (e *Endpoint) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(e.RootPEM())
	return pool
}

// Cloud returns what decides and counts. Callers are named by their access key ids, and "" is who has none.
func (e *Endpoint) Cloud() *Cloud { return e.cloud }

// Close stops at once and returns when the server has ended.
func (e *Endpoint) Close() error {
	err := e.server.Close()
	<-e.done
	return err
}
