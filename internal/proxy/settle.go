package proxy

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/relay"
	"github.com/botorate/botorate/internal/report"
	"github.com/botorate/botorate/internal/wire"
)

const (
	textPatience = 10 * time.Second // for the body of an answer that is read before it is passed on
	pumpPatience = 30 * time.Second // for the rest of a request that was answered early
)

// settle tells the governor what the answer, whose head is read, means, and passes it on, unless it is absorbed.
func (x *session) settle(up *upstream) (done, again bool) {
	x.status, x.code, x.result = x.resp.Status, "", report.Answered
	if x.resp.Status == 101 {
		x.s.gov.Report(x.pass, botorate.Outcome{Kind: botorate.OK})
		x.upgrade(up)
		return true, false
	}
	body := relay.ResponseBody(&x.resp, x.req.Method)
	if wire.NeedsErrorBody(&x.resp) {
		return x.settleError(up, &body)
	}
	x.s.gov.Report(x.pass, botorate.Outcome{Kind: botorate.OK})
	if wire.TellsAccount(&x.asked) {
		answer, text, err := x.readText(up, &body)
		x.s.accounts.Learn(&x.asked, wire.AccountIn(&x.asked, &x.resp, text))
		if werr := x.write(answer); werr != nil {
			err = werr
		}
		return true, x.finish(up, &body, err)
	}
	// Head and body, as far as they are there, leave in one piece.
	n, err := body.Scan(up.in.Buffered()[len(x.resp.Raw):])
	n += len(x.resp.Raw)
	if werr := x.write(up.in.Buffered()[:n]); werr != nil {
		err = werr
	}
	up.in.Discard(n)
	return true, x.finish(up, &body, err)
}

// settleError judges an answer by its body, of which the beginning is read before any of it is passed on.
func (x *session) settleError(up *upstream, body *relay.Body) (done, again bool) {
	answer, text, readErr := x.readText(up, body)
	out := wire.Judge(&x.asked, &x.resp, text)
	x.code = out.Code
	x.s.accounts.Learn(&x.asked, out.Account)
	if out.Verdict == wire.Answered {
		x.s.gov.Report(x.pass, botorate.Outcome{Kind: botorate.OK})
	} else {
		x.s.gov.Report(x.pass, botorate.Outcome{
			Kind: botorate.Throttled, RetryAfter: out.RetryAfter, Incident: out.Verdict == wire.Incident,
		})
		if body.Done() && x.absorb(up, out.RetryAfter) {
			x.refusal, x.sent = answer, false
			return false, false
		}
		if x.clientLeft() || x.pump == nil && x.pumpErr != nil {
			x.drop(up)
			return true, x.gone()
		}
		x.result = report.Throttled
	}
	if err := x.write(answer); err != nil {
		readErr = err
	}
	return true, x.finish(up, body, readErr)
}

// readText takes an answer over from the upstream's buffer, with its body up to the size and the time that are worth waiting for.
// text is what came of the body without its chunks.
func (x *session) readText(up *upstream, body *relay.Body) (answer, text []byte, err error) {
	answer = bytes.Clone(x.resp.Raw)
	up.in.Discard(len(answer))
	_ = x.resp.ParseResponse(answer) // the view moves; it was parsed before
	answer, err = x.readBodyOf(up, body, answer)
	text = answer[len(x.resp.Raw):]
	if x.resp.Chunked {
		text, _ = relay.Dechunk(text) // it was scanned before
	}
	return answer, text, err
}

// readBodyOf appends the body to answer, as readText says.
func (x *session) readBodyOf(up *upstream, body *relay.Body, answer []byte) ([]byte, error) {
	end := time.Now().Add(textPatience)
	for !body.Done() && len(answer)-len(x.resp.Raw) < wire.MaxErrorBody && time.Now().Before(end) {
		if len(up.in.Buffered()) == 0 {
			if err := up.link.SetReadDeadline(end); err != nil {
				return answer, err
			}
			err := up.in.Fill()
			switch {
			case isTimeout(err):
				return answer, nil
			case errors.Is(err, io.EOF) && body.UntilClose():
				*body = relay.Body{}
				x.resp.Close = true
				return answer, nil
			case err != nil:
				return answer, err
			}
		}
		n, err := body.Scan(up.in.Buffered())
		answer = append(answer, up.in.Buffered()[:n]...)
		up.in.Discard(n)
		if err != nil {
			return answer, err
		}
	}
	return answer, nil
}

// absorb decides whether a throttled attempt is sent again: it must be all there, in time, and its client too. It then gives
// the upstream up.
func (x *session) absorb(up *upstream, retryAfter time.Duration) bool {
	x.retryAfter = retryAfter
	x.absorbed++
	if x.last.Load() || !time.Now().Add(x.backoff()).Before(x.until) {
		x.absorbed--
		return false
	}
	x.stopPump(up)
	x.watch.end()
	if x.lost || x.pumpErr != nil || x.clientLeft() {
		x.absorbed--
		return false
	}
	x.release(up)
	x.resent = true
	return true
}

// finish passes on the rest of an answer, and reports whether the connection can take another attempt. err is what went
// wrong before.
func (x *session) finish(up *upstream, body *relay.Body, err error) (again bool) {
	last := x.req.Close || x.resp.Close || body.UntilClose()
	x.resp.Close = last
	if err == nil {
		err = x.stream(up, body)
	}
	if err != nil {
		var client *clientError
		if !errors.As(err, &client) && !x.clientLeft() {
			x.result = report.Failed
		}
		x.drop(up)
		x.breakOff()
		return false
	}
	x.awaitPump()
	x.release(up)
	if !x.body.Done() {
		x.linger()
		return false
	}
	return !last
}

// A clientError is an answer that the client does not take.
type clientError struct{ err error }

func (e *clientError) Error() string { return "write to the client: " + e.err.Error() }

func (x *session) write(p []byte) error {
	if err := x.raw.writeWithin(idleTimeout); err != nil {
		return &clientError{err}
	}
	if _, err := x.conn.Write(p); err != nil {
		return &clientError{err}
	}
	return nil
}

// stream passes on what comes, each piece at once.
func (x *session) stream(up *upstream, body *relay.Body) error {
	for !body.Done() {
		if len(up.in.Buffered()) == 0 {
			err := x.fill(up)
			if body.UntilClose() && errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
		}
		n, err := body.Scan(up.in.Buffered())
		if werr := x.write(up.in.Buffered()[:n]); werr != nil {
			return werr
		}
		up.in.Discard(n)
		if err != nil {
			return err
		}
	}
	return nil
}

// awaitPump lets a request that was answered early go on, as long as both sides want it to. A client that waited for 100
// Continue, and was answered without, may never send its body: the connection can't go on.
func (x *session) awaitPump() {
	if x.pump == nil || x.resp.Close || x.req.Expect100 && !x.continued && !x.pump.moved.Load() {
		return
	}
	t := time.NewTimer(pumpPatience)
	defer t.Stop()
	select {
	case <-x.pump.done:
	case <-t.C:
	}
}

// upgrade makes the connection a tunnel of whatever both sides agreed on.
func (x *session) upgrade(up *upstream) {
	x.observe()
	x.stopPump(up)
	x.watch.end()
	if err := x.write(up.in.Buffered()); err != nil {
		x.drop(up)
		return
	}
	up.in.Discard(len(up.in.Buffered()))
	up.in.Release()
	_ = up.conn.SetDeadline(time.Time{}) // a failure is a closed connection, as the copying finds out
	_ = x.raw.SetDeadline(time.Time{})
	x.splice(withFront(x.conn, x.in), up.conn)
	x.drop(up)
}
