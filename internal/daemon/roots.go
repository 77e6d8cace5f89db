package daemon

import "crypto/x509"

// upstreamRoots returns what we trust: what Go finds of the system, which on macOS and Windows asks the system itself and
// elsewhere follows SSL_CERT_FILE and SSL_CERT_DIR, and all in the PEM data.
func upstreamRoots(data []byte) *x509.CertPool {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pool.AppendCertsFromPEM(data)
	return pool
}
