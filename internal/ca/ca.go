// Package ca is the certificate authority of one run: two tiers, constrained by name to AWS's domains, in memory only.
//
// Both tiers carry the constraints because Java ignores those of a trust anchor (measured with Java 17, 2026-11-23), and the
// root's key is gone before anybody can ask for a certificate: whoever trusts the root trusts nothing but these names.
package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	validity = 7 * 24 * time.Hour
	backdate = time.Hour // for clocks that are behind ours
	maxHosts = 1000
)

// An Authority mints certificates for AWS's host names. It is safe for concurrent use.
type Authority struct {
	domains []string
	root    *x509.Certificate
	issuer  *x509.Certificate
	key     *ecdsa.PrivateKey // the issuer's
	leafKey *ecdsa.PrivateKey // one for all leaves: a key for each would double the cost of a new host
	created time.Time

	mu    sync.Mutex
	hosts lru
}

// New makes an authority whose root and intermediate permit only the given DNS domains and what is below them. It is
// valid for a week. The root's key is dropped before New returns.
func New(now time.Time, domains []string) (*Authority, error) {
	if len(domains) == 0 {
		return nil, errors.New("make certificate authority: no domains to permit")
	}
	a := &Authority{created: now, hosts: newLRU(maxHosts)}
	for _, d := range domains {
		a.domains = append(a.domains, strings.ToLower(strings.Trim(d, ".")))
	}
	if err := a.create(); err != nil {
		return nil, fmt.Errorf("make certificate authority: %w", err)
	}
	return a, nil
}

func (a *Authority) create() error {
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	if a.leafKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	root, err := a.tier("root", 1)
	if err != nil {
		return err
	}
	if a.root, err = sign(root, root, &rootKey.PublicKey, rootKey); err != nil {
		return err
	}
	issuer, err := a.tier("intermediate", 0)
	if err != nil {
		return err
	}
	a.issuer, err = sign(issuer, a.root, &a.key.PublicKey, rootKey)
	return err
}

// tier is the template of a CA certificate with pathLen more CAs below it. Its subject is like no other's: NSS and Java
// mistake certificates of the same subject for each other.
func (a *Authority) tier(name string, pathLen int) (*x509.Certificate, error) {
	t, err := a.template(validity)
	if err != nil {
		return nil, err
	}
	t.Subject = pkix.Name{
		Organization: []string{"botorate"},
		CommonName: fmt.Sprintf("botorate %s %s pid %d %x", name, a.created.UTC().Format("2006-01-02T15:04:05Z"),
			os.Getpid(), t.SerialNumber.Bytes()[:4]),
	}
	t.IsCA, t.BasicConstraintsValid = true, true
	t.MaxPathLen, t.MaxPathLenZero = pathLen, pathLen == 0
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	t.PermittedDNSDomainsCritical = true
	t.PermittedDNSDomains = a.domains
	t.ExcludedIPRanges = []*net.IPNet{
		{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)},
		{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
	}
	return t, nil
}

func (a *Authority) template(valid time.Duration) (*x509.Certificate, error) {
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber: serial,
		NotBefore:    a.created.Add(-backdate),
		NotAfter:     a.created.Add(valid - backdate),
	}, nil
}

// serialNumber returns 128 random bits, the first of them 0 and the second 1: positive, and always of 16 bytes.
func serialNumber() (*big.Int, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return nil, err
	}
	b[0] = b[0]&0x3f | 0x40
	return new(big.Int).SetBytes(b[:]), nil
}

func sign(template, parent *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// RootPEM is the certificate that clients must trust.
func (a *Authority) RootPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})
}

// TLSConfig returns the server side for one host: cached, so that sessions resume. The error names a host outside the domains.
func (a *Authority) TLSConfig(host string) (*tls.Config, error) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if !a.permits(host) {
		return nil, fmt.Errorf("mint certificate: host %q is outside the authority's domains", host)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.hosts.get(host); c != nil {
		return c, nil
	}
	c, err := a.mint(host)
	if err != nil {
		return nil, fmt.Errorf("mint certificate for %s: %w", host, err)
	}
	a.hosts.put(host, c)
	return c, nil
}

// permits says whether the constraints let host be certified. Its labels need not be tidy: S3 bucket names are not.
func (a *Authority) permits(host string) bool {
	if len(host) > 253 || strings.HasPrefix(host, ".") || strings.Contains(host, "..") || strings.ContainsAny(host, "*/:@ ") {
		return false
	}
	for _, d := range a.domains {
		if host == d || strings.HasSuffix(host, "."+d) {
			return true
		}
	}
	return false
}

// mint makes a leaf. It ends with the authority, which is within a week.
func (a *Authority) mint(host string) (*tls.Config, error) {
	t, err := a.template(validity)
	if err != nil {
		return nil, err
	}
	t.DNSNames = []string{host}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	t.BasicConstraintsValid = true
	if len(host) <= 64 { // X.509's bound for a common name
		t.Subject = pkix.Name{CommonName: host}
	}
	leaf, err := sign(t, a.issuer, &a.leafKey.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		// What begins with small records is seen sooner if it comes slowly. Whoever asks us needs all of it.
		DynamicRecordSizingDisabled: true,
		Certificates: []tls.Certificate{{
			Certificate: [][]byte{leaf.Raw, a.issuer.Raw},
			PrivateKey:  a.leafKey,
			Leaf:        leaf,
		}},
	}, nil
}
