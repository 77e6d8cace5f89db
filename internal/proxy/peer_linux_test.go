package proxy

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func sameUserKnown(*testing.T) bool { return true }

func TestPeerUID(t *testing.T) {
	for _, tt := range []struct{ listen, dial string }{
		{"127.0.0.1:0", "127.0.0.1"},
		{"[::1]:0", "::1"},
		{":0", "127.0.0.1"}, // a listener of both families
	} {
		t.Run(tt.listen, func(t *testing.T) {
			s := accepted(t, tt.listen, tt.dial)
			if !sameUser(s) {
				t.Error("our own connection is somebody else's")
			}
			t.Run("diag", func(t *testing.T) { testUID(t, s, diagUID) })
			t.Run("proc", func(t *testing.T) { testUID(t, s, procUID) })
		})
	}
}

func testUID(t *testing.T, s net.Conn, find func(a, b netip.AddrPort) (int, error)) {
	t.Helper()
	theirs, _ := addrPort(s.RemoteAddr())
	ours, _ := addrPort(s.LocalAddr())
	uid, err := find(theirs, ours)
	if errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.ENOENT) {
		t.Skip(err) // no socket diagnostics here
	}
	if err != nil || uid != os.Getuid() {
		t.Errorf("found uid %d, %v", uid, err)
	}
	if uid, err := find(netip.AddrPortFrom(theirs.Addr(), theirs.Port()^1), ours); err == nil {
		t.Errorf("found uid %d of no socket", uid)
	}
}

// accepted returns the server's side of a new connection.
func accepted(t *testing.T, listen, dial string) net.Conn {
	t.Helper()
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		t.Skip(err) // no IPv6 here
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	c, err := net.Dial("tcp", net.JoinHostPort(dial, port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestFindUID(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 1 1 0 100 0 0 10 0
   1: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1002        0 2 1 0 20 4 30 10 -1
`
	client, server := netip.MustParseAddrPort("127.0.0.1:50000"), netip.MustParseAddrPort("127.0.0.1:8080")
	if uid, err := findUID(strings.NewReader(table), client, server); uid != 1002 || err != nil {
		t.Errorf("got %d, %v", uid, err)
	}
	if uid, err := findUID(strings.NewReader(table), server, client); err == nil {
		t.Errorf("got %d for the other end", uid)
	}
}
