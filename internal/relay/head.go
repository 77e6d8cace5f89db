// Package relay reads HTTP/1.1 messages as raw bytes and passes them on unchanged.
//
// It exists because signatures cover what other proxies repair: `%2F` in paths, repeated headers, odd names. A [Head] is a
// view of the bytes that came; nothing here rewrites them. Framing that two parsers could read differently is refused.
package relay

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// MaxHead is the most bytes that a message head may have, request line and final empty line included.
const MaxHead = 256 << 10

// maxFields bounds the header fields of one message.
const maxFields = 500

// A Field is one header field as it came. Name keeps its case; Value has no surrounding white space.
// Both point into the head's raw bytes.
type Field struct {
	Name, Value []byte
}

// A Head is a parsed view of one message head. It is valid as long as Raw is. The zero value is ready for use and reuse:
// parsing keeps the capacity of Fields.
type Head struct {
	Raw    []byte // the head as it came, final empty line included
	Fields []Field

	Method []byte // requests
	Target []byte // requests: origin-form, absolute-form or authority-form, as it came
	Status int    // responses; 0 for requests
	Minor  int    // the x of HTTP/1.x

	// Framing, for both directions.
	ContentLength int64 // -1 when not given
	Chunked       bool  // Transfer-Encoding: chunked
	Close         bool  // the sender closes after this message
	Expect100     bool  // Expect: 100-continue
	Upgrade       bool  // Connection: upgrade with an Upgrade field

	keepAlive bool // Connection: keep-alive, which HTTP/1.0 needs to go on
	seen      uint8
}

// The fields that a request may have only once.
const (
	seenHost = 1 << iota
	seenLength
)

// A MalformedError is a head that is refused. Its text is fit for the person who runs the client, and for a log: what stands in a
// request can be secret, so it names at most a field.
type MalformedError struct{ What string }

func (e *MalformedError) Error() string { return "malformed HTTP head: " + e.What }

func malformed(format string, args ...any) error {
	return &MalformedError{fmt.Sprintf(format, args...)}
}

// ErrHeadTooLarge is returned for a head above [MaxHead] bytes.
var ErrHeadTooLarge = errors.New("HTTP head larger than 256 KiB")

// Get returns the value of the first field with that name, in any case, or nil.
func (h *Head) Get(name string) []byte {
	for i := range h.Fields {
		if len(h.Fields[i].Name) == len(name) && equalFold(h.Fields[i].Name, name) {
			return h.Fields[i].Value
		}
	}
	return nil
}

// HasBody reports whether a request head announces a body.
func (h *Head) HasBody() bool { return h.Chunked || h.ContentLength > 0 }

// ParseRequest makes h a view of the request head raw, which must end with the empty line.
// The error is a *[MalformedError] if raw is not a head that we relay.
func (h *Head) ParseRequest(raw []byte) error {
	h.reset(raw)
	line, rest, err := cutLine(raw)
	if err != nil {
		return err
	}
	method, after, ok1 := cut(line, ' ')
	target, proto, ok2 := cut(after, ' ')
	if !ok1 || !ok2 || len(target) == 0 || bytes.IndexByte(proto, ' ') >= 0 {
		return malformed("the request line is not method, target and protocol")
	}
	if !isToken(method) {
		return malformed("the method is no token")
	}
	for _, c := range target {
		if c <= ' ' || c == 0x7f {
			return malformed("control character in the request target")
		}
	}
	if err := h.parseProto(proto); err != nil {
		return err
	}
	h.Method, h.Target = method, target
	if err := h.parseFields(rest); err != nil {
		return err
	}
	if h.Upgrade && h.Get("Upgrade") == nil {
		h.Upgrade = false
	}
	return nil
}

// ParseResponse makes h a view of the response head raw, which must end with the empty line.
func (h *Head) ParseResponse(raw []byte) error {
	h.reset(raw)
	line, rest, err := cutLine(raw)
	if err != nil {
		return err
	}
	proto, after, ok := cut(line, ' ')
	if !ok || len(after) < 3 || (len(after) > 3 && after[3] != ' ') {
		return malformed("the status line is not protocol, status and reason")
	}
	if err := h.parseProto(proto); err != nil {
		return err
	}
	status, ok := decimal(after[:3])
	if !ok || status < 100 {
		return malformed("the status is not a number of three digits")
	}
	if hasControl(after[3:]) {
		return malformed("control character in the status line")
	}
	h.Status = int(status)
	return h.parseFields(rest)
}

func (h *Head) reset(raw []byte) {
	*h = Head{Raw: raw, Fields: h.Fields[:0], ContentLength: -1}
}

func (h *Head) parseProto(p []byte) error {
	switch string(p) {
	case "HTTP/1.1":
		h.Minor = 1
	case "HTTP/1.0":
		h.Minor = 0
	default:
		return malformed("a protocol other than HTTP/1.1 and HTTP/1.0")
	}
	return nil
}

func (h *Head) parseFields(rest []byte) error {
	for {
		line, more, err := cutLine(rest)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			if len(more) != 0 {
				return malformed("bytes after the empty line")
			}
			return h.framing()
		}
		rest = more
		name, value, ok := cut(line, ':')
		switch {
		case line[0] == ' ' || line[0] == '\t':
			return malformed("folded header line")
		case !ok || !isToken(name):
			return malformed("header line %d is not a name, a colon and a value", len(h.Fields)+1)
		case len(h.Fields) == maxFields:
			return malformed("more than %d header fields", maxFields)
		}
		value = trimSpace(value)
		if hasControl(value) {
			return malformed("control character in header %q", clip(name))
		}
		h.Fields = append(h.Fields, Field{name, value})
		if err := h.framingField(name, value); err != nil {
			return err
		}
	}
}

// framingField reads the fields that decide where the message ends and whom it is for.
func (h *Head) framingField(name, value []byte) error {
	switch len(name) {
	case len("host"):
		if equalFold(name, "host") && h.Status == 0 {
			return h.once(seenHost, "Host")
		}
	case len("connection"):
		if equalFold(name, "connection") {
			h.connection(value)
		}
	case len("content-length"):
		if equalFold(name, "content-length") {
			return h.contentLength(value)
		}
	case len("transfer-encoding"):
		if equalFold(name, "transfer-encoding") {
			if h.Chunked || !equalFold(value, "chunked") {
				return malformed("a Transfer-Encoding other than one `chunked`")
			}
			h.Chunked = true
		}
	case len("expect"):
		if equalFold(name, "expect") && h.Minor > 0 {
			h.Expect100 = h.Expect100 || equalFold(value, "100-continue") // a client that expects more waits, too
		}
	}
	return nil
}

func (h *Head) once(field uint8, name string) error {
	if h.seen&field != 0 {
		return malformed("%s given twice", name)
	}
	h.seen |= field
	return nil
}

func (h *Head) connection(value []byte) {
	for more := true; more; {
		var part []byte
		part, value, more = cut(value, ',')
		switch part = trimSpace(part); {
		case equalFold(part, "close"):
			h.Close = true
		case equalFold(part, "keep-alive"):
			h.keepAlive = true
		case equalFold(part, "upgrade"):
			h.Upgrade = true
		}
	}
}

func (h *Head) contentLength(value []byte) error {
	n, ok := decimal(value)
	if !ok {
		return malformed("the Content-Length is not a number")
	}
	h.ContentLength = n
	return h.once(seenLength, "Content-Length")
}

// framing judges the fields that only mean something together.
func (h *Head) framing() error {
	switch {
	case h.Chunked && h.ContentLength >= 0:
		return malformed("both Content-Length and Transfer-Encoding")
	case h.Chunked && h.Minor == 0:
		return malformed("Transfer-Encoding in HTTP/1.0")
	case h.Minor == 0 && !h.keepAlive:
		h.Close = true
	}
	return nil
}

// cut slices b around the first sep.
func cut(b []byte, sep byte) (before, after []byte, found bool) {
	if i := bytes.IndexByte(b, sep); i >= 0 {
		return b[:i], b[i+1:], true
	}
	return b, nil, false
}

// cutLine splits off one line, which must end with CR LF.
func cutLine(b []byte) (line, rest []byte, err error) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return nil, nil, malformed("no end of line")
	}
	if i == 0 || b[i-1] != '\r' {
		return nil, nil, malformed("line ends without a carriage return")
	}
	if bytes.IndexByte(b[:i-1], '\r') >= 0 {
		return nil, nil, malformed("carriage return inside a line")
	}
	return b[:i-1], b[i+1:], nil
}

func trimSpace(b []byte) []byte { return bytes.Trim(b, " \t") }

// equalFold compares ASCII without case; s must be lower case or in the field's usual spelling.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		if lower(b[i]) != lower(s[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// isToken reports whether b is a token of RFC 9110 §5.6.2.
func isToken(b []byte) bool {
	for _, c := range b {
		if !isTokenByte(c) {
			return false
		}
	}
	return len(b) > 0
}

// isTokenByte looks c up in the set of token characters: letters, digits and !#$%&'*+-.^_`|~.
func isTokenByte(c byte) bool {
	const (
		below64 = 0x03ff_6cfa_0000_0000
		above64 = 0x57ff_ffff_c7ff_fffe
	)
	if c < 64 {
		return below64>>c&1 != 0
	}
	return c < 128 && uint64(above64)>>(c-64)&1 != 0
}

// decimal reads digits and nothing else.
func decimal(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// hasControl reports whether any byte of b may not stand in a field value. It looks at eight at a time.
func hasControl(b []byte) bool {
	const each = 0x0101_0101_0101_0101
	for ; len(b) >= 8; b = b[8:] {
		w := binary.LittleEndian.Uint64(b)
		del := w ^ 0x7f*each
		if ((w-' '*each)&^w|(del-each)&^del)&(0x80*each) != 0 {
			break // a byte below space, perhaps an allowed tab, or DEL
		}
	}
	return slices.ContainsFunc(b, isControl)
}

// isControl reports whether c may not stand in a field value.
func isControl(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f }

func clip(b []byte) []byte { return b[:min(len(b), 60)] }
