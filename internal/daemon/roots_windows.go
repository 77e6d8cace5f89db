package daemon

import (
	"bytes"
	"encoding/pem"
	"unsafe"

	"golang.org/x/sys/windows"
)

// systemRoots returns the machine's own roots as PEM: the ROOT store, as far as Windows has filled it.
func systemRoots() []byte {
	name, err := windows.UTF16PtrFromString("ROOT")
	if err != nil {
		return nil
	}
	store, err := windows.CertOpenSystemStore(0, name)
	if err != nil {
		return nil
	}
	defer windows.CertCloseStore(store, 0) //nolint:errcheck // opened for reading
	var out bytes.Buffer
	for cert, err := windows.CertEnumCertificatesInStore(store, nil); err == nil && cert != nil; cert, err = windows.CertEnumCertificatesInStore(store, cert) {
		der := unsafe.Slice(cert.EncodedCert, cert.Length)                //nolint:gosec // as Windows lays it out, until the next call
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der}) // a bytes.Buffer can't fail
	}
	return out.Bytes()
}
