package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// upstreamTimeout bounds how long the upstream may take for one answer.
const upstreamTimeout = 2 * time.Minute

// forward passes the request on with its own method, target, headers and body, so that the upstream sees what was signed; net/http's
// client would clean the target. Each request has a connection of its own.
func (x *exchange) forward(to *url.URL) (*reply, error) {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(x.http.Context(), "tcp", to.Host)
	if err != nil {
		return nil, err
	}
	res, err := x.roundTrip(conn) //nolint:bodyclose // closed with the reply
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	for _, hop := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade"} {
		res.Header.Del(hop)
	}
	return &reply{res.StatusCode, res.Header, &bodyOfConn{res.Body, conn}}, nil
}

func (x *exchange) roundTrip(conn net.Conn) (*http.Response, error) {
	if err := conn.SetDeadline(x.line.Time.Add(upstreamTimeout)); err != nil {
		return nil, err
	}
	bufs := net.Buffers{x.raw, x.body}
	if _, err := bufs.WriteTo(conn); err != nil {
		return nil, fmt.Errorf("send the request: %w", err)
	}
	in := bufio.NewReader(conn)
	for {
		res, err := http.ReadResponse(in, x.http)
		if err != nil {
			return nil, fmt.Errorf("read the answer: %w", err)
		}
		if res.StatusCode >= 200 {
			return res, nil
		}
	}
}

// A bodyOfConn closes its connection with it.
type bodyOfConn struct {
	io.ReadCloser
	conn net.Conn
}

func (b *bodyOfConn) Close() error { return errors.Join(b.ReadCloser.Close(), b.conn.Close()) }
