//go:build unix

package daemon

import (
	"os"
	"path/filepath"
)

// systemRoots returns the machine's own roots as PEM; nothing if it has none. The places are those of Go's crypto/x509
// (root_linux.go, root_bsd.go, Go 1.26) and macOS's own file.
func systemRoots() []byte {
	for _, name := range []string{
		"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Gentoo, Arch, Alpine
		"/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora, RHEL 6
		"/etc/ssl/ca-bundle.pem",                            // openSUSE
		"/etc/pki/tls/cacert.pem",                           // OpenELEC
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // RHEL 7 and later
		"/etc/ssl/cert.pem",                                 // macOS, Alpine, BSD
		"/usr/local/etc/ssl/cert.pem",                       // FreeBSD
		"/usr/local/share/certs/ca-root-nss.crt",            // DragonFly
		"/etc/openssl/certs/ca-certificates.crt",            // NetBSD
	} {
		if data, err := os.ReadFile(name); err == nil { //nolint:gosec // one of the places above
			return data
		}
	}
	var all []byte
	for _, dir := range []string{"/etc/ssl/certs", "/etc/pki/tls/certs"} {
		names, _ := filepath.Glob(filepath.Join(dir, "*.pem")) // the pattern is well-formed
		for _, name := range names {
			if data, err := os.ReadFile(name); err == nil { //nolint:gosec // in one of the places above
				all = append(append(all, data...), '\n')
			}
		}
	}
	return all
}
