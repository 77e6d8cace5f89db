package proxy

import (
	"errors"
	"os"
	"sync"
	"time"
)

// errGone is the end of an attempt whose client hung up.
var errGone = errors.New("the client hung up")

const (
	watchEvery   = time.Second      // how often the watched clients are looked at
	watchPeek    = time.Millisecond // how long one look may take where the system can't be asked
	interimWrite = 2 * time.Second  // how long an interim answer may take to be written
	interimText  = "HTTP/1.1 100 Continue\r\n\r\n"
)

// A watchman looks after the clients that wait for something: whether they are still there, and whether they need a sign of
// life. One goroutine does it for all, since a second one for each would be a third of what a held attempt takes in memory.
type watchman struct {
	mu      sync.Mutex
	watched map[*watch]struct{}
	wake    chan struct{} // holds one token when somebody came to be watched
}

func newWatchman() *watchman {
	return &watchman{watched: map[*watch]struct{}{}, wake: make(chan struct{}, 1)}
}

// run does the rounds until done.
func (m *watchman) run(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-m.wake:
		}
		m.rounds(done)
	}
}

// rounds goes on while anybody is watched.
func (m *watchman) rounds(done <-chan struct{}) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for all := m.all(nil); len(all) > 0; all = m.all(all[:0]) {
		select {
		case <-done:
			return
		case now := <-tick.C:
			for i, w := range all {
				w.look(now)
				all[i] = nil
			}
		}
	}
}

func (m *watchman) all(into []*watch) []*watch {
	m.mu.Lock()
	defer m.mu.Unlock()
	for w := range m.watched {
		into = append(into, w)
	}
	return into
}

func (m *watchman) add(w *watch) {
	m.mu.Lock()
	m.watched[w] = struct{}{}
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *watchman) remove(w *watch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.watched, w)
}

// A watch is a session's place with the watchman. While it is on, nobody else may read from the client.
type watch struct {
	x *session

	mu      sync.Mutex
	on      bool
	left    bool
	interim time.Time // when the next interim answer is due; zero for none
	gone    func()    // told once of the hang-up
}

// running reports whether the watch is on. Only the session's own goroutine turns it on and off.
func (w *watch) running() bool { return w.on }

// clientLeft reports whether the client hung up, in this watch or the last.
func (w *watch) clientLeft() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.left
}

// forget is for the next attempt.
func (w *watch) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = false
}

// start turns the watch on. With an interim answer due, nobody else may write to the client.
func (w *watch) start(interim time.Time, gone func()) {
	w.mu.Lock()
	w.on, w.left, w.interim, w.gone = true, false, interim, gone
	w.mu.Unlock()
	w.x.watchman.add(w)
}

// end turns the watch off, if it is on, with a last look at the client.
func (w *watch) end() {
	if !w.on {
		return
	}
	w.x.watchman.remove(w)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = w.left || w.x.hungUp()
	w.on, w.gone = false, nil
	_ = w.x.raw.SetReadDeadline(time.Time{}) // a failure is a closed connection, as the next read finds out
}

// look finds out whether the client is there, and sends it what is due.
func (w *watch) look(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.on || w.left {
		return
	}
	gone := w.x.hungUp()
	if !gone && !w.interim.IsZero() && !now.Before(w.interim) {
		w.interim = now.Add(interimEvery)
		gone = w.x.sendInterim(now) != nil
	}
	if gone {
		w.leaveLocked()
	}
}

// abandon ends what the session waits for, as if the client had hung up.
func (w *watch) abandon() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.on && !w.left {
		w.leaveLocked()
	}
}

func (w *watch) leaveLocked() {
	w.left = true
	w.gone()
}

// hangsUp is hungUp where the system can be asked without reading; elsewhere it is false.
func (x *session) hangsUp() bool {
	gone, known := peerClosed(bottom(x.raw))
	return known && gone
}

// hungUp reports whether the client has sent its last byte. Where the system can't tell, one byte is awaited for a moment; the
// next attempt finds it.
func (x *session) hungUp() bool {
	if gone, known := peerClosed(bottom(x.raw)); known {
		return gone
	}
	if len(x.in.Buffered()) > 0 {
		return false
	}
	if x.raw.SetReadDeadline(time.Now().Add(watchPeek)) != nil {
		return true
	}
	err := x.in.Await()
	return err != nil && !isTimeout(err)
}

// sendInterim keeps a client alive that begins to wait anew after it.
func (x *session) sendInterim(now time.Time) error {
	if err := x.raw.SetWriteDeadline(now.Add(interimWrite)); err != nil {
		return err
	}
	if _, err := x.conn.Write([]byte(interimText)); err != nil {
		return err
	}
	return x.raw.SetWriteDeadline(time.Time{})
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// A hold is the context of an attempt's wait. It costs nothing until somebody asks for Done, which the governor does when
// the attempt really has to wait: then the client begins to be watched, and the context ends when it hangs up.
type hold struct {
	x       *session
	work    func() error  // why nothing can be waited for any more; nil while it can
	interim time.Time     // when the next interim answer is due; zero for none
	held    time.Duration // by the waits that ended

	began time.Time // zero while not held
	done  chan struct{}
}

// Done begins the hold.
func (h *hold) Done() <-chan struct{} {
	if !h.began.IsZero() {
		return h.done
	}
	h.began = time.Now()
	done := make(chan struct{})
	h.done = done
	h.x.rest()
	h.x.watch.start(h.interim, func() { close(done) })
	if h.x.s.Holding != nil {
		h.x.s.Holding(1)
	}
	return done
}

// Err returns why the wait is over, nil while it is not.
func (h *hold) Err() error {
	if !h.began.IsZero() {
		select {
		case <-h.done:
			return errGone
		default:
		}
	}
	return h.work()
}

// Deadline is never known: a wait's deadline is the attempt's own.
func (*hold) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value returns nil.
func (*hold) Value(any) any { return nil }

// end ends the hold, if it began, and reports whether the attempt may still leave.
func (h *hold) end() (alive bool) {
	if h.began.IsZero() {
		return h.work() == nil
	}
	w := &h.x.watch
	w.end()
	h.interim = w.interim // which nobody changes any more
	h.held += time.Since(h.began)
	h.began, h.done = time.Time{}, nil
	if h.x.s.Holding != nil {
		h.x.s.Holding(-1)
	}
	return !w.clientLeft() && h.work() == nil
}

// sleep holds the attempt for d. It reports false at once when the client hangs up.
func (h *hold) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-h.Done():
	}
	return h.end()
}
