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

// peerClosed reports whether the other side has closed the connection, though bytes that it sent before may still be unread.
// known tells whether the system could be asked.
func peerClosed(c net.Conn) (gone, known bool) {
	t, ok := c.(syscall.Conn)
	if !ok {
		return false, false
	}
	conn, err := t.SyscallConn()
	if err != nil {
		return true, true
	}
	err = conn.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if known = err == nil; !known {
			return
		}
		switch info.State {
		case tcpClose, tcpCloseWait, tcpLastAck, tcpClosing:
			gone = true
		}
	})
	if err != nil { // we have closed it
		return true, true
	}
	return gone, known
}
