package proxy

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/relay"
	"github.com/botorate/botorate/internal/report"
	"github.com/botorate/botorate/internal/wire"
	"github.com/botorate/botorate/quota"
)

const (
	eagerBody  = 64 << 10  // a body of this announced length is read before the attempt waits, so that a hang-up can be read
	keptBody   = 256 << 10 // of any body, so that the attempt can be sent again
	keptMemory = 64 << 10  // of a connection's message buffer, between two attempts
)

// An attempt is what a session knows of the attempt in flight. Its buffers are used again by the next.
type attempt struct {
	arrived time.Time
	req     relay.Head // a view of msg
	msg     []byte     // the head, and the body as far as it was read and kept
	head    int        // the length of the head in msg
	body    relay.Body // what is still to come of the body

	asked wire.Request
	since time.Time // when the call began
	until time.Time // the latest instant at which leaving is of use
	pass  botorate.Pass
	draws []botorate.Draw
	ending

	resp       relay.Head
	refusal    []byte        // a throttle that was absorbed, to be passed on if nothing better comes
	retryAfter time.Duration // what it asked for
	pump       *pump
	pumpErr    error // what the client did to end the pump

	lost       bool // part of the body was sent and not kept: the attempt can't be sent again
	resent     bool // the attempt was sent more than once
	answering  bool // the upstream has begun to answer
	continued  bool // the client has got an upstream's 100 Continue
	left       bool // the client took no interim answer
	pumpFailed bool // the upstream took no more of the body
	observed   bool // the attempt's end was told
}

// An ending is how an attempt ends, as far as that is known by now. What an attempt holds is held 10,000 times: the rest of the
// report is put together at the end.
type ending struct {
	result   report.Result
	sent     bool // see report.Attempt
	absorbed int
	status   int
	code     string
}

// report is what is told of the attempt.
func (x *session) report() report.Attempt {
	r := &x.asked
	return report.Attempt{
		Ended: time.Now(), Tenant: x.tenant, Client: r.UserAgent, Account: r.Account, Region: r.Region, Action: r.Action(), Draws: x.draws,
		Call: r.Invocation.String(), Held: x.hold.held, Absorbed: x.absorbed, Result: x.result, Sent: x.sent, Status: x.status, Code: x.code,
		Asked: report.Asked{
			Service: r.Service, Operation: r.Operation, API: r.API, Method: r.Method,
			Unfiltered: r.Unfiltered, Resources: r.Resources, Number: r.Attempt, Arrived: x.arrived,
		},
	}
}

// receive reads and identifies the next attempt, and reports whether there is one.
func (x *session) receive() bool {
	raw, err := x.readHead(x.in)
	if err != nil {
		if refusable(err) {
			x.refuseHead(err)
		}
		return false
	}
	x.begin(raw)
	if err := x.parse(); err != nil {
		x.refuseHead(err)
		return false
	}
	if err := x.readBody(); err != nil {
		if refusable(err) {
			x.refuseHead(err)
		}
		return false
	}
	x.raw.settled()
	x.identify()
	return true
}

// begin takes the head over from the reader, whose buffer is needed no more while the attempt waits.
func (x *session) begin(raw []byte) {
	msg := x.msg[:0]
	if want := len(x.in.Buffered()); cap(msg) > keptMemory || cap(msg) < want {
		msg = make([]byte, 0, want)
	}
	asked, answered := x.req.Fields, x.resp.Fields
	x.attempt = attempt{}
	x.arrived, x.req.Fields, x.resp.Fields = time.Now(), asked, answered
	x.msg, x.head = append(msg, raw...), len(raw)
	x.in.Discard(len(raw))
	x.watch.forget()
}

// parse reads the head and refuses one that is meant for another host than the connection.
func (x *session) parse() error {
	if err := x.req.ParseRequest(x.msg[:x.head]); err != nil {
		return err
	}
	if n := x.req.ContentLength; n > 0 && n <= eagerBody && cap(x.msg) < x.head+int(n) {
		x.msg = slices.Grow(x.msg, int(n))
		if err := x.req.ParseRequest(x.msg[:x.head]); err != nil { // the view moves with it
			return err
		}
	}
	x.body = relay.RequestBody(&x.req)
	return x.misdirected()
}

// A misdirectedError is a request whose Host or target names another host than CONNECT did: following either would be wrong.
type misdirectedError struct{ what string }

func (e *misdirectedError) Error() string { return e.what }

func (x *session) misdirected() error {
	t, own := x.req.Target, func(authority []byte) bool {
		h, port, _ := bytes.Cut(authority, []byte(":"))
		return len(h) > 0 && (len(port) == 0 || string(port) == "443") &&
			bytes.EqualFold(bytes.TrimSuffix(h, []byte(".")), []byte(x.to.host))
	}
	if !own(x.req.Get("Host")) {
		return &misdirectedError{"the Host header names another host than CONNECT"}
	}
	switch {
	case t[0] == '/', string(t) == "*":
		return nil
	case len(t) > len("https://") && bytes.EqualFold(t[:len("https://")], []byte("https://")):
		rest := t[len("https://"):]
		if end := bytes.IndexAny(rest, "/?#"); end >= 0 {
			rest = rest[:end]
		}
		if own(rest) {
			return nil
		}
	}
	return &misdirectedError{"the request target names another host than CONNECT"}
}

// refuseHead answers a request that is no attempt: what it means can't be told for sure.
func (x *session) refuseHead(err error) {
	status, code := 400, "BotorateMalformedRequest"
	var other *misdirectedError
	switch {
	case errors.As(err, &other):
		status, code = 421, "BotorateMisdirectedRequest"
	case errors.Is(err, relay.ErrHeadTooLarge):
		status, code = 431, "BotorateHeadTooLarge"
	}
	x.s.log.Debug("refused a request", slog.String("host", x.to.host), slog.Any("error", err))
	x.answer(closing(wire.Refuse(&wire.Request{Method: string(x.req.Method)}, status, code, "botorate refuses this request: "+err.Error())))
	x.linger()
}

// readBody reads what the attempt is identified by, or a body so small that it is best out of the way. A client that waits
// for 100 Continue is not asked for its body before the attempt may leave.
func (x *session) readBody() error {
	limit := 0
	switch {
	case x.body.Done() || x.req.Expect100:
		return nil
	case wire.NeedsBody(&x.req):
		limit = wire.MaxBody
	case x.req.ContentLength > 0 && x.req.ContentLength <= eagerBody:
		limit = eagerBody
	}
	for !x.body.Done() && len(x.msg)-x.head < limit {
		if err := x.fillBody(); err != nil {
			return err
		}
		n, err := x.body.Scan(x.in.Buffered())
		x.msg = append(x.msg, x.in.Buffered()[:n]...)
		x.in.Discard(n)
		if err != nil {
			return err
		}
	}
	return nil
}

// fillBody returns once a piece of the body is buffered.
func (x *session) fillBody() error {
	if len(x.in.Buffered()) > 0 {
		return nil
	}
	x.raw.readWithin(idleTimeout)
	return x.in.Fill()
}

// identify finds out what is asked, by whom, and until when it can wait.
func (x *session) identify() {
	var body []byte
	if len(x.msg) > x.head && wire.NeedsBody(&x.req) {
		if body = x.msg[x.head:]; x.req.Chunked {
			body, _ = relay.Dechunk(body) // it was scanned before
		}
	}
	x.asked = x.ids.Identify(&x.req, x.to.host, body)
	x.s.accounts.Correct(&x.asked)
	r := &x.asked
	var interim bool
	x.until, interim = holdBound(r, x.req.Expect100, x.s.Hold, x.arrived)
	next := time.Time{}
	if interim && x.req.Minor > 0 {
		next = x.arrived.Add(interimEvery)
	}
	x.hold.interim, x.hold.held = next, 0
	x.since = x.arrived
	if r.Attempt > 1 {
		if began, ok := x.s.calls.began(r.Invocation); ok {
			x.since = began
		}
	}
	x.draws = x.s.Policy.Draws(quota.Call{
		Service: r.Service, Operation: r.Operation, API: r.API, Account: r.Account, Region: r.Region,
		Unfiltered: r.Unfiltered, Resources: r.Resources, Resource: r.Resource, Method: r.Method,
	})
}

// rest gives up what an attempt does not need while it is held.
func (x *session) rest() {
	x.in.Release()
	x.req.Fields, x.resp.Fields = nil, nil
}

// observe tells how the attempt ended.
func (x *session) observe() {
	if x.observed {
		return
	}
	x.observed = true
	switch x.result {
	case report.Throttled, report.Shed, report.Failed:
		x.s.calls.remember(x.asked.Invocation, x.since)
	case report.Answered, report.Gone:
	}
	if x.s.Observe != nil {
		x.s.Observe(x.report())
	}
}

// run waits for the attempt's turn and sends it, again if AWS throttles it, until there is an answer for the client. It
// reports whether the connection can take another attempt.
func (x *session) run(ctx context.Context) (again bool) {
	for done := false; !done; {
		err := x.wait()
		if !x.hold.end() || err != nil {
			done, again = true, x.notLeft(err)
		} else if done, again = x.send(ctx); !done && !x.hold.sleep(x.backoff()) {
			done, again = true, x.gone()
		}
	}
	x.observe()
	x.forget()
	return again
}

// forget drops what the connection need not keep until its next attempt.
func (x *session) forget() {
	clear(x.msg) // it holds a signature
	if cap(x.msg) > keptMemory {
		x.msg, x.req = nil, relay.Head{} // whose fields are views of it
	}
}

func (x *session) wait() (err error) {
	x.pass, err = x.s.gov.Wait(&x.hold, botorate.Attempt{
		Draws: x.draws, Tenant: x.tenant, Since: x.since, Deadline: x.until,
	})
	return err
}

// notLeft ends an attempt that did not leave, because of the governor's error or, without one, since its client left.
func (x *session) notLeft(err error) (again bool) {
	var late *botorate.TooLateError
	switch {
	case err == nil:
		x.s.gov.Return(x.pass)
		return x.gone()
	case errors.As(err, &late):
		return x.tooLate(late.Wait)
	case x.hold.Err() != nil || errors.Is(err, errGone):
		return x.gone()
	}
	return x.fail(500, "BotorateInternalError", "botorate can't pace this request: "+err.Error())
}

// backoff is the least time before an absorbed throttle is sent again, should the governor know no better.
func (x *session) backoff() time.Duration {
	return max(x.retryAfter, min(100*time.Millisecond<<min(x.absorbed-1, 10), 5*time.Second))
}

// gone ends an attempt whose client left, or that we have to leave.
func (x *session) gone() bool {
	x.result, x.status, x.code = report.Gone, 0, ""
	return false
}

// tooLate answers an attempt that can't leave in time: with AWS's own throttle if there was one, else with ours.
func (x *session) tooLate(wait time.Duration) (again bool) {
	if x.refusal != nil {
		x.absorbed--
		x.result = report.Throttled
		x.answer(x.refusal)
		return x.afterAnswer() && !x.resp.Close
	}
	shed := wire.Shed(&x.asked, wait)
	x.result = report.Shed
	x.status, x.code = statusOf(shed), ""
	return x.reply(shed)
}

// fail answers an attempt with a failure of ours.
func (x *session) fail(status int, code, text string) (again bool) {
	x.result, x.status, x.code = report.Failed, status, code
	x.s.log.Debug("attempt failed", slog.String("action", x.asked.Action()), slog.String("code", code))
	return x.reply(wire.Refuse(&x.asked, status, code, text))
}

// afterAnswer reports whether the connection can go on after an answer that did not wait for the rest of the request.
func (x *session) afterAnswer() (again bool) {
	if !x.body.Done() {
		x.linger()
		return false
	}
	return !x.req.Close
}

// statusOf reads the status of a response of our own making.
func statusOf(response []byte) int {
	var h relay.Head
	head, err := relay.NewReader(bytes.NewReader(response), new(relay.Buffers)).PeekHead()
	if err != nil || h.ParseResponse(head) != nil {
		return 0
	}
	return h.Status
}
