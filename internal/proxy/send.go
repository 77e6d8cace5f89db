package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/relay"
)

// slowAnswer is how long an upstream may be silent before the client is watched meanwhile. There is no end to how long it may
// be silent: long polls and event streams are.
const slowAnswer = time.Second

// send sends the attempt, whose turn it is. It is not done when the answer is a throttle that the client need not see.
func (x *session) send(ctx context.Context) (done, again bool) {
	for fresh := false; ; fresh = true {
		up, err := x.s.connect(ctx, x.to, fresh)
		if err != nil {
			x.s.gov.Return(x.pass)
			return true, x.fail(explain(x.to.target, err))
		}
		if !up.reused && x.hangsUp() { // while we connected
			up.close()
			x.s.gov.Return(x.pass)
			return true, x.gone()
		}
		x.up.Store(up)
		if ctx.Err() != nil { // abort may have come before it could see up
			up.close()
		}
		x.sent = true
		err = x.ask(up)
		if err == nil {
			return x.settle(up)
		}
		silent := !x.answering && len(up.in.Buffered()) == 0
		x.drop(up)
		// The other side closed an idle connection as we used it. It may have seen the attempt all the same, so that only a read
		// is sent once more; a write is for the client to repeat.
		if silent && up.reused && !fresh && x.asked.ReadOnly() && !x.lost && x.pumpErr == nil && !x.clientLeft() && ctx.Err() == nil {
			x.resent = true
			continue
		}
		x.s.gov.Report(x.pass, botorate.Outcome{Kind: botorate.Failed})
		return true, x.broken(err)
	}
}

// broken ends an attempt that was sent, but whose answer did not begin.
func (x *session) broken(err error) (again bool) {
	switch {
	case refusable(x.pumpErr):
		return x.fail(400, "BotorateMalformedRequest", "botorate refuses this request: "+x.pumpErr.Error())
	case x.pumpErr != nil, x.clientLeft():
		return x.gone()
	case errors.Is(err, io.EOF):
		err = errors.New("it closed the connection")
	}
	return x.fail(502, "BotorateUpstreamBroken", fmt.Sprintf("botorate got no answer from %s: %v", x.to.host, err))
}

// ask sends what is there of the attempt, begins to send the rest, and reads the head of the final answer.
func (x *session) ask(up *upstream) error {
	x.answering, x.pumpErr, x.pumpFailed = false, nil, false
	if err := up.link.writeWithin(idleTimeout); err != nil {
		return err
	}
	// A failure to write is not the end, but for a timeout: the other side may have answered before it closed.
	switch _, err := up.conn.Write(x.msg); {
	case isTimeout(err):
		return err
	case err == nil && !x.body.Done():
		x.startPump(up)
	}
	for {
		raw, err := x.readAnswer(up)
		if err != nil {
			return err
		}
		if err := x.resp.ParseResponse(raw); err != nil {
			return err
		}
		x.answering = true
		switch {
		case x.resp.Status == 101 && !x.req.Upgrade:
			return &relay.MalformedError{What: "101 without having been asked to switch"}
		case x.resp.Status == 101, x.resp.Status >= 200:
			return nil
		}
		if err := x.inform(raw); err != nil {
			x.left = true
			return err
		}
		up.in.Discard(len(raw))
	}
}

// inform passes an interim answer on. A client gets one 100 Continue for one Expect, however often we send its attempt.
func (x *session) inform(raw []byte) error {
	if x.resp.Status == 100 {
		if x.resent && x.continued {
			return nil
		}
		x.continued = true
	}
	return x.write(raw)
}

// clientLeft reports whether the client was seen to hang up since the attempt left.
func (x *session) clientLeft() bool { return x.left || x.watch.clientLeft() }

// readAnswer reads one message head from the upstream. It may be long in coming, but once it began it must come.
func (x *session) readAnswer(up *upstream) ([]byte, error) {
	x.awaitWithin(up)
	for len(up.in.Buffered()) == 0 {
		if err := up.in.Await(); err != nil && !x.waitOn(up, err) {
			return nil, err
		}
	}
	up.link.readWithin(headTimeout)
	return up.in.PeekHead()
}

// fill reads a piece of the answer's body.
func (x *session) fill(up *upstream) error {
	x.awaitWithin(up)
	for {
		err := up.in.Fill()
		if err == nil || !x.waitOn(up, err) {
			return err
		}
	}
}

// awaitWithin lets the next read from the upstream take as long as it likes, once the client is watched.
func (x *session) awaitWithin(up *upstream) {
	if x.watch.running() {
		up.link.readWithin(0)
	} else {
		up.link.readWithin(slowAnswer)
	}
}

// waitOn reports whether a read that failed was only slow. If so the client is watched from now on, unless its request is
// still being read, which shows a hang-up as well.
func (x *session) waitOn(up *upstream, err error) bool {
	if !isTimeout(err) || x.watch.running() {
		return false
	}
	next := time.Time{}
	if x.pump.running() {
		if x.hangsUp() { // which a pump whose upstream takes no more does not see
			x.left = true
			up.close()
			return false
		}
		next = time.Now().Add(slowAnswer)
	} else {
		x.watch.start(time.Time{}, up.close)
	}
	return up.link.SetReadDeadline(next) == nil
}

// drop gives up an upstream in the middle of an attempt.
func (x *session) drop(up *upstream) {
	up.close()
	x.stopPump(up)
	x.watch.end()
	x.up.Store(nil)
	up.in.Discard(len(up.in.Buffered()))
	up.in.Release()
}

// release gives up an upstream after a whole answer: to the pool, if nothing is left over on either side.
func (x *session) release(up *upstream) {
	x.stopPump(up)
	x.watch.end()
	if !x.body.Done() || x.pumpFailed || x.resp.Close || x.req.Close || x.clientLeft() || !up.quiet() {
		x.drop(up)
		return
	}
	x.up.Store(nil)
	x.s.pool.put(x.to.key(), up, time.Now())
}

// A pump sends the rest of a body while the answer is awaited.
type pump struct {
	stopper
	done  chan struct{}
	moved atomic.Bool // a piece of the body came from the client
}

func (p *pump) running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (x *session) startPump(up *upstream) {
	p := &pump{done: make(chan struct{})}
	x.pump = p
	go func() {
		defer close(p.done)
		defer x.s.recovered()
		x.pumpErr = x.pumpBody(up, p)
		if x.pumpErr != nil {
			up.close()
		}
	}()
}

// stopPump ends the pump, if it runs. What it took from the client is in msg, unless lost; a connection to which it could not
// write all of it is of no more use.
func (x *session) stopPump(up *upstream) {
	p := x.pump
	if p == nil {
		return
	}
	if p.running() {
		p.stop(x.raw, up.link)
		<-p.done
		_ = x.raw.SetReadDeadline(time.Time{}) // as above
	}
	x.pump = nil
}

// pumpBody sends the rest of the body. The error is the client's; an upstream that takes no more may have answered.
func (x *session) pumpBody(up *upstream, p *pump) error {
	for !x.body.Done() {
		if len(x.in.Buffered()) == 0 {
			if !p.readUntil(x.raw, time.Now().Add(idleTimeout)) {
				return nil
			}
			if err := x.in.Fill(); err != nil {
				if p.isStopping() {
					return nil
				}
				return err
			}
		}
		n, err := x.body.Scan(x.in.Buffered())
		piece := x.in.Buffered()[:n]
		p.moved.Store(true)
		x.keep(piece)
		if !p.writeUntil(up.link, time.Now().Add(idleTimeout)) {
			x.pumpFailed = true
		} else if _, err := up.conn.Write(piece); err != nil {
			x.pumpFailed = true
		}
		x.in.Discard(n)
		if err != nil || x.pumpFailed {
			return err
		}
	}
	return nil
}

// keep notes a piece of the body that is sent, for the case that the attempt must be sent again.
func (x *session) keep(piece []byte) {
	switch {
	case x.lost:
	case len(x.msg)-x.head+len(piece) > keptBody:
		x.lost = true
		x.msg = x.msg[:x.head]
	default:
		x.msg = append(x.msg, piece...)
	}
}

// A stopper lets one goroutine end the reads of another.
type stopper struct {
	mu       sync.Mutex
	stopping bool
}

// readUntil sets the time at which the next read ends. It reports false when there must be none.
func (s *stopper) readUntil(c net.Conn, t time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.stopping && c.SetReadDeadline(t) == nil
}

// writeUntil is readUntil for a write.
func (s *stopper) writeUntil(c net.Conn, t time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.stopping && c.SetWriteDeadline(t) == nil
}

// stop ends the read from one connection and the write to another that are under way, and lets none follow.
func (s *stopper) stop(from, to net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	_ = from.SetReadDeadline(time.Unix(1, 0)) // a failure is a closed connection, whose reader has ended
	_ = to.SetWriteDeadline(time.Unix(1, 0))  // as above
}

func (s *stopper) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}
