package lab

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/botorate/botorate/internal/relay"
	"github.com/botorate/botorate/internal/wire"
	"github.com/botorate/botorate/quota"
)

// maxBody is the largest body that the stand-in takes: a signature covers the whole of it.
const maxBody = 64 << 20

// A logLine is what the log says of one request. It holds no signature, no body, and no key but its last characters.
type logLine struct {
	Time      time.Time `json:"time"`
	Key       string    `json:"key,omitempty"`
	Agent     string    `json:"agent,omitempty"`
	Action    string    `json:"action,omitempty"`
	Region    string    `json:"region,omitempty"`
	Attempt   int       `json:"attempt,omitempty"`
	Status    int       `json:"status"`
	Code      string    `json:"code,omitempty"`
	Throttled bool      `json:"throttled"`
	Signature string    `json:"signature"`
	Upstream  bool      `json:"upstream,omitempty"`
}

// An exchange is one request on its way through the stand-in.
type exchange struct {
	http *http.Request
	raw  []byte // its head, as it is passed on
	body []byte
	wire wire.Request
	line logLine
}

func (e *Endpoint) handle(w http.ResponseWriter, r *http.Request) {
	x := &exchange{http: r, line: logLine{Time: time.Now(), Agent: r.UserAgent(), Signature: "unread"}}
	a := e.answer(x, http.MaxBytesReader(w, r.Body, maxBody))
	defer a.close(e.errors)
	x.line.Status = a.status
	e.record(&x.line)
	if e.latency > 0 {
		select {
		case <-time.After(e.latency):
		case <-r.Context().Done():
			return
		}
	}
	h := w.Header()
	maps.Copy(h, a.header)
	if h.Get("Content-Type") == "" {
		h["Content-Type"] = nil // or net/http guesses one
	}
	w.WriteHeader(a.status)
	if _, err := io.Copy(w, a.body); err != nil {
		e.errors.Debug("answer cut short", slog.Any("error", err))
	}
}

// A reply is what a request gets.
type reply struct {
	status int
	header http.Header
	body   io.ReadCloser
}

func (a *reply) close(log *slog.Logger) {
	if err := a.body.Close(); err != nil {
		log.Debug("answer not closed", slog.Any("error", err))
	}
}

// newReply makes a reply of bytes in memory.
func newReply(status int, header http.Header, body []byte) *reply {
	header.Set("Content-Length", strconv.Itoa(len(body)))
	return &reply{status, header, io.NopCloser(bytes.NewReader(body))}
}

func (e *Endpoint) record(l *logLine) {
	if e.log == nil {
		return
	}
	e.logMu.Lock()
	defer e.logMu.Unlock()
	if err := e.log.Encode(l); err != nil {
		e.errors.Error("request not logged", slog.Any("error", err))
	}
}

// answer decides what the request gets: first whether it can be read, then who signed it, then whether its buckets have tokens.
func (e *Endpoint) answer(x *exchange, body io.Reader) *reply {
	if err := x.read(body); err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return x.refuse(http.StatusRequestEntityTooLarge, "EntityTooLarge", "The stand-in takes bodies of at most 64 MiB.")
		}
		return x.refuse(http.StatusBadRequest, "MalformedHTTPRequest", err.Error())
	}
	signed := newSignedRequest(x.http, x.body)
	sig, fault := signed.verify(x.line.Time, e.keys.secret)
	x.line.Key = sig.key[max(0, len(sig.key)-4):]
	x.line.Signature = fault.String()
	if fault != sigValid && (fault != sigMissing || !unsignedByDesign(&x.wire)) {
		status, code, message := fault.refusal(&x.wire, &sig, x.line.Time)
		return x.refuse(status, code, message)
	}
	if ok, _ := e.cloud.Admit(x.line.Time, sig.key, x.call()); !ok {
		x.line.Throttled = true
		return x.throttle()
	}
	if a := e.own.answer(x); a != nil {
		return a
	}
	if e.upstream == nil {
		return x.refuse(http.StatusNotImplemented, "UnsupportedOperation",
			fmt.Sprintf("The stand-in does not answer %s itself: give it --upstream, the URL of another emulator.", x.wire.Action()))
	}
	x.line.Upstream = true
	a, err := x.forward(e.upstream)
	if err != nil {
		return x.refuse(http.StatusBadGateway, "UpstreamUnavailable", fmt.Sprintf("The stand-in's upstream did not answer: %v", err))
	}
	return a
}

// read takes the body in and identifies the request.
func (x *exchange) read(body io.Reader) (err error) {
	if x.body, err = io.ReadAll(body); err != nil {
		return err
	}
	x.raw = rawHead(x.http, len(x.body))
	var head relay.Head
	if err := head.ParseRequest(x.raw); err != nil {
		return err
	}
	var form []byte
	if wire.NeedsBody(&head) {
		form = x.body[:min(len(x.body), wire.MaxBody)]
	}
	x.wire = wire.Identify(&head, x.http.Host, form)
	x.line.Action, x.line.Region, x.line.Attempt = x.wire.Action(), x.wire.Region, x.wire.Attempt
	return nil
}

// rawHead writes the head of r as it came, but for what net/http has dealt with: chunks and Expect.
func rawHead(r *http.Request, length int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.RequestURI, r.Host)
	for name, values := range r.Header {
		if name == "Expect" || name == "Content-Length" || name == "Transfer-Encoding" {
			continue
		}
		for _, v := range values {
			fmt.Fprintf(&b, "%s: %s\r\n", name, v)
		}
	}
	if length > 0 || r.Header.Get("Content-Length") != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", length)
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

func (x *exchange) call() quota.Call {
	return quota.Call{
		Service: x.wire.Service, Operation: x.wire.Operation, API: x.wire.API,
		Account: Account, Region: x.wire.Region,
		Unfiltered: x.wire.Unfiltered, Resources: x.wire.Resources, Resource: x.wire.Resource,
		Method: x.http.Method,
	}
}

// refuse answers with an error in the service's own envelope.
func (x *exchange) refuse(status int, code, message string) *reply {
	x.line.Code = code
	header, body, err := x.split(wire.Refuse(&x.wire, status, code, message))
	if err != nil {
		return newReply(http.StatusInternalServerError, http.Header{}, []byte(err.Error()))
	}
	return newReply(status, header, body)
}

// throttle refuses for the rate, with the service's own code and words, and without the wish of when to come again that only
// botorate's own shedding adds.
func (x *exchange) throttle() *reply {
	raw := wire.Shed(&x.wire, 0)
	_, body, err := x.split(raw)
	if err != nil {
		return x.refuse(http.StatusInternalServerError, "InternalError", err.Error())
	}
	var head relay.Head
	if err := head.ParseResponse(raw[:len(raw)-len(body)]); err != nil {
		return x.refuse(http.StatusInternalServerError, "InternalError", err.Error())
	}
	message := "Rate exceeded"
	switch x.wire.Service {
	case "ec2":
		// The words of 2026, as https://github.com/CloudSnorkel/cdk-github-runners/issues/946 quotes them, read 2026-11-23.
		message = fmt.Sprintf("Request limit exceeded. Account %s has been throttled on %s because it exceeded its request rate limit.",
			Account, x.wire.Action())
	case "s3":
		message = "Please reduce your request rate."
	}
	return x.refuse(head.Status, wire.Judge(&x.wire, &head, body).Code, message)
}

// split reads a whole response that package wire wrote.
func (x *exchange) split(raw []byte) (header http.Header, body []byte, err error) {
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), x.http)
	if err != nil {
		return nil, nil, err
	}
	body, err = io.ReadAll(res.Body)
	return res.Header, body, errors.Join(err, res.Body.Close())
}

// answer answers the calls that the stand-in knows, or returns nil.
func (v inventory) answer(x *exchange) *reply {
	q := query{operation: x.wire.Operation, region: x.wire.Region, requestID: requestID()}
	var (
		a     answered
		known bool
		err   *apiError
	)
	switch x.wire.Service {
	case "sts":
		if known = q.operation == "GetCallerIdentity" && x.wire.Protocol == wire.Query; known {
			a = getCallerIdentity(q)
		}
	case "ec2":
		q.form = x.form()
		a, known, err = v.answerEC2(q)
	}
	switch {
	case !known:
		return nil
	case err != nil:
		return x.refuse(err.status, err.code, err.message)
	}
	body, e := xml.Marshal(a)
	if e != nil {
		return x.refuse(http.StatusInternalServerError, "InternalError", e.Error())
	}
	header := http.Header{"Content-Type": {"text/xml;charset=UTF-8"}, "X-Amzn-Requestid": {q.requestID}}
	return newReply(http.StatusOK, header, append([]byte(xml.Header), body...))
}

// form returns the parameters of a query protocol, from the body or from the URL.
func (x *exchange) form() url.Values {
	_, inURL, _ := strings.Cut(x.http.RequestURI, "?")
	form, _ := url.ParseQuery(inURL) // what can be read is used, as the services do
	body, _ := url.ParseQuery(string(x.body))
	maps.Copy(form, body)
	return form
}

// requestID makes up an id in the form of AWS's.
func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
