package relay

import (
	"bytes"
	"io"
	"sync"
)

// bufferSize is one TLS record's payload: a read from a TLS connection never returns more.
const bufferSize = 16 << 10

// A Buffers lends read buffers to many [Reader]s, so that only those that hold bytes hold memory.
// The zero value is ready for use, by many goroutines at once.
type Buffers struct{ pool sync.Pool }

func (p *Buffers) get() []byte {
	if b, ok := p.pool.Get().(*[bufferSize]byte); ok {
		return b[:]
	}
	return make([]byte, bufferSize)
}

// put takes a buffer back; used is how far it was written. What was in it is overwritten, for it may have been a secret.
func (p *Buffers) put(b []byte, used int) {
	clear(b[:used])
	if len(b) == bufferSize {
		p.pool.Put((*[bufferSize]byte)(b))
	}
}

// A Reader reads messages from one side of a connection. It borrows a buffer when bytes come and gives it back when they are
// used up and [Reader.Release] is called. It is not safe for concurrent use.
type Reader struct {
	src  io.Reader
	from *Buffers
	buf  []byte // nil while nothing is buffered and nothing was borrowed
	r, w int    // the unread bytes are buf[r:w]
	used int    // buf was written up to here
	one  [1]byte
}

// NewReader returns a reader of src that borrows from p.
func NewReader(src io.Reader, p *Buffers) *Reader { return &Reader{src: src, from: p} }

// Buffered returns the bytes that were read and not yet discarded. They are valid until the next call of another method.
func (b *Reader) Buffered() []byte { return b.buf[b.r:b.w] }

// Discard drops the first n buffered bytes.
func (b *Reader) Discard(n int) {
	if b.r += n; b.r == b.w {
		b.r, b.w = 0, 0
	}
}

// Release gives the buffer back if nothing is in it.
func (b *Reader) Release() {
	if b.r == b.w && b.buf != nil {
		b.from.put(b.buf, b.used)
		b.buf, b.r, b.w, b.used = nil, 0, 0, 0
	}
}

// Await returns once something is buffered. It borrows no buffer before the first byte is there, so that any number of
// connections can wait. An error leaves the reader as it was: after a timeout it can be called again.
func (b *Reader) Await() error {
	if b.r < b.w {
		return nil
	}
	b.Release()
	n, err := b.src.Read(b.one[:])
	if n == 0 {
		return none(err)
	}
	b.buf = b.from.get()
	b.buf[0], b.w, b.used = b.one[0], 1, 1
	return nil
}

// Fill reads once and adds at least one byte to the buffered ones, of which there can be [MaxHead] at most.
func (b *Reader) Fill() error {
	if b.buf == nil {
		b.buf = b.from.get()
	}
	if b.w == len(b.buf) {
		if err := b.makeRoom(); err != nil {
			return err
		}
	}
	n, err := b.src.Read(b.buf[b.w:])
	b.w += n
	b.used = max(b.used, b.w)
	if n == 0 {
		return none(err)
	}
	return nil
}

// none is the error of a read that returned nothing.
func none(err error) error {
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// makeRoom moves the unread bytes to the front, or into a buffer twice as large.
func (b *Reader) makeRoom() error {
	next := b.buf
	if b.r == 0 {
		if len(b.buf) >= MaxHead {
			return ErrHeadTooLarge
		}
		next = make([]byte, 2*len(b.buf))
	}
	n := copy(next, b.buf[b.r:b.w])
	if b.r == 0 {
		b.from.put(b.buf, b.used)
		b.used = n
	}
	b.buf, b.r, b.w = next, 0, n
	return nil
}

// PeekHead reads one message head and returns it with its final empty line, without discarding it. The error is io.EOF if
// the sender closed before the first byte, and a *[MalformedError] or [ErrHeadTooLarge] for what can't become a head.
func (b *Reader) PeekHead() ([]byte, error) {
	scanned := 0 // whole lines before this offset
	for {
		end, lines, err := headEnd(b.Buffered(), scanned)
		if err != nil {
			return nil, err
		}
		if end > 0 {
			return b.buf[b.r : b.r+end], nil
		}
		scanned = lines
		empty := b.r == b.w
		if empty {
			err = b.Await()
		} else {
			err = b.Fill()
		}
		if err == io.EOF && !empty { //nolint:errorlint // a Reader returns io.EOF itself
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
	}
}

// headEnd returns the length of the head at the beginning of p, or 0 and how far whole lines were seen.
func headEnd(p []byte, from int) (end, lines int, err error) {
	for {
		i := bytes.IndexByte(p[from:], '\n')
		switch {
		case i < 0 && len(p) >= MaxHead:
			return 0, from, ErrHeadTooLarge
		case i < 0:
			return 0, from, nil
		case i == 0 || p[from+i-1] != '\r':
			return 0, from, malformed("line ends without a carriage return")
		case i == 1 && from == 0:
			return 0, from, malformed("empty line before the head")
		case i == 1:
			return from + 2, from, nil
		}
		from += i + 1
	}
}
