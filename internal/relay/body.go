package relay

import "fmt"

// A Body finds the end of one message body in the bytes that come, and refuses chunked framing that two parsers could read
// differently. It looks at every byte and changes none. The zero value is an empty body.
type Body struct {
	kind  bodyKind
	state chunkState
	left  int64 // bytes of a known length, or of the current chunk
	count int   // digits of a chunk size, or bytes of a chunk line or of the trailer section
}

type bodyKind uint8

const (
	ended bodyKind = iota
	byLength
	byChunks
	byClose
)

// chunkState is where in the chunked grammar (RFC 9112 §7.1) the next byte stands.
type chunkState uint8

const (
	chunkSize  chunkState = iota // a digit, or the end of the size
	chunkSpace                   // bad white space after the size, up to the end of the line
	chunkExt                     // a chunk extension
	chunkLF                      // the LF after size and extension
	chunkData
	dataCR
	dataLF
	trailerStart // the first byte of a trailer line
	trailerName
	trailerValue
	trailerLF
	lastLF
)

// maxChunkLine bounds a chunk's size line and maxTrailer the trailer section, in bytes.
const (
	maxChunkLine = 8 << 10
	maxTrailer   = 64 << 10
)

// RequestBody is the body that follows the request head h.
func RequestBody(h *Head) Body {
	switch {
	case h.Chunked:
		return Body{kind: byChunks}
	case h.ContentLength > 0:
		return Body{kind: byLength, left: h.ContentLength}
	}
	return Body{}
}

// ResponseBody is the body that follows the response head h to a request of that method.
func ResponseBody(h *Head, method []byte) Body {
	switch {
	case string(method) == "HEAD", h.Status < 200, h.Status == 204, h.Status == 304:
		return Body{}
	case h.Chunked:
		return Body{kind: byChunks}
	case h.ContentLength > 0:
		return Body{kind: byLength, left: h.ContentLength}
	case h.ContentLength == 0:
		return Body{}
	}
	return Body{kind: byClose}
}

// Done reports whether the body has ended. One that lasts until the sender closes never does.
func (b *Body) Done() bool { return b.kind == ended }

// UntilClose reports whether only the end of the connection ends the body.
func (b *Body) UntilClose() bool { return b.kind == byClose }

// Scan says how many bytes of p belong to the body: all of them, unless the body ends before. The error is a
// *[MalformedError]; the bytes before it are fit to be passed on.
func (b *Body) Scan(p []byte) (n int, err error) {
	switch b.kind {
	case byClose:
		return len(p), nil
	case byLength:
		n = b.take(p)
		if b.left == 0 {
			b.kind = ended
		}
		return n, nil
	case byChunks:
		return b.scanChunks(p, nil)
	default:
		return 0, nil
	}
}

// take counts off the bytes of p that are within the length.
func (b *Body) take(p []byte) int {
	n := int(min(int64(len(p)), b.left))
	b.left -= int64(n)
	return n
}

// scanChunks goes through p and appends the chunks' data to data if that is not nil.
func (b *Body) scanChunks(p []byte, data *[]byte) (n int, err error) {
	for n < len(p) && b.kind != ended {
		if b.state == chunkData {
			k := b.take(p[n:])
			if data != nil {
				*data = append(*data, p[n:n+k]...)
			}
			n += k
			if b.left == 0 {
				b.state = dataCR
			}
			continue
		}
		if err := b.step(p[n]); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// step takes one byte outside of the data.
func (b *Body) step(c byte) error {
	switch b.state {
	case chunkSize, chunkSpace, chunkExt, chunkLF:
		return b.stepSize(c)
	case dataCR:
		return b.want(c, '\r', dataLF)
	case dataLF:
		return b.want(c, '\n', chunkSize)
	default:
		return b.stepTrailer(c)
	}
}

func (b *Body) stepSize(c byte) error {
	if b.count++; b.count > maxChunkLine {
		return malformed("chunk extension longer than %d bytes", maxChunkLine)
	}
	switch {
	case b.state == chunkLF:
		next := chunkData
		if b.left == 0 {
			next = trailerStart
		}
		return b.want(c, '\n', next)
	case c == '\r' && b.count > 1:
		b.state = chunkLF
	case b.state == chunkExt && !isControl(c):
	case c == ';' && b.count > 1 && b.state == chunkSize: // after white space net/http refuses it
		b.state = chunkExt
	case (c == ' ' || c == '\t') && b.count > 1:
		b.state = chunkSpace
	case b.state == chunkSize:
		d, ok := hexDigit(c)
		if !ok || b.count > 15 {
			return malformed("chunk size")
		}
		b.left = b.left<<4 | int64(d)
	default:
		return malformed("chunk size line")
	}
	return nil
}

// stepTrailer takes a byte of the trailer section: field lines, then an empty line.
func (b *Body) stepTrailer(c byte) error {
	if b.count++; b.count > maxTrailer {
		return malformed("trailers longer than %d bytes", maxTrailer)
	}
	switch {
	case b.state == lastLF:
		if c != '\n' {
			return malformed("end of the chunked body")
		}
		b.kind = ended
	case b.state == trailerLF:
		if c != '\n' {
			return malformed("trailer line ends without a line feed")
		}
		b.state = trailerStart
	case b.state == trailerStart && c == '\r':
		b.state = lastLF
	case b.state == trailerValue && c == '\r':
		b.state = trailerLF
	case b.state == trailerValue && !isControl(c):
	case b.state == trailerName && c == ':':
		b.state = trailerValue
	case b.state < trailerValue && isTokenByte(c):
		b.state = trailerName
	default:
		return malformed("trailer line")
	}
	return nil
}

// want moves on to the next state if c is what the grammar has here.
func (b *Body) want(c, wanted byte, next chunkState) error {
	if c != wanted {
		return malformed("a chunk has another byte where %#02x belongs", wanted)
	}
	b.state, b.count = next, 0
	return nil
}

func hexDigit(c byte) (d byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// Dechunk returns the data in the raw bytes of a chunked body, or of its beginning.
func Dechunk(raw []byte) ([]byte, error) {
	b := Body{kind: byChunks}
	data := make([]byte, 0, len(raw))
	if _, err := b.scanChunks(raw, &data); err != nil {
		return data, fmt.Errorf("decode chunks: %w", err)
	}
	return data, nil
}
