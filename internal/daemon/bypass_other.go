//go:build !linux

package daemon

// A bypassScan finds nothing: only Linux tells whose a connection is without asking for rights.
type bypassScan struct{}

func newBypassScan(string) *bypassScan { return nil }

func (*bypassScan) look() []bypass { return nil }
