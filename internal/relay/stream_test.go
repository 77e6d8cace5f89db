package relay

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// smuggled are streams with which one parser was led to see other requests than another.
func smuggled() []string {
	const get = "GET /evil HTTP/1.1\r\nHost: h\r\n\r\n"
	post := func(fields, body string) string {
		return "POST / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n" + body + get
	}
	all := []string{
		post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
		post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
		post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"),
		post("Content-Length: 5, 5\r\n", "hello"),
		post("Content-Length: +5\r\n", "hello"),
		post("Content-Length: 0x5\r\n", "hello"),
		post("Content-Length: 5 \r\n\t1\r\n", "hello"),
		post("Content-Length: \r\n", "hello"),
		post("Content_Length: 5\r\n", ""),
		post("Content-Length\t: 5\r\n", "hello"),
		post("Content-Length:\x0b5\r\n", "hello"),
		post("X: y\rContent-Length: 5\r\n", "hello"),
		post("X: y\nContent-Length: 5\r\n", "hello"),
		post("X: y\x00\r\nContent-Length: 5\r\n", "hello"),
		post(" Content-Length: 5\r\n", "hello"),
		"POST / HTTP/1.1\r\n\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello" + get,
		"POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + get,
		"POST / HTTP/1.1\nHost: h\nContent-Length: 5\n\nhello" + get,
		"POST / HTTP/1.1 \r\nHost: h\r\nContent-Length: 5\r\n\r\nhello" + get,
		"POST  / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello" + get,
		"\r\nPOST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello" + get,
	}
	for _, te := range []string{
		"xchunked", " chunked", "chunked ", "chunked\r\nTransfer-Encoding: x", "x\r\nTransfer-Encoding: chunked", "chunked, identity", "identity, chunked",
		"gzip, chunked", "chunked;q=1", "\"chunked\"", "chunked,", ",chunked", "chunked\x0c", "\x0bchunked", "cHuNkEd", "", "identity", "\xe2\x84\xaachunked",
	} {
		all = append(all, post("Transfer-Encoding: "+te+"\r\n", "5\r\nhello\r\n0\r\n\r\n"))
	}
	for _, body := range []string{
		"5\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello0\r\n\r\n", "5;\nhello\r\n0\r\n\r\n", "5;x=\"\r\nhello\r\n0\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n",
		"+5\r\nhello\r\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n", "5 5\r\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n", "\r\n5\r\nhello\r\n0\r\n\r\n", "5\r\rhello\r\n0\r\n\r\n",
		"5\r\nhello\r\r\n0\r\n\r\n", "100000000000000005\r\nhello\r\n0\r\n\r\n", "fffffffffffffffb\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\n\n", "5\r\nhello\r\n0\n\r\n",
		"5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n", "5\r\nhello\r\n0\r\nX : y\r\n\r\n", "5\r\nhello\r\n0\r\n X: y\r\n\r\n", "5\r\nhello\r\n0\r\nX: y\n\r\n",
		"5\r\nhello\r\n0\r\n\r", "5\t;\tx\r\nhello\r\n00\r\n\r\n",
	} {
		all = append(all, post("Transfer-Encoding: chunked\r\n", body))
	}
	return all
}

// A carried message is the first one of a stream, as we take it: its head, the data in its body, and how many bytes it has.
type carried struct {
	head Head
	data []byte
	size int
}

// carry reads the first message of p as the proxy does. It is not ok if that is refused or not all there.
func carry(t *testing.T, p []byte, parse func(*Head, []byte) error, bodyOf func(*Head) Body) (c carried, ok bool) {
	t.Helper()
	raw, err := NewReader(bytes.NewReader(p), new(Buffers)).PeekHead()
	if err != nil || parse(&c.head, raw) != nil {
		return c, false
	}
	rest := p[len(raw):]
	body := bodyOf(&c.head)
	chunks := body.kind == byChunks
	n, err := body.Scan(rest)
	if err != nil || !body.Done() && !body.UntilClose() {
		return c, false
	}
	c.size, c.data = len(raw)+n, rest[:n]
	if chunks {
		if c.data, err = Dechunk(rest[:n]); err != nil {
			t.Fatalf("accepted, but not decoded: %v", err)
		}
	}
	return c, true
}

// wholeTrailer is a buffer in which net/http finds the end of each trailer that we take. In one of 4 KB it finds none, and refuses.
const wholeTrailer = 2 * maxTrailer

// compare holds what net/http read of a stream against what we did.
func (c *carried) compare(t *testing.T, body io.Reader, in *bufio.Reader, after int) {
	t.Helper()
	data, err := io.ReadAll(body)
	if err != nil {
		if strings.Contains(err.Error(), "too ") || strings.Contains(err.Error(), "malformed MIME header") {
			return // net/http bounds the sizes of extensions and trailers
		}
		t.Fatalf("net/http refuses the body: %v", err)
	}
	rest, _ := io.ReadAll(in)
	if !bytes.Equal(data, c.data) || len(rest) != after {
		t.Errorf("net/http read %q and left %d bytes, we %q and %d", data, len(rest), c.data, after)
	}
}

// FuzzRequestStream holds whole requests against net/http: who reads what we pass on sees the same request, and the next one
// begins at the same byte.
func FuzzRequestStream(f *testing.F) {
	for _, s := range smuggled() {
		f.Add([]byte(s))
	}
	f.Add([]byte("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: " + strings.Repeat("b", 5000) + "\r\n\r\n"))
	f.Fuzz(func(t *testing.T, p []byte) {
		c, ok := carry(t, p, (*Head).ParseRequest, RequestBody)
		if !ok {
			return
		}
		head, target := legible(&c.head)
		in := bufio.NewReaderSize(bytes.NewReader(slices.Concat(head, p[len(c.head.Raw):])), wholeTrailer)
		req, err := http.ReadRequest(in)
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", head, err)
		}
		if req.Method != string(c.head.Method) || req.RequestURI != target || req.Close != c.head.Close {
			t.Errorf("net/http read %s %s, close %v, of %q", req.Method, req.RequestURI, req.Close, head)
		}
		if host := c.head.Get("Host"); req.URL.Host == "" && req.Host != string(host) {
			t.Errorf("net/http has host %q, we %q", req.Host, host)
		}
		c.compare(t, req.Body, in, len(p)-c.size)
	})
}

// FuzzResponseStream is the same for answers.
func FuzzResponseStream(f *testing.F) {
	for _, s := range smuggled() {
		_, fields, _ := strings.Cut(s, "\n")
		f.Add([]byte("HTTP/1.1 200 OK\r\n"+fields), false)
	}
	for _, s := range []string{
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nuntil the end", "HTTP/1.1 200\r\n\r\n",
		"HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 200OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw",
	} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, p []byte, head bool) {
		method := "GET"
		if head {
			method = "HEAD"
		}
		c, ok := carry(t, p, (*Head).ParseResponse, func(h *Head) Body { return ResponseBody(h, []byte(method)) })
		if !ok {
			return
		}
		in := bufio.NewReaderSize(bytes.NewReader(p), wholeTrailer)
		resp, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", c.head.Raw, err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != c.head.Status {
			t.Errorf("net/http read status %d, we %d", resp.StatusCode, c.head.Status)
		}
		if c.head.Status != 101 { // after which the bytes are no HTTP
			c.compare(t, resp.Body, in, len(p)-c.size)
		}
	})
}

// What was used for smuggling is refused, or is one and the same request for everybody: the fuzz test says which; here none may
// begin at another byte than it seems to.
func TestSmuggledAreRefused(t *testing.T) {
	var taken []string
	for _, s := range smuggled() {
		c, ok := carry(t, []byte(s), (*Head).ParseRequest, RequestBody)
		if ok {
			taken = append(taken, s[:c.size])
		}
	}
	want := []string{ // odd, but not ambiguous
		"POST / HTTP/1.1\r\nHost: h\r\nContent_Length: 5\r\n\r\n",
		"POST / HTTP/1.1\r\n\r\n",
		"Transfer-Encoding:  chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"Transfer-Encoding: chunked \r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"Transfer-Encoding: cHuNkEd\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"5;x=\"\r\nhello\r\n0\r\n\r\n",
		"5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n",
	}
	for i, s := range taken {
		if i >= len(want) || !strings.HasSuffix(s, want[i]) {
			t.Fatalf("taken: %q", s)
		}
	}
	if len(taken) != len(want) {
		t.Errorf("%d taken, want %d", len(taken), len(want))
	}
}
