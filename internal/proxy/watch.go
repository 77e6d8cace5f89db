package proxy

import (
	"context"
	"errors"
	"os"
	"time"
)

// errGone is the end of an attempt whose client hung up.
var errGone = errors.New("the client hung up")

// watchPoll is how often a client is looked at whose hang-up can't be read, because bytes that it sent before are unread.
const watchPoll = time.Second

// A watch waits for the client's hang-up while the session does something else than read. It reads one byte at most,
// which the next attempt finds, and holds no buffer. The zero value is a watch that does not run.
type watch struct {
	x       *session
	gone    func()    // told of the hang-up, once
	interim time.Time // when the next interim answer is due; zero for none

	stopper
	stop  chan struct{} // nil unless running
	ended chan struct{}
	left  bool // the client hung up; read it only after end
}

// running reports whether the watch was started and not stopped.
func (w *watch) running() bool { return w.stop != nil }

// start begins to watch. Until [watch.end] nobody else may read from the client, nor write to it if interim is not zero.
func (w *watch) start(interim time.Time, gone func()) {
	w.gone, w.interim, w.stopping, w.left = gone, interim, false, false
	w.stop, w.ended = make(chan struct{}), make(chan struct{})
	go w.run()
}

// end stops the watch and waits for it.
func (w *watch) end() {
	if !w.running() {
		return
	}
	close(w.stop)
	w.stopReads(w.x.raw)
	<-w.ended
	w.stop = nil
	_ = w.x.raw.SetReadDeadline(time.Time{}) // as above
}

func (w *watch) run() {
	defer close(w.ended)
	defer w.x.s.recovered()
	if w.hangUp() {
		w.left = true
		w.gone()
	}
}

// hangUp waits until the watch is stopped, or reports that the client hung up.
func (w *watch) hangUp() bool {
	for len(w.x.in.Buffered()) == 0 {
		if !w.readUntil(w.x.raw, w.interim) {
			return !w.isStopping()
		}
		err := w.x.in.Await()
		if isTimeout(err) {
			if w.isStopping() {
				return false
			}
			err = w.sendInterim()
		}
		if err != nil {
			return true
		}
	}
	return w.poll()
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// sendInterim keeps a client alive that starts to wait anew after it.
func (w *watch) sendInterim() error {
	const answer = "HTTP/1.1 100 Continue\r\n\r\n"
	if err := w.x.raw.SetWriteDeadline(time.Now().Add(headTimeout)); err != nil {
		return err
	}
	if _, err := w.x.conn.Write([]byte(answer)); err != nil {
		return err
	}
	w.interim = time.Now().Add(interimEvery)
	return w.x.raw.SetWriteDeadline(time.Time{})
}

// poll looks at the connection's state from time to time: what can be read is no end.
func (w *watch) poll() bool {
	tick := time.NewTicker(watchPoll)
	defer tick.Stop()
	for {
		select {
		case <-w.stop:
			return false
		case now := <-tick.C:
			if hungUp(bottom(w.x.raw)) || !w.interim.IsZero() && !now.Before(w.interim) && w.sendInterim() != nil {
				return true
			}
		}
	}
}

// A hold is the context of an attempt's wait. It costs nothing until somebody asks for Done, which the governor does when
// the attempt really has to wait: then the client begins to be watched, and the context ends when it hangs up.
type hold struct {
	x       *session
	work    context.Context //nolint:containedctx // a hold is a context itself, and this is its parent
	interim time.Time       // when the next interim answer is due; zero for none
	held    time.Duration   // by the waits that ended

	began  time.Time       // zero while not held
	ctx    context.Context //nolint:containedctx // as above
	cancel context.CancelCauseFunc
}

// reset prepares the hold of the next attempt.
func (h *hold) reset(work context.Context, interim time.Time) {
	h.work, h.interim, h.held = work, interim, 0
}

// Done begins the hold.
func (h *hold) Done() <-chan struct{} {
	if h.began.IsZero() {
		h.began = time.Now()
		h.ctx, h.cancel = context.WithCancelCause(h.work)
		cancel := h.cancel
		h.x.watch.start(h.interim, func() { cancel(errGone) })
		if h.x.s.Holding != nil {
			h.x.s.Holding(1)
		}
	}
	return h.ctx.Done()
}

// Err returns why the wait is over, nil while it is not.
func (h *hold) Err() error {
	if h.ctx == nil {
		return h.work.Err()
	}
	return h.ctx.Err()
}

// Deadline is never known: a wait's deadline is the attempt's own.
func (*hold) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value returns nil.
func (*hold) Value(any) any { return nil }

// end ends the hold, if it began, and reports whether the attempt may still leave.
func (h *hold) end() (alive bool) {
	if h.began.IsZero() {
		return h.work.Err() == nil
	}
	w := &h.x.watch
	w.end()
	h.interim = w.interim
	h.held += time.Since(h.began)
	alive = h.ctx.Err() == nil
	h.cancel(nil)
	h.began, h.ctx, h.cancel = time.Time{}, nil, nil
	if h.x.s.Holding != nil {
		h.x.s.Holding(-1)
	}
	return alive
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
