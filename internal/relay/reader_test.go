package relay

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestPeekHead(t *testing.T) {
	long := "GET / HTTP/1.1\r\nAuthorization: " + strings.Repeat("x", 60<<10) + "\r\n\r\n"
	for name, tt := range map[string]struct {
		in, head string
		err      error
	}{
		"one":            {in: "GET / HTTP/1.1\r\n\r\n", head: "GET / HTTP/1.1\r\n\r\n"},
		"with body":      {in: "PUT / HTTP/1.1\r\nA: b\r\n\r\nbody\r\n\r\n", head: "PUT / HTTP/1.1\r\nA: b\r\n\r\n"},
		"long":           {in: long + "rest", head: long},
		"nothing":        {err: io.EOF},
		"broken off":     {in: "GET / HTTP/1.1\r\nA", err: io.ErrUnexpectedEOF},
		"endless line":   {in: strings.Repeat("x", MaxHead+1), err: ErrHeadTooLarge},
		"endless fields": {in: "GET / HTTP/1.1\r\n" + strings.Repeat("a: b\r\n", MaxHead/6), err: ErrHeadTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			for _, src := range []io.Reader{strings.NewReader(tt.in), iotest.OneByteReader(strings.NewReader(tt.in))} {
				r := NewReader(src, new(Buffers))
				head, err := r.PeekHead()
				if string(head) != tt.head || !errors.Is(err, tt.err) {
					t.Fatalf("got %d bytes, %v, want %d, %v", len(head), err, len(tt.head), tt.err)
				}
				if err != nil {
					continue
				}
				r.Discard(len(head))
				got := append([]byte{}, r.Buffered()...)
				rest, _ := io.ReadAll(src)
				if got := string(append(got, rest...)); got != tt.in[len(tt.head):] {
					t.Errorf("left %d bytes, want %d", len(got), len(tt.in)-len(tt.head))
				}
			}
		})
	}
	for _, in := range []string{"GET / HTTP/1.1\n", "\r\nGET / HTTP/1.1\r\n\r\n", "\n"} {
		var bad *MalformedError
		if _, err := NewReader(strings.NewReader(in), new(Buffers)).PeekHead(); !errors.As(err, &bad) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// A reader's buffers hold credentials: what goes back to the pool must be blank.
func TestReleaseClears(t *testing.T) {
	var pool Buffers
	r := NewReader(strings.NewReader(strings.Repeat("secret ", 3000)), &pool)
	for range 2 {
		if err := r.Fill(); err != nil {
			t.Fatal(err)
		}
	}
	buf := r.buf
	r.Discard(len(r.Buffered()))
	r.Release()
	if bytes.Contains(buf, []byte("s")) {
		t.Error("a released buffer still holds what was read")
	}
	if r.buf != nil {
		t.Error("the reader still holds the buffer")
	}
}

func TestAwaitHoldsNoBuffer(t *testing.T) {
	in, out := io.Pipe()
	r := NewReader(in, new(Buffers))
	awaited := make(chan error)
	go func() { awaited <- r.Await() }()
	if _, err := out.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := <-awaited; err != nil || string(r.Buffered()) != "x" {
		t.Fatalf("got %q, %v", r.Buffered(), err)
	}
	r.Discard(1)
	boom := errors.New("boom")
	out.CloseWithError(boom)
	if err := r.Await(); !errors.Is(err, boom) || r.buf != nil {
		t.Errorf("got %v, buffer held: %v", err, r.buf != nil)
	}
}
