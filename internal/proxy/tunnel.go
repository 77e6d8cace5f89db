package proxy

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"time"
)

const (
	lingerTime  = 2 * time.Second
	lingerBytes = 64 << 20
)

const established = "HTTP/1.1 200 Connection established\r\n\r\n"

// tunnel passes bytes on unseen, for as long as both sides like.
func (c *client) tunnel(ctx context.Context, to target) {
	r := c.s.route(to)
	there, err := c.s.dial(ctx, to, r.via, noLoopback)
	if err != nil {
		status, _, text := explain(to, err)
		c.s.log.Debug("tunnel failed", slog.String("host", to.host), slog.Any("error", err))
		line := "502 Bad Gateway"
		if status == 403 {
			line = "403 Forbidden"
		}
		c.answer(line, "", text)
		return
	}
	defer func() { _ = there.Close() }()
	if err := c.raw.SetDeadline(time.Time{}); err != nil {
		return
	}
	if _, err := c.raw.Write([]byte(established)); err != nil {
		return
	}
	front := bytes.Clone(c.plain.Buffered())
	c.plain.Discard(len(front))
	c.plain.Release()
	c.carry(ctx, front, there)
}

// A halfCloser can end one direction of a connection.
type halfCloser interface{ CloseWrite() error }

// splice copies both ways until both have ended. The end of one is passed on; an error ends both.
func (c *client) splice(here, there net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer c.s.recovered()
		c.copyHalf(there, here)
	}()
	c.copyHalf(here, there)
	<-done
}

func (c *client) copyHalf(dst, src net.Conn) {
	_, err := io.Copy(dst, src)
	if err == nil {
		h, ok := dst.(halfCloser)
		if f, fronted := dst.(*fronted); fronted {
			h, ok = f.Conn.(halfCloser)
		}
		if ok && h.CloseWrite() == nil {
			return
		}
	}
	_ = dst.Close()
	_ = src.Close()
}

// linger ends our side of a connection and reads what the other still sends: closing at once would reset the connection,
// and the other side would lose the answer. conn is raw, or what is above it.
func linger(conn, raw net.Conn) {
	if h, ok := conn.(halfCloser); ok {
		_ = h.CloseWrite()
	}
	if conn != raw {
		if h, ok := raw.(halfCloser); ok {
			_ = h.CloseWrite()
		}
	}
	if raw.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, raw, lingerBytes)
	}
}
