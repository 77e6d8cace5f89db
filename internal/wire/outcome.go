package wire

import (
	"bytes"
	"encoding/json"
	"html"
	"net/http"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/botorate/botorate/internal/relay"
	"github.com/botorate/botorate/internal/throttle"
)

// NeedsErrorBody reports whether the body of a response must be read to tell its outcome: any status of 400 and above.
func NeedsErrorBody(head *relay.Head) bool { return head.Status >= 400 }

// Judge says what a response to r means. body is its content as far as it was read, when [NeedsErrorBody]; else nil.
// Content means: without chunk framing, but still in its Content-Encoding, of which gzip is understood.
func Judge(r *Request, head *relay.Head, body []byte) Outcome {
	if head.Status < 400 {
		return Outcome{}
	}
	e := errorIn(head, decoded(body, head.Get("Content-Encoding"), MaxErrorBody))
	o := Outcome{Code: e.codes[0], RetryAfter: retryAfter(head)}
	for _, code := range e.codes {
		if throttle.Code(r.Service, r.API, head.Status, code) {
			o.Verdict, o.Code = Throttle, code
			break
		}
	}
	switch {
	case o.Verdict == Throttle:
	case o.Code == "" && head.Status == 503 && isS3(r.Service) && bytes.Contains(statusLine(head), []byte(" Slow Down")):
		o.Verdict, o.Code = Throttle, "SlowDown" // an answer to HEAD has only this
	case throttle.Is(r.Service, r.API, head.Status, o.Code):
		o.Verdict = Throttle
	}
	if o.Verdict == Throttle {
		if strings.Contains(strings.ToLower(e.message), "operational issue") {
			o.Verdict = Incident
		}
		o.Account = namedAccount(e.message)
	}
	return o
}

func statusLine(head *relay.Head) []byte {
	line, _ := cutByte(head.Raw, '\r')
	return line
}

// An errorText is what an error response says: its codes, most telling first, and its message.
type errorText struct {
	codes   [3]string
	message string
}

func errorIn(head *relay.Head, body []byte) errorText {
	var e errorText
	if v := head.Get("x-amzn-query-error"); v != nil { // Code;Fault
		code, _ := cutByte(v, ';')
		e.add(string(code))
	}
	e.add(string(head.Get("x-amzn-errortype")))
	trimmed := bytes.TrimLeft(body, " \t\r\n\ufeff")
	switch {
	case len(trimmed) == 0:
	case trimmed[0] == '<':
		e.add(element(trimmed, "Code"))
		e.message = element(trimmed, "Message")
	case trimmed[0] == '{':
		e.json(trimmed)
	default:
		e.cbor(body)
	}
	return e
}

// add adds a code, in the forms that clients know: namespace#Code, Code:url, and with Client. or Server. in front.
func (e *errorText) add(code string) {
	code = code[strings.LastIndexByte(code, '#')+1:]
	code, _, _ = strings.Cut(code, ":")
	code = strings.TrimSpace(code)
	code = strings.TrimPrefix(strings.TrimPrefix(code, "Client."), "Server.")
	if code == "" || !isName([]byte(code)) {
		return
	}
	for i := range e.codes {
		if e.codes[i] == "" || e.codes[i] == code {
			e.codes[i] = code
			return
		}
	}
}

// json reads the outermost names of an object, which may be cut short.
func (e *errorText) json(body []byte) {
	d := json.NewDecoder(bytes.NewReader(body))
	typed, coded := "", ""
	depth, name, isValue := 0, "", false
	for {
		t, err := d.Token()
		if err != nil {
			break
		}
		if delim, ok := t.(json.Delim); ok {
			if delim == '{' || delim == '[' {
				depth++
			} else {
				depth--
			}
			isValue = false
			continue
		}
		if depth != 1 {
			continue
		}
		s, _ := t.(string)
		if !isValue {
			name, isValue = s, true
			continue
		}
		isValue = false
		switch {
		case name == "__type":
			typed = s
		case strings.EqualFold(name, "code"):
			coded = s
		case strings.EqualFold(name, "message"):
			e.message = s
		}
	}
	e.add(typed)
	e.add(coded)
}

// cbor reads a map. What could be read before an error counts: a member of another type must not hide the code.
func (e *errorText) cbor(body []byte) {
	var m struct {
		Type    string `cbor:"__type"`
		Code    string `cbor:"code"`
		Message string `cbor:"message"`
	}
	_, _ = cbor.UnmarshalFirst(body, &m)
	e.add(m.Type)
	e.add(m.Code)
	e.message = m.Message
}

// element returns the text of the first element with that name that has no attributes.
func element(xml []byte, name string) string {
	_, rest, ok := bytes.Cut(xml, []byte("<"+name+">"))
	if !ok {
		return ""
	}
	text, _, ok := bytes.Cut(rest, []byte("</"+name+">"))
	if !ok {
		return ""
	}
	return html.UnescapeString(strings.TrimSpace(string(text)))
}

// maxRetryAfter bounds what a service can ask for.
const maxRetryAfter = 5 * time.Minute

// retryAfter returns the wait that a response asks for: x-amz-retry-after in milliseconds, else Retry-After in seconds or as
// a date, which counts from the response's own.
func retryAfter(head *relay.Head) time.Duration {
	if ms := digits(head.Get("x-amz-retry-after")); ms >= 0 {
		return min(time.Duration(ms)*time.Millisecond, maxRetryAfter)
	}
	value := head.Get("Retry-After")
	if s := digits(value); s >= 0 {
		return min(time.Duration(s)*time.Second, maxRetryAfter)
	}
	then, err := http.ParseTime(string(value))
	now, err2 := http.ParseTime(string(head.Get("Date")))
	if err != nil || err2 != nil {
		return 0
	}
	return min(max(then.Sub(now), 0), maxRetryAfter)
}

// namedAccount returns the account in a text such as EC2's since 2025: "Request limit exceeded. Account 123456789012 has
// been throttled on ec2:RunInstances because it exceeded its request rate limit."
// Source: https://github.com/CloudSnorkel/cdk-github-runners/issues/946 (read 2026-11-23).
func namedAccount(message string) string {
	_, after, ok := strings.Cut(message, "Account ")
	if ok && len(after) >= 12 && isAccount(after[:12]) && strings.HasPrefix(after[12:], " has been throttled") {
		return after[:12]
	}
	return ""
}
