package relay

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

const chunkedBody = "5;ext=\"a b\"\r\nhello\r\n00A \r\n0123456789\r\n0\r\nX-Sum: abc\r\nY:\r\n\r\n"

// scanAll feeds s in pieces and returns how much belonged to the body.
func scanAll(b *Body, s string, piece int) (n int, err error) {
	for len(s) > 0 && !b.Done() {
		k, err := b.Scan([]byte(s[:min(piece, len(s))]))
		n += k
		if err != nil {
			return n, err
		}
		s = s[k:]
	}
	return n, nil
}

func TestBodyEnds(t *testing.T) {
	const next = "GET / HTTP/1.1\r\n\r\n"
	for name, tt := range map[string]struct {
		head string
		body string
	}{
		"none":                 {"GET / HTTP/1.1\r\n\r\n", ""},
		"length":               {"PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", "hello"},
		"chunked":              {"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", chunkedBody},
		"empty chunked":        {"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "0\r\n\r\n"},
		"answer, length":       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "hello"},
		"answer, length 0":     {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""},
		"answer, chunked":      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunkedBody},
		"answer without body":  {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", ""},
		"answer, not modified": {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for piece := 1; piece <= len(tt.body)+len(next); piece++ {
				var h Head
				body := func() Body { return RequestBody(&h) }
				parse := h.ParseRequest
				if strings.HasPrefix(tt.head, "HTTP/") {
					parse, body = h.ParseResponse, func() Body { return ResponseBody(&h, []byte("GET")) }
				}
				if err := parse([]byte(tt.head)); err != nil {
					t.Fatal(err)
				}
				b := body()
				if n, err := scanAll(&b, tt.body+next, piece); n != len(tt.body) || err != nil || !b.Done() {
					t.Fatalf("in pieces of %d: body of %d bytes (done %v, %v), want %d", piece, n, b.Done(), err, len(tt.body))
				}
			}
		})
	}
}

func TestBodyUntilClose(t *testing.T) {
	var h Head
	if err := h.ParseResponse([]byte("HTTP/1.1 200 OK\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	b := ResponseBody(&h, []byte("GET"))
	if n, err := b.Scan(make([]byte, 100)); n != 100 || err != nil || b.Done() || !b.UntilClose() {
		t.Errorf("scanned %d, %v, done %v", n, err, b.Done())
	}
	if b = ResponseBody(&h, []byte("HEAD")); !b.Done() {
		t.Error("an answer to HEAD has a body")
	}
}

func TestRefusedChunks(t *testing.T) {
	for name, s := range map[string]string{
		"no size":            "\r\nhello\r\n0\r\n\r\n",
		"only extension":     ";a\r\n0\r\n\r\n",
		"sign":               "+5\r\nhello\r\n0\r\n\r\n",
		"0x":                 "0x5\r\nhello\r\n0\r\n\r\n",
		"underscore":         "1_0\r\n",
		"two numbers":        "5 5\r\nhello\r\n0\r\n\r\n",
		"space before ;":     "5 ;a\r\nhello\r\n0\r\n\r\n",
		"bare LF":            "5\nhello\r\n0\r\n\r\n",
		"bare LF after ext":  "5;a\nhello\r\n0\r\n\r\n",
		"CR in extension":    "5;a\rb\r\nhello\r\n",
		"NUL in extension":   "5;a\x00\r\nhello\r\n",
		"long data":          "5\r\nhello!\r\n0\r\n\r\n",
		"LF after data":      "5\r\nhello\n0\r\n\r\n",
		"size overflows":     "FFFFFFFFFFFFFFFF5\r\n",
		"trailer folded":     "0\r\nA: b\r\n c\r\n\r\n",
		"trailer, bare LF":   "0\r\nA: b\n\r\n",
		"trailer, no colon":  "0\r\nAbc\r\n\r\n",
		"trailer, no name":   "0\r\n: b\r\n\r\n",
		"trailer, space":     "0\r\nA : b\r\n\r\n",
		"bad end":            "0\r\n\rX",
		"endless extension":  "5;" + strings.Repeat("a", maxChunkLine) + "\r\nhello\r\n0\r\n\r\n",
		"endless trailer":    "0\r\nA: " + strings.Repeat("a", maxTrailer) + "\r\n\r\n",
		"many zeros in size": strings.Repeat("0", 20) + "5\r\nhello\r\n0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			b := Body{kind: byChunks}
			var bad *MalformedError
			if n, err := scanAll(&b, s, len(s)); !errors.As(err, &bad) {
				t.Errorf("accepted %d bytes: %v", n, err)
			}
		})
	}
}

func TestDechunk(t *testing.T) {
	got, err := Dechunk([]byte(chunkedBody))
	if string(got) != "hello0123456789" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err = Dechunk([]byte("5\r\nhel")); string(got) != "hel" || err != nil {
		t.Errorf("beginning: got %q, %v", got, err)
	}
	if _, err = Dechunk([]byte("5\r\nhello!")); err == nil {
		t.Error("bad chunks accepted")
	}
}

func TestScanDoesNotAllocate(t *testing.T) {
	p := []byte(chunkedBody)
	if n := testing.AllocsPerRun(100, func() {
		b := Body{kind: byChunks}
		if k, err := b.Scan(p); k != len(p) || err != nil {
			t.Fatal(k, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// FuzzChunked holds what we accept against net/http: the same data, ending at the same byte.
func FuzzChunked(f *testing.F) {
	f.Add([]byte(chunkedBody), 3)
	f.Add([]byte("0\r\n\r\nGET / HTTP/1.1\r\n\r\n"), 1)
	f.Add([]byte("5\r\nhello\r\n0\r\nA: b\r\n\r\n"), 100)
	f.Add([]byte("0\r\nA: "+strings.Repeat("b", 5000)+"\r\n\r\n"), 100)
	f.Fuzz(func(t *testing.T, p []byte, piece int) {
		b := Body{kind: byChunks}
		n, err := scanAll(&b, string(p), max(piece, 1))
		if err != nil || !b.Done() {
			return
		}
		data, err := Dechunk(p[:n])
		if err != nil {
			t.Fatalf("accepted, but not decoded: %v", err)
		}
		in := bufio.NewReaderSize(strings.NewReader("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"+string(p)), wholeTrailer)
		req, err := http.ReadRequest(in)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := io.ReadAll(req.Body)
		if err != nil {
			if strings.Contains(err.Error(), "too") || strings.Contains(err.Error(), "malformed MIME header") {
				return // net/http bounds the sizes of extensions and trailers
			}
			t.Fatalf("net/http refuses %q: %v", p[:n], err)
		}
		rest, _ := io.ReadAll(in)
		if !bytes.Equal(theirs, data) || len(rest) != len(p)-n {
			t.Errorf("net/http read %q and left %d bytes, we %q and %d", theirs, len(rest), data, len(p)-n)
		}
	})
}
