package daemon

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"io/fs"
	"net/netip"
	"os"
	"path"
	"strconv"
	"strings"
)

// A bypassScan finds processes that have our mark in their environment and a connection of their own to port 443.
type bypassScan struct {
	proc fs.FS  // where the kernel tells of processes
	mark []byte // NAME=value
	self int    // our own process
	seen map[string]bool
}

func newBypassScan(mark string) *bypassScan {
	return &bypassScan{proc: os.DirFS("/proc"), mark: []byte(mark), self: os.Getpid(), seen: make(map[string]bool)}
}

// look returns what is new since the last look. Connections to this machine are left out: no AWS API is there.
func (s *bypassScan) look() []bypass {
	sockets := make(map[string]netip.AddrPort) // by the name that a descriptor links to
	for _, table := range []string{"self/net/tcp", "self/net/tcp6"} {
		data, err := fs.ReadFile(s.proc, table)
		if err != nil {
			continue // no such family
		}
		for line := range strings.Lines(string(data)) {
			name, to, ok := httpsSocket(line)
			if ok && !s.seen[name] && !to.Addr().IsLoopback() {
				s.seen[name] = true
				sockets[name] = to
			}
		}
	}
	if len(sockets) == 0 {
		return nil // as nearly always
	}
	processes, err := fs.ReadDir(s.proc, ".")
	if err != nil {
		return nil
	}
	var found []bypass
	for _, p := range processes {
		pid, err := strconv.Atoi(p.Name())
		if err != nil || pid == s.self || !s.ours(p.Name()) {
			continue
		}
		for _, to := range s.owned(p.Name(), sockets) {
			found = append(found, bypass{s.program(p.Name()), pid, to})
		}
	}
	return found
}

// httpsSocket reads one line of the kernel's table: the name of a socket that is or is being connected to port 443, and to where.
func httpsSocket(line string) (name string, to netip.AddrPort, ok bool) {
	const established, synSent = "01", "02"
	field := strings.Fields(line)
	if len(field) < 10 || (field[3] != established && field[3] != synSent) || !strings.HasSuffix(field[2], ":01BB") {
		return "", to, false
	}
	host, _, _ := strings.Cut(field[2], ":")
	raw, err := hex.DecodeString(host)
	if err != nil || len(raw)%4 != 0 {
		return "", to, false
	}
	for word := range len(raw) / 4 { // the kernel prints words in the machine's byte order
		part := raw[4*word : 4*word+4]
		binary.NativeEndian.PutUint32(part, binary.BigEndian.Uint32(part))
	}
	addr, ok := netip.AddrFromSlice(raw)
	return "socket:[" + field[9] + "]", netip.AddrPortFrom(addr.Unmap(), 443), ok
}

// ours reports whether a process has our mark: it is the command, or one of those that it started.
func (s *bypassScan) ours(pid string) bool {
	environ, err := fs.ReadFile(s.proc, path.Join(pid, "environ"))
	if err != nil {
		return false // another user's, or gone
	}
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		if bytes.Equal(entry, s.mark) {
			return true
		}
	}
	return false
}

// owned returns where those of the sockets lead that a process has.
func (s *bypassScan) owned(pid string, sockets map[string]netip.AddrPort) (to []netip.AddrPort) {
	dir := path.Join(pid, "fd")
	descriptors, err := fs.ReadDir(s.proc, dir)
	if err != nil {
		return nil
	}
	for _, fd := range descriptors {
		link, err := fs.ReadLink(s.proc, path.Join(dir, fd.Name()))
		if addr, ok := sockets[link]; err == nil && ok {
			to = append(to, addr)
		}
	}
	return to
}

// program names a process by its program, and by its script if that is its first argument. Other arguments may be secret.
func (s *bypassScan) program(pid string) string {
	exe, err := fs.ReadLink(s.proc, path.Join(pid, "exe"))
	if err != nil {
		return "a program"
	}
	name := path.Base(strings.TrimSuffix(exe, " (deleted)"))
	cmdline, err := fs.ReadFile(s.proc, path.Join(pid, "cmdline"))
	if err != nil {
		return name
	}
	args := strings.Split(string(cmdline), "\x00")
	if len(args) > 1 {
		switch script := path.Base(args[1]); path.Ext(script) {
		case ".py", ".js", ".mjs", ".cjs", ".ts", ".rb", ".php", ".pl", ".sh":
			name += " " + script
		}
	}
	return name
}
