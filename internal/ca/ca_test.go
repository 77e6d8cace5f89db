package ca

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func newAuthority(tb testing.TB) *Authority {
	tb.Helper()
	a, err := New(now, []string{"amazonaws.com", "api.aws"})
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func pool(tb testing.TB, a *Authority) *x509.CertPool {
	tb.Helper()
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(a.RootPEM()) {
		tb.Fatal("the root is no PEM certificate")
	}
	return p
}

func TestLeafVerifies(t *testing.T) {
	a := newAuthority(t)
	for _, host := range []string{
		"ec2.us-east-1.amazonaws.com", "s3.amazonaws.com", "my.dotted.bucket.s3.amazonaws.com", "EC2.eu-west-1.api.aws", "amazonaws.com",
		"under_score.s3.amazonaws.com",
		"a-name-longer-than-the-sixty-four-characters-of-a-common-name-of-x509.s3.eu-west-1.amazonaws.com",
	} {
		c, err := a.TLSConfig(host)
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		leaf := c.Certificates[0].Leaf
		issuer, err := x509.ParseCertificate(c.Certificates[0].Certificate[1])
		if err != nil {
			t.Fatal(err)
		}
		between := x509.NewCertPool()
		between.AddCert(issuer)
		for _, at := range []time.Time{now.Add(-59 * time.Minute), now, now.Add(6 * 24 * time.Hour)} {
			if _, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: pool(t, a), Intermediates: between, CurrentTime: at}); err != nil {
				t.Errorf("%s at %v: %v", host, at, err)
			}
		}
		if life := leaf.NotAfter.Sub(leaf.NotBefore); life > validity {
			t.Errorf("%s is valid for %v", host, life)
		}
		if len(c.NextProtos) != 1 || c.NextProtos[0] != "http/1.1" || c.MinVersion != tls.VersionTLS12 {
			t.Errorf("%s: offers %v from version %#x", host, c.NextProtos, c.MinVersion)
		}
	}
}

func TestRefusedHosts(t *testing.T) {
	a := newAuthority(t)
	for _, host := range []string{
		"", "evil.example.org", "amazonaws.com.evil.org", "evilamazonaws.com", "*.amazonaws.com", ".amazonaws.com",
		"a..amazonaws.com", "10.0.0.1", "::1", "x@y.amazonaws.com", "aws", "com",
	} {
		if _, err := a.TLSConfig(host); err == nil {
			t.Errorf("a certificate for %q", host)
		}
	}
}

// Whoever gets hold of the intermediate's key can still not speak for other names, because of either tier's constraints alone.
func TestConstraintsHoldWithoutUs(t *testing.T) {
	a := newAuthority(t)
	honest := a.domains
	for _, tier := range []*x509.Certificate{a.root, a.issuer} {
		if !tier.PermittedDNSDomainsCritical || len(tier.PermittedDNSDomains) != len(honest) || len(tier.ExcludedIPRanges) != 2 {
			t.Errorf("%s: constraints %v, excluded %v", tier.Subject, tier.PermittedDNSDomains, tier.ExcludedIPRanges)
		}
	}
	between := x509.NewCertPool()
	between.AddCert(a.issuer)
	a.domains = append(a.domains, "evil.example.org") // as if the check were not there
	c, err := a.TLSConfig("evil.example.org")
	if err != nil {
		t.Fatal(err)
	}
	leaf := c.Certificates[0].Leaf
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "evil.example.org", Roots: pool(t, a), Intermediates: between, CurrentTime: now}); err == nil {
		t.Error("evil.example.org is believed by whoever trusts the root")
	}
	anchor := x509.NewCertPool()
	anchor.AddCert(a.issuer)
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "evil.example.org", Roots: anchor, CurrentTime: now}); err == nil {
		t.Error("evil.example.org is believed by whoever trusts the intermediate")
	}

	ip, err := a.template(validity)
	if err != nil {
		t.Fatal(err)
	}
	ip.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	leaf, err = sign(ip, a.issuer, &a.leafKey.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "127.0.0.1", Roots: pool(t, a), Intermediates: between, CurrentTime: now}); err == nil {
		t.Error("127.0.0.1 is believed")
	}
}

func TestTiers(t *testing.T) {
	a, b := newAuthority(t), newAuthority(t)
	if a.root.MaxPathLen != 1 || a.issuer.MaxPathLen != 0 || !a.issuer.MaxPathLenZero {
		t.Errorf("path lengths %d and %d, want 1 and 0", a.root.MaxPathLen, a.issuer.MaxPathLen)
	}
	seen := map[string]bool{}
	for _, c := range []*x509.Certificate{a.root, a.issuer, b.root, b.issuer} {
		for _, id := range []string{c.Subject.String(), c.SerialNumber.String()} {
			if seen[id] {
				t.Errorf("%s is used twice", id)
			}
			seen[id] = true
		}
		if len(c.SubjectKeyId) == 0 || c.SerialNumber.BitLen() < 120 {
			t.Errorf("%s: key id %x, serial of %d bits", c.Subject, c.SubjectKeyId, c.SerialNumber.BitLen())
		}
	}
	if string(a.issuer.AuthorityKeyId) != string(a.root.SubjectKeyId) {
		t.Error("the intermediate does not name the root's key")
	}
	c, err := a.TLSConfig("sts.amazonaws.com")
	if err != nil {
		t.Fatal(err)
	}
	if leaf := c.Certificates[0].Leaf; string(leaf.AuthorityKeyId) != string(a.issuer.SubjectKeyId) || leaf.IsCA {
		t.Error("the leaf does not name the intermediate's key, or is a CA")
	}
	if block, rest := pem.Decode(a.RootPEM()); block == nil || len(rest) != 0 || string(block.Bytes) != string(a.root.Raw) {
		t.Error("RootPEM is not the root alone")
	}
}

func TestConfigsAreKept(t *testing.T) {
	a := newAuthority(t)
	a.hosts = newLRU(3)
	first, _ := a.TLSConfig("h0.amazonaws.com")
	for i := range 4 {
		if _, err := a.TLSConfig(fmt.Sprintf("h%d.amazonaws.com", i)); err != nil {
			t.Fatal(err)
		}
		if again, _ := a.TLSConfig("H0.amazonaws.com."); again != first {
			t.Fatalf("h0's config was made anew after %d others", i)
		}
	}
	if a.hosts.order.Len() != 3 || len(a.hosts.at) != 3 || a.hosts.get("h1.amazonaws.com") != nil {
		t.Errorf("%d hosts kept, %d indexed", a.hosts.order.Len(), len(a.hosts.at))
	}
}

func TestSessionsResume(t *testing.T) {
	a, err := New(time.Now(), []string{"amazonaws.com"})
	if err != nil {
		t.Fatal(err)
	}
	cache := tls.NewLRUClientSessionCache(1)
	for i := range 2 {
		config, err := a.TLSConfig("sts.amazonaws.com")
		if err != nil {
			t.Fatal(err)
		}
		here, there := net.Pipe()
		done := make(chan error, 1)
		go func() {
			s := tls.Server(there, config)
			_, err := s.Write([]byte("x"))
			done <- err
		}()
		c := tls.Client(here, &tls.Config{ServerName: "sts.amazonaws.com", RootCAs: pool(t, a), ClientSessionCache: cache})
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if got, want := c.ConnectionState().DidResume, i > 0; got != want {
			t.Errorf("connection %d: resumed %v, want %v", i, got, want)
		}
		here.Close()
	}
}

func TestNewWithoutDomains(t *testing.T) {
	if _, err := New(now, nil); err == nil {
		t.Error("an authority without constraints")
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		newAuthority(b)
	}
}

func BenchmarkNewHost(b *testing.B) {
	a := newAuthority(b)
	for i := 0; b.Loop(); i++ {
		if _, err := a.TLSConfig(fmt.Sprintf("h%d.amazonaws.com", i)); err != nil {
			b.Fatal(err)
		}
	}
}
