package proxy

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
)

func sameUserKnown(*testing.T) bool { return true }

func TestPeerUID(t *testing.T) { //nolint:gocognit // both ends of each connection read best in one place
	for _, tt := range []struct{ listen, dial string }{
		{"127.0.0.1:0", "127.0.0.1"},
		{"[::1]:0", "::1"},
		{":0", "127.0.0.1"}, // a listener of both families
	} {
		ln, err := net.Listen("tcp", tt.listen)
		if err != nil {
			t.Logf("%s: %v", tt.listen, err)
			continue
		}
		defer ln.Close()
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		c, err := net.Dial("tcp", net.JoinHostPort(tt.dial, port))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		s, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if !sameUser(s) {
			t.Errorf("%s: our own connection is somebody else's", tt.listen)
		}
		theirs, _ := addrPort(s.RemoteAddr())
		ours, _ := addrPort(s.LocalAddr())
		for name, find := range map[string]func(a, b netip.AddrPort) (int, error){"diag": diagUID, "proc": procUID} {
			uid, err := find(theirs, ours)
			if err != nil && name == "diag" {
				t.Logf("%s: no socket diagnostics here: %v", tt.listen, err)
				continue
			}
			if err != nil || uid != os.Getuid() {
				t.Errorf("%s: %s says uid %d, %v", tt.listen, name, uid, err)
			}
			other := netip.AddrPortFrom(theirs.Addr(), theirs.Port()^1)
			if uid, err := find(other, ours); err == nil {
				t.Errorf("%s: %s says uid %d of no socket", tt.listen, name, uid)
			}
		}
	}
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
