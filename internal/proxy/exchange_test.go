package proxy

import (
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/botorate/botorate/internal/relay"
)

// An exchange is a request and what AWS says to it.
type exchange struct {
	request string
	interim string // after the head
	answer  string
	early   bool // before the body has come
	piece   int  // in which both sides send
}

func drawExchange(t *rapid.T) exchange {
	method := rapid.SampledFrom([]string{"GET", "HEAD", "PUT", "POST", "DELETE"}).Draw(t, "method")
	target := "/" + rapid.StringMatching(`[!$-~]{0,30}(\?[!$-~]{0,20})?`).Draw(t, "target")
	fields, body := drawFields(t), ""
	e := exchange{piece: rapid.SampledFrom([]int{100, 1400, 16 << 10, 1 << 20}).Draw(t, "piece")}
	if rapid.Bool().Draw(t, "103") {
		e.interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
	}
	if method == "PUT" || method == "POST" {
		framing, b := drawBody(t)
		fields, body = fields+framing, b
		if rapid.Bool().Draw(t, "expect") {
			fields, e.interim = fields+"Expect: 100-continue\r\n", e.interim+goOn
		} else {
			e.early = rapid.Bool().Draw(t, "early")
		}
	}
	e.request = method + " " + target + " HTTP/1.1\r\nHost: " + s3Host + "\r\n" + fields + "\r\n" + body
	e.answer = drawAnswer(t, method)
	return e
}

func drawAnswer(t *rapid.T, method string) string {
	status := rapid.SampledFrom([]string{"200 OK", "204 No Content", "206", "304 Not Modified", "400 Bad  Request", "404 ", "500 No"}).Draw(t, "status")
	framing, body := drawBody(t)
	switch {
	case strings.HasPrefix(status, "204"):
		framing, body = "", ""
	case method == "HEAD", strings.HasPrefix(status, "304"):
		body = ""
	}
	return "HTTP/1.1 " + status + "\r\n" + framing + drawFields(t) + "\r\n" + body
}

// drawFields draws header fields that do not tell where a message ends.
func drawFields(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.StringMatching(`[xX]-[!#-'*+.0-9A-Z^-z|~-]{0,20}:[ \t]{0,2}[!-~]{0,40}[ \t]?\r\n`), 0, 6).Draw(t, "fields"), "")
}

// drawBody draws a body and the field that says where it ends.
func drawBody(t *rapid.T) (framing, body string) {
	sizes := rapid.SliceOfN(rapid.IntRange(1, 100_000), 0, 4).Draw(t, "sizes")
	const text = "a pattern of a prime length, 37 bytes"
	var plain, inChunks strings.Builder
	for _, n := range sizes {
		data := strings.Repeat(text, n/len(text)+1)[:n]
		plain.WriteString(data)
		fmt.Fprintf(&inChunks, "%X;n=%d\r\n%s\r\n", n, n, data)
	}
	if rapid.Bool().Draw(t, "chunked") {
		return chunked, inChunks.String() + "0\r\nX-Sum: 1\r\n\r\n"
	}
	return fmt.Sprintf("Content-Length: %d\r\n", plain.Len()), plain.String()
}

// A scene is the upstream of the exchanges: each request takes the next.
type scene struct {
	next chan exchange
	seen chan string // the requests, each when it is whole
}

func (s *scene) serve(c *tls.Conn) {
	in := relay.NewReader(c, new(relay.Buffers))
	for {
		raw, err := in.PeekHead()
		var head relay.Head
		if err != nil || head.ParseRequest(raw) != nil {
			return
		}
		request, body := string(raw), relay.RequestBody(&head)
		in.Discard(len(raw))
		e := <-s.next
		io.WriteString(c, e.interim)
		if e.early {
			inPieces(c, e.answer, e.piece)
		}
		for !body.Done() {
			if len(in.Buffered()) == 0 && in.Fill() != nil {
				break
			}
			n, _ := body.Scan(in.Buffered())
			request += string(in.Buffered()[:n])
			in.Discard(n)
		}
		s.seen <- request
		if !e.early {
			inPieces(c, e.answer, e.piece)
		}
	}
}

// Whatever is drawn, both sides get what the other sent, byte for byte, one exchange after the other.
func TestExchangesArriveAsSent(t *testing.T) {
	s := scene{next: make(chan exchange), seen: make(chan string, 1)}
	w := newWorld(t, s.serve, nil)
	rapid.Check(t, func(t *rapid.T) {
		c := w.open(s3Host)
		defer c.Close()
		for _, e := range rapid.SliceOfN(rapid.Custom(drawExchange), 1, 5).Draw(t, "exchanges") {
			go inPieces(c, e.request, e.piece)
			select {
			case s.next <- e:
			case <-time.After(10 * time.Second):
				t.Fatalf("%.300q did not arrive", e.request)
			}
			want := e.interim + e.answer
			got := make([]byte, len(want))
			if n, err := io.ReadFull(c, got); err != nil || string(got) != want {
				t.Fatalf("AWS sent %.300q\ngot %.300q, %v", want, got[:n], err)
			}
			if got := <-s.seen; got != e.request {
				t.Fatalf("sent %.300q\narrived %.300q, %d bytes of %d", e.request, got, len(got), len(e.request))
			}
		}
	})
}
