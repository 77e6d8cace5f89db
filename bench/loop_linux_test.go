package bench

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// A socket is a TCP connection whose calls block until a loop takes it over, and never from then on.
type socket struct {
	net.Conn // nil in a loop
	fd       int
}

// take makes the socket one that never blocks, and that Go's own poller does not know.
func (s *socket) take() error {
	raw, err := s.Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	var duplicate error
	if err := raw.Control(func(fd uintptr) { s.fd, duplicate = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return err
	}
	if duplicate != nil {
		return duplicate
	}
	err = s.Conn.Close()
	s.Conn = nil
	return err
}

// Read says os.ErrDeadlineExceeded when nothing is there: crypto/tls can go on after that.
func (s *socket) Read(p []byte) (int, error) {
	if s.Conn != nil {
		return s.Conn.Read(p)
	}
	switch n, err := unix.Read(s.fd, p); {
	case errors.Is(err, unix.EAGAIN):
		return 0, os.ErrDeadlineExceeded
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	default:
		return n, nil
	}
}

// Write expects what is small to fit.
func (s *socket) Write(p []byte) (int, error) {
	if s.Conn != nil {
		return s.Conn.Write(p)
	}
	n, err := unix.Write(s.fd, p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return max(n, 0), err
}

// Close is safe in either state.
func (s *socket) Close() error {
	if s.Conn != nil {
		return s.Conn.Close()
	}
	return unix.Close(s.fd)
}

// A loop serves many connections that exchange small messages in one thread, at less than what a goroutine for each costs: what
// load and upstream take is not there for the proxies to differ in.
type loop struct {
	epoll int
	conns [1 << 12]atomic.Pointer[looped] // by file descriptor
}

// looped is one connection of a loop.
type looped struct {
	*tls.Conn
	socket  *socket
	message func(c *looped) error // told of each whole message
	buf     [4 << 10]byte
	n       int
	index   int // the user's own
}

func newLoop() (*loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	return &loop{epoll: fd}, err
}

// add takes over a connection after its handshake. Its first event comes at once, for what crypto/tls may have read already.
func (l *loop) add(conn *tls.Conn, message func(*looped) error) (*looped, error) {
	s := conn.NetConn().(*socket)
	if err := s.take(); err != nil {
		return nil, err
	}
	c := &looped{Conn: conn, socket: s, message: message}
	if s.fd >= len(l.conns) {
		return nil, syscall.EMFILE
	}
	l.conns[s.fd].Store(c)
	return c, unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, s.fd,
		&unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLET&0xffffffff, Fd: int32(s.fd)})
}

// run serves until done, which is asked after each turn. A connection that fails is closed; the last failure is returned.
func (l *loop) run(done func() bool) (failed error) {
	events := make([]unix.EpollEvent, 128)
	for !done() {
		n, err := unix.EpollWait(l.epoll, events, 1000)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		for i := range max(n, 0) {
			fd := events[i].Fd
			if c := l.conns[fd].Load(); c != nil {
				if err := c.receive(); err != nil {
					l.conns[fd].Store(nil)
					_ = c.socket.Close()
					failed = err
				}
			}
		}
	}
	return failed
}

// receive reads what is there.
func (c *looped) receive() error {
	for {
		k, err := c.Read(c.buf[c.n:])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return err
		}
		c.n += k
		if messageSize(c.buf[:c.n]) == c.n { // nothing follows before we answer
			err := c.message(c)
			c.n = 0
			return err
		}
	}
}
