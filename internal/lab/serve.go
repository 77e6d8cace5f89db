package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"time"
)

// Options are what `botorate lab serve` is told.
type Options struct {
	Quotas    Quotas        // required: the published table
	Listen    string        // host:port; "" means a free port on 127.0.0.1
	Snapshots int           // how many the account owns
	Limits    string        // a file for [ParseLimits]; "" means none
	Keys      []string      // ID:SECRET pairs, known besides the invented ones
	Upstream  string        // URL of a plain-HTTP emulator; "" means none
	Log       string        // a file that gets one JSON line for each request, at its end; "-" means stdout, "" none
	CA        string        // a file for the certificate that clients must trust; "" means none
	Latency   time.Duration // delays each answer
	Errors    *slog.Logger  // nil means no log
}

// Serve plays AWS until ctx ends. It tells on stdout where, and with which credentials.
func Serve(ctx context.Context, o Options, stdout io.Writer) (err error) {
	c, err := o.config()
	if err != nil {
		return err
	}
	switch o.Log {
	case "":
	case "-":
		c.Log = stdout
	default:
		f, err := os.OpenFile(o.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("open the log: %w", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		c.Log = f
	}
	e, err := Start(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	if o.CA != "" {
		if err := os.WriteFile(o.CA, e.RootPEM(), 0o644); err != nil { //nolint:gosec // a certificate is for everybody to read
			return fmt.Errorf("write the CA certificate: %w", err)
		}
	}
	if err := o.greet(stdout, e); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func (o Options) config() (Config, error) {
	c := Config{
		Quotas: o.Quotas, Listen: o.Listen, Snapshots: o.Snapshots, Latency: o.Latency, Errors: o.Errors,
	}
	if o.Snapshots < 0 {
		return c, fmt.Errorf("%d snapshots: expected 0 or more", o.Snapshots)
	}
	if o.Latency < 0 {
		return c, fmt.Errorf("latency %v: expected 0 or more", o.Latency)
	}
	if o.Limits != "" {
		data, err := os.ReadFile(o.Limits)
		if err != nil {
			return c, fmt.Errorf("read limits: %w", err)
		}
		if c.Quotas, err = ParseLimits(o.Limits, data, o.Quotas); err != nil {
			return c, fmt.Errorf("read limits: %w", err)
		}
	}
	keys, err := parseKeys(o.Keys)
	if err != nil {
		return c, err
	}
	c.Keys = keys
	if o.Upstream != "" {
		u, err := parseUpstream(o.Upstream)
		if err != nil {
			return c, err
		}
		c.Upstream = u
	}
	return c, nil
}

func parseUpstream(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" || (u.Path != "" && u.Path != "/") || u.RawQuery != "" {
		return nil, fmt.Errorf("upstream %q: expected http://host:port", s)
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), "80")
	}
	return u, nil
}

func (o Options) greet(w io.Writer, e *Endpoint) error {
	_, err := fmt.Fprintf(w, "botorate lab: playing AWS account %s on https://%s, with %d snapshots\n"+
		"  AWS_ACCESS_KEY_ID=%s\n  AWS_SECRET_ACCESS_KEY=%s\n", Account, e.Addr(), o.Snapshots, AccessKeyID, SecretAccessKey)
	if err == nil && o.CA != "" {
		_, err = fmt.Fprintf(w, "  AWS_CA_BUNDLE=%s\n", o.CA)
	}
	return err
}
