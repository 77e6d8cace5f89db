//go:build unix

package proxy

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// A prober looks at an idle connection. Whatever can be read from it, be it a byte, an end or an error, is no answer to
// anything that was asked.
type prober struct {
	conn syscall.RawConn
	look func(fd uintptr)
	seen bool
}

func (p *prober) open(c net.Conn) {
	t, ok := bottom(c).(syscall.Conn)
	if !ok {
		return
	}
	conn, err := t.SyscallConn()
	if err != nil {
		return
	}
	p.conn = conn
	p.look = func(fd uintptr) {
		var one [1]byte
		_, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		p.seen = err != unix.EAGAIN && err != unix.EWOULDBLOCK && err != unix.EINTR
	}
}

// known reports whether the connection can be looked at.
func (p *prober) known() bool { return p.conn != nil }

// readable reports whether a read would return at once.
func (p *prober) readable() bool { return p.conn.Control(p.look) != nil || p.seen }
