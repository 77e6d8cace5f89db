// Package ca is the certificate authority of one run: two tiers, constrained by name to AWS's domains, in memory only.
package ca

import (
	"crypto/tls"
	"time"
)

// An Authority mints certificates for AWS's host names. It is safe for concurrent use.
type Authority struct{}

// New makes an authority whose root and intermediate permit only the given DNS domains. The root's key is dropped before New returns.
func New(_ time.Time, domains []string) (*Authority, error) { panic("contract") }

// RootPEM is the certificate that clients must trust.
func (*Authority) RootPEM() []byte { panic("contract") }

// TLSConfig returns the server side for one host: cached, so that sessions resume. The error names a host outside the domains.
func (*Authority) TLSConfig(host string) (*tls.Config, error) { panic("contract") }
