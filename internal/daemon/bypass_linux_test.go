package daemon

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tcpLine is a line of the kernel's table of TCP sockets, as it prints it on this machine.
func tcpLine(to netip.AddrPort, state string, inode int) string {
	raw := to.Addr().AsSlice()
	for word := range len(raw) / 4 {
		part := raw[4*word : 4*word+4]
		binary.NativeEndian.PutUint32(part, binary.BigEndian.Uint32(part))
	}
	return fmt.Sprintf("   0: 0100007F:9C40 %X:%04X %s 00000000:00000000 00:00000000 00000000  1000        0 %d 1 0000000000000000 20 4 30 10 -1\n",
		raw, to.Port(), state, inode)
}

// A fakeProcess is what the kernel tells of a process.
type fakeProcess struct {
	pid          int
	exe, cmdline string
	environ      string
	inodes       []int
}

func (p *fakeProcess) write(t *testing.T, proc string) {
	t.Helper()
	dir := filepath.Join(proc, fmt.Sprint(p.pid))
	put(t, filepath.Join(dir, "environ"), p.environ)
	put(t, filepath.Join(dir, "cmdline"), p.cmdline)
	link(t, p.exe, filepath.Join(dir, "exe"))
	for fd, inode := range p.inodes {
		link(t, fmt.Sprintf("socket:[%d]", inode), filepath.Join(dir, "fd", fmt.Sprint(3+fd)))
	}
}

func put(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
}

func TestBypassScan(t *testing.T) {
	proc := t.TempDir()
	aws, aws6 := netip.MustParseAddrPort("52.94.1.2:443"), netip.MustParseAddrPort("[2600:1f00::1]:443")
	const header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	put(t, filepath.Join(proc, "self/net/tcp"), header+
		tcpLine(aws, "01", 11)+
		tcpLine(aws, "02", 12)+ // not answered yet
		tcpLine(aws, "06", 0)+ // TIME_WAIT: nobody's
		tcpLine(netip.MustParseAddrPort("52.94.1.2:80"), "01", 13)+
		tcpLine(netip.MustParseAddrPort("127.0.0.1:443"), "01", 14)+
		tcpLine(aws, "01", 15)+ // ours, to AWS
		tcpLine(aws, "01", 16)) // somebody else's
	put(t, filepath.Join(proc, "self/net/tcp6"), header+
		tcpLine(aws6, "01", 17)+
		tcpLine(netip.MustParseAddrPort("[::ffff:52.94.1.3]:443"), "01", 18))
	const mark = "BOTORATE_PROXY=127.0.0.1:4711"
	for _, p := range []fakeProcess{
		{pid: 100, exe: "/usr/bin/botorate", cmdline: "botorate\x00run", environ: mark, inodes: []int{15}},
		{pid: 101, exe: "/opt/node (deleted)", cmdline: "node\x00/home/u/app.mjs\x00--key=secret", environ: "A=b\x00" + mark + "\x00", inodes: []int{1, 11, 13, 14}},
		{pid: 102, exe: "/usr/bin/tool", cmdline: "tool\x00--password=secret", environ: mark + "\x00", inodes: []int{12, 17, 18}},
		{pid: 103, exe: "/usr/bin/curl", cmdline: "curl", environ: mark + "2\x00", inodes: []int{16}},
	} {
		p.write(t, proc)
	}
	s := newBypassScan(mark)
	s.proc, s.self = os.DirFS(proc), 100
	want := map[string]bool{
		"node app.mjs (pid 101) to 52.94.1.2:443": true,
		"tool (pid 102) to 52.94.1.2:443":         true,
		"tool (pid 102) to [2600:1f00::1]:443":    true,
		"tool (pid 102) to 52.94.1.3:443":         true,
	}
	got := make(map[string]bool)
	for _, b := range s.look() {
		got[b.String()] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if again := s.look(); len(again) != 0 {
		t.Errorf("told again: %v", again)
	}
}

func TestHTTPSSocketHostile(t *testing.T) {
	for _, line := range []string{"", "x", " 0: 0 :01BB 01 0 0 0 0 0 1", " 0: 0 ZZ:01BB 01 0 0 0 0 0 1", " 0: 0 00:01BB 01 0 0 0 0 0 1", " 0: 0 0000000000000000:01BB 01 0 0 0 0 0 1"} {
		if name, to, ok := httpsSocket(line); ok {
			t.Errorf("httpsSocket(%q) = %s, %v", line, name, to)
		}
	}
}
