package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"slices"
	"time"
)

// errHTTP2 is the end of a handshake with a client that speaks nothing but HTTP/2.
var errHTTP2 = errors.New("the client speaks only HTTP/2")

// A hello is a client's first words of TLS, kept until it is known whether they are for us.
type hello struct {
	config *tls.Config // for the host that the client asked for
	read   []byte      // what came so far, as long as they are not understood
	ours   bool        // they are for us
	passed bool        // they are not: we say nothing
}

// choose answers the client's offer with our certificate if it speaks HTTP/1.1. One that names no protocol does; one that
// offers nothing but HTTP/2 needs its streams (Kinesis SubscribeToShard, Lex, Transcribe, Bedrock in both directions), and
// would fail with us: it is not paced but tunnelled.
func (h *hello) choose(protocols []string) (*tls.Config, error) {
	if len(protocols) > 0 && !slices.Contains(protocols, "http/1.1") && slices.Contains(protocols, "h2") {
		h.passed = true
		return nil, errHTTP2
	}
	h.ours, h.read = true, nil
	return h.config, nil
}

// greeter is the server side of TLS before the client's hello is read. One for all hosts, it also holds the keys of session tickets.
func greeter() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			l, ok := h.Conn.(*link)
			if f, fronted := h.Conn.(*fronted); fronted {
				l, ok = f.Conn.(*link)
			}
			if !ok || l.hello == nil {
				return nil, errors.New("no connection of the proxy's")
			}
			return l.hello.choose(h.SupportedProtos)
		},
	}
}

// shake plays the server's part in the TLS handshake. The error is errHTTP2, with what came as the first result, for a client
// that is to be tunnelled.
func (c *client) shake(ctx context.Context, config *tls.Config) (front []byte, conn *tls.Conn, err error) {
	if err := c.raw.SetDeadline(time.Now().Add(headTimeout)); err != nil {
		return nil, nil, err
	}
	h := &hello{config: config, read: bytes.Clone(c.plain.Buffered())}
	c.raw.hello = h
	conn = tls.Server(withFront(c.raw, c.plain), c.s.greeter)
	err = conn.HandshakeContext(ctx)
	c.raw.hello = nil
	if err == nil {
		err = c.raw.SetDeadline(time.Time{})
	}
	return h.read, conn, err
}

// passHTTP2 tunnels a client that speaks nothing but HTTP/2, and whose hello is read.
func (c *client) passHTTP2(ctx context.Context, to target, front []byte) {
	c.s.log.Debug("tunnelled: the client speaks only HTTP/2", slog.String("host", to.host))
	if c.s.Unpaced != nil {
		c.s.Unpaced(to.host)
	}
	there, err := c.s.dial(ctx, to, c.s.route(to).via, noLoopback)
	if err != nil {
		c.s.log.Debug("tunnel failed", slog.String("host", to.host), slog.Any("error", err))
		return
	}
	if c.raw.SetDeadline(time.Time{}) == nil {
		c.carry(ctx, front, there)
	}
	_ = there.Close()
}

// carry passes bytes on between the client, of whom front is read already, and there.
func (c *client) carry(ctx context.Context, front []byte, there net.Conn) {
	// What was read before the tunnel goes first, so that both sides are bare and the kernel can copy.
	if len(front) > 0 {
		if _, err := there.Write(front); err != nil {
			return
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = there.Close() })
	defer stop()
	c.splice(c.raw.Conn, bare(there))
}
