package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/botorate/botorate/internal/ca"
)

// A client that can speak HTTP/1.1 is paced, whatever else it offers. One that can't is passed on to AWS itself.
func TestWhoSpeaksOnlyHTTP2(t *testing.T) {
	for name, tt := range map[string]struct {
		offers []string
		paced  bool
		agreed string
	}{
		"nothing":                         {nil, true, ""},
		"both":                            {[]string{"h2", "http/1.1"}, true, "http/1.1"},
		"HTTP/1.1":                        {[]string{"http/1.1"}, true, "http/1.1"},
		"HTTP/2":                          {[]string{"h2"}, false, "h2"},
		"HTTP/2, hello sent with CONNECT": {[]string{"h2"}, false, "h2"},
	} {
		t.Run(name, func(t *testing.T) {
			unpaced := make(chan string, 1)
			w := newWorld(t, ok, func(w *world) {
				w.server.Unpaced = func(host string) { unpaced <- host }
				if aws := listenHTTP2(w); !tt.paced {
					w.server.Dial = func(context.Context, string, string) (net.Conn, error) { return net.Dial("tcp", aws) }
				}
			})
			c := w.openUnread(ec2Host, strings.Contains(name, "CONNECT"))
			roots := map[bool]*ca.Authority{true: w.ours, false: w.aws}[tt.paced]
			client := tls.Client(c, &tls.Config{ServerName: ec2Host, RootCAs: rootsOf(roots), NextProtos: tt.offers})
			if err := client.Handshake(); err != nil {
				t.Fatal(err)
			}
			if got := client.ConnectionState().NegotiatedProtocol; got != tt.agreed {
				t.Errorf("agreed on %q, want %q", got, tt.agreed)
			}
			if tt.paced {
				w.checkPaced(client)
				if len(unpaced) > 0 {
					t.Errorf("told of %s", <-unpaced)
				}
			} else if got := readN(t, client, 6) + <-unpaced; got != "hello2"+ec2Host {
				t.Errorf("got %q", got)
			}
		})
	}
}

func (w *world) checkPaced(client *tls.Conn) {
	w.t.Helper()
	io.WriteString(client, describe+describeBody)
	readN(w.t, client, len(okAnswer))
	w.ended(1)
}

// listenHTTP2 is an AWS that agrees on HTTP/2 and says something else.
func listenHTTP2(w *world) (addr string) {
	w.t.Helper()
	config, err := w.aws.TLSConfig(ec2Host)
	if err != nil {
		w.t.Fatal(err)
	}
	config = config.Clone()
	config.NextProtos = []string{"h2"}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { io.WriteString(c, "hello2") }()
		}
	}()
	return ln.Addr().String()
}

// openUnread asks for a tunnel and reads the answer later, if the first words are to follow CONNECT at once.
func (w *world) openUnread(host string, atOnce bool) net.Conn {
	w.t.Helper()
	if !atOnce {
		c, answer := w.connect(host+":443", auth)
		if !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
			w.t.Fatalf("CONNECT answered %q", answer)
		}
		return c
	}
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return &eager{Conn: c, connect: fmt.Sprintf("CONNECT %s:443 HTTP/1.1\r\nHost: %s\r\n%s\r\n", host, host, auth)}
}

// An eager client sends CONNECT and its hello in one piece.
type eager struct {
	net.Conn
	connect string
	in      *bufio.Reader
}

func (e *eager) Write(p []byte) (int, error) {
	n, err := e.Conn.Write(append([]byte(e.connect), p...))
	n = max(n-len(e.connect), 0)
	e.connect = ""
	return n, err
}

func (e *eager) Read(p []byte) (int, error) {
	if e.in == nil {
		e.in = bufio.NewReader(e.Conn)
		for line := ""; line != "\r\n"; {
			var err error
			if line, err = e.in.ReadString('\n'); err != nil {
				return 0, err
			}
		}
	}
	return e.in.Read(p)
}

// Sessions resume: a client that comes again needs no certificate.
func TestSessionsResume(t *testing.T) {
	w := newWorld(t, ok, nil)
	config := &tls.Config{ServerName: ec2Host, RootCAs: rootsOf(w.ours), ClientSessionCache: tls.NewLRUClientSessionCache(0)}
	for _, resumed := range []bool{false, true} {
		c, _ := w.connect(ec2Host+":443", auth)
		client := tls.Client(c, config)
		if _, err := io.WriteString(client, describe+describeBody); err != nil {
			t.Fatal(err)
		}
		readN(t, client, len(okAnswer)) // and with it the ticket
		if got := client.ConnectionState().DidResume; got != resumed {
			t.Errorf("resumed: %v, want %v", got, resumed)
		}
		client.Close()
	}
}
