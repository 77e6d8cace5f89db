package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"slices"

	"github.com/botorate/botorate/internal/relay"
	"github.com/botorate/botorate/internal/wire"
)

// A session is one intercepted connection: a client that speaks TLS with us in the place of an AWS API.
type session struct {
	*client
	conn *tls.Conn
	in   *relay.Reader
	to   route

	hold hold
	ids  wire.Identifier
	attempt
}

// intercept answers CONNECT at once, plays the target's part in TLS, and returns the session that serves the attempts, nil
// if it does not come to that.
func (c *client) intercept(ctx context.Context, to target) *session {
	config, err := c.s.Authority.TLSConfig(to.host)
	if err != nil {
		c.s.log.Error("can't intercept a host", slog.String("host", to.host), slog.Any("error", err))
		c.answer("502 Bad Gateway", "", "botorate: "+err.Error())
		return nil
	}
	if _, err := c.raw.Write([]byte(established)); err != nil {
		return nil
	}
	front, conn, err := c.shake(ctx, config)
	switch {
	case errors.Is(err, errHTTP2):
		c.passHTTP2(ctx, to, front)
		return nil
	case err != nil:
		c.handshakeFailed(to, err)
		return nil
	}
	c.plain = nil
	x := &session{client: c, conn: conn, in: relay.NewReader(conn, &c.s.buffers), to: c.s.route(to)}
	c.watch.x, x.hold.x = x, x
	return x
}

// start serves one attempt after the other. Between here and the governor's wait the stack is kept below 1.2 KB, with which
// the runtime shrinks a goroutine to 4 KB; with more it has 8.
func (x *session) start(ctx context.Context, crowd *crowd) {
	x.hold.work = ctx.Err
	crowd.wait.Add(1)
	go func() {
		defer x.end(crowd)
		defer x.s.recovered()
		for x.receive() && x.run(ctx) && !x.last.Load() {
		}
		_ = x.conn.Close()
	}()
}

func (x *session) end(crowd *crowd) {
	crowd.leave(x.client)
	_ = x.raw.Close()
	x.in.Discard(len(x.in.Buffered()))
	x.in.Release()
	crowd.wait.Done()
}

// handshakeFailed tells a client that does not trust our authority from one that just left.
//
// Such a client sends an alert. OpenSSL's, under TLS 1.3, is not encrypted although keys are in use by then, and so taken for a
// damaged record (RFC 8446 section 5.2; seen of OpenSSL 3.0.19, 2026-11-23). TCP lets no other damage through.
func (c *client) handshakeFailed(to target, err error) {
	c.s.log.Debug("TLS handshake with a client failed", slog.String("host", to.host), slog.Any("error", err))
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || c.s.Distrusted == nil {
		return
	}
	if op.Op == "remote error" || op.Op == "local error" && op.Err.Error() == "tls: bad record MAC" {
		c.s.Distrusted(to.host, err)
	}
}

// answer sends a whole response.
func (x *session) answer(response []byte) {
	if err := x.write(response); err != nil {
		x.s.log.Debug("answering a client failed", slog.Any("error", err))
	}
}

// reply answers the attempt with a response of our own making, and reports whether the connection can go on after it. If not, the
// response says so.
func (x *session) reply(response []byte) (again bool) {
	if !x.body.Done() || x.req.Close || x.last.Load() {
		response = closing(response)
	}
	x.answer(response)
	return x.afterAnswer()
}

// closing returns a response that announces the end of the connection.
func closing(response []byte) []byte {
	line, rest, _ := bytes.Cut(response, []byte("\r\n"))
	return slices.Concat(line, []byte("\r\nConnection: close\r\n"), rest)
}

// linger ends the connection after an answer to a request that was not read to its end.
func (x *session) linger() { linger(x.conn, x.raw) }

// breakOff ends the connection so that nobody takes what was sent for a whole answer.
func (x *session) breakOff() {
	if t, ok := bottom(x.raw).(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = x.raw.Close()
}
