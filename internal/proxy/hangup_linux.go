package proxy

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// TCP states of linux/tcp_states.h in which the other side has sent its last byte.
const (
	tcpClose     = 7
	tcpCloseWait = 8
	tcpLastAck   = 9
	tcpClosing   = 11
)

// hungUp reports whether the other side has closed the connection, though bytes that it sent before may still be unread.
func hungUp(c net.Conn) bool {
	t, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	conn, err := t.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = conn.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return
		}
		switch info.State {
		case tcpClose, tcpCloseWait, tcpLastAck, tcpClosing:
			gone = true
		}
	})
	return gone || err != nil
}
