package relay

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestParseRequest(t *testing.T) {
	type framing struct {
		length                          int64
		chunked, close, expect, upgrade bool
	}
	for name, tt := range map[string]struct {
		raw  string
		want framing
	}{
		"plain":          {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", framing{length: -1}},
		"length":         {"POST / HTTP/1.1\r\ncontent-LENGTH:  12 \r\n\r\n", framing{length: 12}},
		"chunked":        {"PUT /k HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n", framing{length: -1, chunked: true}},
		"expect":         {"PUT /k HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 0\r\n\r\n", framing{expect: true}},
		"expect more":    {"PUT /k HTTP/1.1\r\nExpect: 100-continue\r\nExpect: x\r\nContent-Length: 9\r\n\r\n", framing{length: 9, expect: true}},
		"expect in 1.0":  {"PUT /k HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", framing{length: -1, close: true}},
		"close":          {"GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n", framing{length: -1, close: true}},
		"1.0":            {"GET / HTTP/1.0\r\n\r\n", framing{length: -1, close: true}},
		"1.0 keep-alive": {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", framing{length: -1}},
		"1.0 both":       {"GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n", framing{length: -1, close: true}},
		"upgrade":        {"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", framing{length: -1, upgrade: true}},
		"upgrade to nothing": {
			"GET / HTTP/1.1\r\nConnection: Upgrade\r\n\r\n", framing{length: -1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var h Head
			if err := h.ParseRequest([]byte(tt.raw)); err != nil {
				t.Fatal(err)
			}
			if got := (framing{h.ContentLength, h.Chunked, h.Close, h.Expect100, h.Upgrade}); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestRefusedHeads(t *testing.T) {
	for name, raw := range map[string]string{
		"no line":                  "",
		"bare LF":                  "GET / HTTP/1.1\nHost: h\r\n\r\n",
		"CR inside":                "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
		"NUL":                      "GET / HTTP/1.1\r\nA: b\x00c\r\n\r\n",
		"fold":                     "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
		"fold first":               "GET / HTTP/1.1\r\n A: b\r\n\r\n",
		"space before colon":       "GET / HTTP/1.1\r\nContent-Length : 5\r\n\r\n",
		"no name":                  "GET / HTTP/1.1\r\n: x\r\n\r\n",
		"no colon":                 "GET / HTTP/1.1\r\nHost\r\n\r\n",
		"two spaces":               "GET  / HTTP/1.1\r\n\r\n",
		"space in target":          "GET /a b HTTP/1.1\r\n\r\n",
		"tab in target":            "GET /a\tb HTTP/1.1\r\n\r\n",
		"method":                   "G(T / HTTP/1.1\r\n\r\n",
		"0.9":                      "GET /\r\n\r\n",
		"2.0":                      "PRI * HTTP/2.0\r\n\r\n",
		"1.2":                      "GET / HTTP/1.2\r\n\r\n",
		"two hosts":                "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
		"length and chunked":       "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		"chunked and length":       "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
		"two lengths":              "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
		"length list":              "POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n",
		"length +5":                "POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n",
		"length -0":                "POST / HTTP/1.1\r\nContent-Length: -0\r\n\r\n",
		"length empty":             "POST / HTTP/1.1\r\nContent-Length:\r\n\r\n",
		"length huge":              "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"TE gzip, chunked":         "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		"TE identity":              "POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n",
		"TE xchunked":              "POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n",
		"TE twice":                 "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		"TE in HTTP/1.0":           "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
		"TE with vertical tab":     "POST / HTTP/1.1\r\nTransfer-Encoding:\x0bchunked\r\n\r\n",
		"bytes after the head":     "GET / HTTP/1.1\r\n\r\nGET",
		"more fields than allowed": "GET / HTTP/1.1\r\n" + strings.Repeat("a: b\r\n", maxFields+1) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			var h Head
			var bad *MalformedError
			if err := h.ParseRequest([]byte(raw)); !errors.As(err, &bad) {
				t.Errorf("accepted: %v", err)
			}
		})
	}
}

func TestParseResponse(t *testing.T) {
	var h Head
	for _, raw := range []string{
		"HTTP/1.1 503 Slow Down\r\nServer: AmazonS3\r\n\r\n",
		"HTTP/1.1 503 \r\n\r\n",
		"HTTP/1.1 503\r\n\r\n",
	} {
		if err := h.ParseResponse([]byte(raw)); err != nil || h.Status != 503 {
			t.Errorf("%q: status %d, %v", raw, h.Status, err)
		}
	}
	for _, raw := range []string{
		"HTTP/1.1 5x3 Slow Down\r\n\r\n",
		"HTTP/1.1 099 No\r\n\r\n",
		"HTTP/1.1 5030\r\n\r\n",
		"HTTP/1.1 +20 OK\r\n\r\n",
		"HTTP/2 200 OK\r\n\r\n",
		"HTTP/1.1 200 O\x00K\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		if err := h.ParseResponse([]byte(raw)); err == nil {
			t.Errorf("%q accepted", raw)
		}
	}
}

func TestParseReusesFields(t *testing.T) {
	raw := []byte("POST /?a=b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n")
	var h Head
	if n := testing.AllocsPerRun(100, func() {
		if err := h.ParseRequest(raw); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// FuzzParseRequest holds what we accept against net/http: the same method, target and framing, so that nobody behind us can
// see another request than we did.
func FuzzParseRequest(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
		"POST /a%2Fb//c?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nX: \xff\r\n\r\n",
		"PUT /%zz HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
		"CONNECT h:443 HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nTransfer-Encoding: gzip\r\nContent-Length: +1\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var h Head
		if h.ParseRequest(raw) != nil {
			return
		}
		if end, _, err := headEnd(raw, 0); err != nil || end != len(raw) {
			t.Fatalf("parsed, but a Reader ends it at %d of %d (%v)", end, len(raw), err)
		}
		raw, target := legible(&h)
		req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", raw, err)
		}
		type seen struct {
			method, target string
			chunked, close bool
			length         int64
		}
		theirs := seen{req.Method, req.RequestURI, len(req.TransferEncoding) > 0, req.Close, max(req.ContentLength, 0)}
		ours := seen{string(h.Method), target, h.Chunked, h.Close, max(h.ContentLength, 0)}
		if theirs != ours {
			t.Errorf("net/http read %+v, we %+v in %q", theirs, ours, raw)
		}
	})
}

// legible returns h with a target that net/http can parse: it must understand one, we only carry it.
func legible(h *Head) (raw []byte, target string) {
	target = string(h.Target)
	if string(h.Method) == "CONNECT" {
		target = "h:1"
	} else if _, err := url.ParseRequestURI(target); err != nil {
		target = "/"
	}
	i := bytes.IndexByte(h.Raw, ' ') + 1
	return slices.Concat(h.Raw[:i], []byte(target), h.Raw[i+len(h.Target):]), target
}

func TestByteClasses(t *testing.T) {
	for i := range 256 {
		c := byte(i)
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if got, want := isTokenByte(c), letter || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0; got != want {
			t.Errorf("%q in a token: got %v, want %v", c, got, want)
		}
		for at := range 20 {
			b := bytes.Repeat([]byte("\t~\xff a"), 4)
			b[at] = c
			if got, want := hasControl(b), c < ' ' && c != '\t' || c == 0x7f; got != want {
				t.Errorf("control %q at %d: got %v, want %v", c, at, got, want)
			}
		}
	}
}

func BenchmarkParseRequest(b *testing.B) {
	raw := []byte("POST / HTTP/1.1\r\nHost: ec2.us-east-1.amazonaws.com\r\nAccept-Encoding: identity\r\n" +
		"Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\nX-Amz-Date: 20261123T120000Z\r\n" +
		"X-Amz-Security-Token: " + strings.Repeat("IQoJb3JpZ2luX2Vj", 60) + "\r\n" +
		"Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-east-1/ec2/aws4_request\r\nContent-Length: 120\r\n\r\n")
	var h Head
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if err := h.ParseRequest(raw); err != nil {
			b.Fatal(err)
		}
	}
}
