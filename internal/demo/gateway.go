package demo

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/ca"
	"github.com/botorate/botorate/internal/lab"
	"github.com/botorate/botorate/internal/proxy"
	"github.com/botorate/botorate/internal/wire"
	"github.com/botorate/botorate/quota"
)

// idleConns is enough for all workers, or all calls of a neighbour's round, to keep their connections.
const idleConns = 32

// sdkTransport is a transport for the SDK's requests.
//
// smithy-go 1.28 closes a request's body when the response comes. Its WriteTo then fails with io.EOF, and if the response has
// overtaken net/http's last look at the body, as it can on loopback, net/http takes that for a reason to close the connection
// under the response: the SDK then spends a second attempt. A body without WriterTo does not fail so.
type sdkTransport struct{ *http.Transport }

func (t sdkTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r = r.Clone(r.Context())
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return t.Transport.RoundTrip(r)
}

// directClient returns an HTTP client that meets the stand-in under every host name.
func directClient(e *lab.Endpoint) *http.Client {
	return &http.Client{Transport: sdkTransport{&http.Transport{
		DialContext:         dialer(e),
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: e.Roots()},
		MaxIdleConnsPerHost: idleConns,
	}}}
}

func dialer(e *lab.Endpoint) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, e.Addr())
	}
}

// A gateway is botorate between a client and the stand-in, built as `botorate run` builds it.
type gateway struct {
	client *http.Client // goes through the proxy
	cancel context.CancelFunc
	done   chan error
}

const tenant = "demo"

func startGateway(ctx context.Context, e *lab.Endpoint, share float64) (*gateway, error) {
	policy, err := quota.NewPolicy(quota.Settings{Share: share})
	if err != nil {
		return nil, err
	}
	authority, err := ca.New(time.Now(), wire.Domains())
	if err != nil {
		return nil, err
	}
	password := rand.Text()
	server := &proxy.Server{
		Governor:  botorate.New(botorate.Options{Limit: policy.Limit, Partition: quota.Partition}),
		Policy:    policy,
		Authority: authority,
		Tenants:   map[string]string{tenant: password},
		Roots:     e.Roots(),
		Dial:      dialer(e),
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	g := &gateway{cancel: cancel, done: make(chan error, 1)}
	go func() { g.done <- server.Serve(ctx, ln) }()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.RootPEM())
	g.client = &http.Client{Transport: sdkTransport{&http.Transport{
		Proxy:               http.ProxyURL(&url.URL{Scheme: "http", Host: ln.Addr().String(), User: url.UserPassword(tenant, password)}),
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		MaxIdleConnsPerHost: idleConns,
	}}}
	return g, nil
}

// close ends the proxy and returns when it has ended.
func (g *gateway) close() error {
	g.client.CloseIdleConnections()
	g.cancel()
	return <-g.done
}
