package proxy

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// A link is a TCP connection whose deadlines cost nothing while bytes flow. Setting one takes longer than the parsing of a
// head, and each attempt has eight instants at which another would hold. A link sets one only if the next read or write
// goes to the system, and not at all while the one that is set is good enough: between half of the time and all of it.
//
// One goroutine may read and one write at a time. The deadlines of a direction belong to whoever reads or writes, but for
// the explicit ones, which end what is under way.
type link struct {
	net.Conn
	readBy, writeBy time.Time    // the deadlines that are set; zero for none
	limit           atomic.Int64 // what the next read gets: a duration, or one of those below
	shut            bool         // a read finds nothing
	hello           *hello       // until the client's hello is understood
}

const (
	limitSet  = 0  // whatever is set
	limitNone = -1 // no end
)

// readWithin lets the reads from now on take d together, at least half of it. Zero is without end.
func (l *link) readWithin(d time.Duration) {
	if d == 0 {
		d = limitNone
	}
	l.limit.Store(int64(d))
}

// settled leaves the deadline of reads as it is.
func (l *link) settled() { l.limit.Store(limitSet) }

// Read reads from the connection. What [link.readWithin] said last begins with it.
func (l *link) Read(p []byte) (int, error) {
	if l.shut {
		return 0, os.ErrDeadlineExceeded
	}
	if d := time.Duration(l.limit.Load()); d != limitSet {
		if err := l.apply(d); err != nil {
			return 0, err
		}
	}
	n, err := l.Conn.Read(p)
	if l.hello != nil && !l.hello.ours {
		l.hello.read = append(l.hello.read, p[:n]...)
	}
	return n, err
}

// Write writes to the connection, unless its client is to hear nothing from us.
func (l *link) Write(p []byte) (int, error) {
	if l.hello != nil && l.hello.passed {
		return len(p), nil
	}
	return l.Conn.Write(p)
}

// apply sets the deadline that reads are to have from now on, unless the one they have will do.
func (l *link) apply(d time.Duration) error {
	if d == limitNone {
		return l.SetReadDeadline(time.Time{})
	}
	l.settled()
	now := time.Now()
	if within(l.readBy, now, d) {
		return nil
	}
	return l.SetReadDeadline(now.Add(d))
}

// writeWithin lets the next write take d, at least half of it.
func (l *link) writeWithin(d time.Duration) error {
	if now := time.Now(); !within(l.writeBy, now, d) {
		return l.SetWriteDeadline(now.Add(d))
	}
	return nil
}

// within reports whether a deadline is as good as one that is d after now.
func within(by, now time.Time, d time.Duration) bool {
	left := by.Sub(now)
	return d/2 <= left && left <= d
}

// SetReadDeadline sets the instant at which reads end, also the one that is under way.
func (l *link) SetReadDeadline(t time.Time) error {
	l.settled()
	if t.IsZero() && l.readBy.IsZero() {
		return nil
	}
	l.readBy = t
	return l.Conn.SetReadDeadline(t)
}

// SetWriteDeadline is SetReadDeadline for writes.
func (l *link) SetWriteDeadline(t time.Time) error {
	if t.IsZero() && l.writeBy.IsZero() {
		return nil
	}
	l.writeBy = t
	return l.Conn.SetWriteDeadline(t)
}

// SetDeadline sets both.
func (l *link) SetDeadline(t time.Time) error {
	return errors.Join(l.SetReadDeadline(t), l.SetWriteDeadline(t))
}

// CloseWrite ends our direction of the connection.
func (l *link) CloseWrite() error {
	if h, ok := l.Conn.(halfCloser); ok {
		return h.CloseWrite()
	}
	return errors.ErrUnsupported
}
