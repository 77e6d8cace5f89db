//go:build unix

package proxy

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// A prober looks at an idle connection. Whatever can be read from it, be it a byte, an end or an error, is no answer to
// anything that was asked.
type prober struct {
	conn syscall.RawConn
	look func(fd uintptr)
	poll [1]unix.PollFd
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
		p.poll[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN} //nolint:gosec // the system counts them in an int
		n, err := unix.Poll(p.poll[:], 0)
		p.seen = n != 0 && !errors.Is(err, unix.EINTR)
	}
}

// known reports whether the connection can be looked at.
func (p *prober) known() bool { return p.conn != nil }

// readable reports whether a read would return at once.
func (p *prober) readable() bool { return p.conn.Control(p.look) != nil || p.seen }
