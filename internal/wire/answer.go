package wire

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// Shed returns a whole HTTP/1.1 response that refuses r for its rate in the service's own words: a code that all SDKs
// retry as a throttle, in the envelope that they expect, with x-amz-retry-after. after is when the client may come again.
func Shed(r *Request, after time.Duration) []byte {
	after = max(after, 0)
	status, code := throttleOf(r)
	seconds := (after + time.Second - 1) / time.Second
	message := fmt.Sprintf("Rate exceeded (botorate: could not leave in time; next turn in %d s)", seconds)
	retry := fmt.Sprintf("x-amz-retry-after: %d\r\n", after.Milliseconds())
	return answer(r, status, code, message, retry)
}

// Refuse returns a whole HTTP/1.1 response that tells of a failure of ours (upstream not reached, malformed request) in
// the service's own envelope.
func Refuse(r *Request, status int, code, message string) []byte {
	return answer(r, status, code, message, "")
}

// throttleOf returns status and code of a throttle in the service's words. A status of 429 is there wherever botocore's
// legacy mode, which retries any 429, does not retry the code at 400.
// Source: botocore _retry.json and standard.py (read 2026-11-23); codes by service from its models.
func throttleOf(r *Request) (status int, code string) {
	switch r.Protocol {
	case EC2:
		return http.StatusServiceUnavailable, "RequestLimitExceeded"
	case Query:
		return http.StatusBadRequest, "Throttling"
	case RESTXML:
		if isS3(r.Service) {
			return http.StatusServiceUnavailable, "SlowDown"
		}
		return http.StatusBadRequest, "Throttling"
	case JSON10, JSON11, CBOR:
		switch r.Service {
		case "organizations":
			return http.StatusBadRequest, "TooManyRequestsException"
		case "servicequotas":
			return http.StatusTooManyRequests, "TooManyRequestsException"
		}
		return http.StatusBadRequest, "ThrottlingException"
	case Unknown, RESTJSON:
	}
	for _, a := range known().bySign[r.Service] {
		if a.throttle != "" && (r.API == "" || r.API == a.host) {
			return http.StatusTooManyRequests, a.throttle
		}
	}
	return http.StatusTooManyRequests, "ThrottlingException"
}

// answer makes a response; more is further header lines.
func answer(r *Request, status int, code, message, more string) []byte {
	id := requestID()
	kind, body, extra := envelope(r, code, message, id)
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %03d %s\r\nContent-Type: %s\r\nx-amzn-RequestId: %s\r\n%s%s", status, http.StatusText(status), kind, id, extra, more)
	if r.Method == http.MethodHead {
		b.WriteString("Content-Length: 0\r\n\r\n")
		return b.Bytes()
	}
	b.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n")
	b.Write(body)
	return b.Bytes()
}

// envelope returns an error in the form of r's protocol, and the header lines that belong to it.
func envelope(r *Request, code, message, id string) (kind string, body []byte, extra string) {
	switch r.Protocol {
	case EC2, Query, RESTXML:
		return "text/xml;charset=UTF-8", xmlError(r, code, message, id), ""
	case CBOR:
		body, err := cbor.Marshal(map[string]string{"__type": shapeID(r, code), "message": message})
		if err == nil {
			return "application/cbor", body, "smithy-protocol: rpc-v2-cbor\r\n"
		}
	case JSON10, JSON11:
		kind = "application/x-amz-json-1.1"
		if r.Protocol == JSON10 {
			kind = "application/x-amz-json-1.0"
		}
		if r.Service == "sqs" { // clients of query times read the code here
			extra = "x-amzn-query-error: " + headerValue(code) + ";Sender\r\n"
		}
		return kind, jsonError(map[string]string{"__type": shapeID(r, code), "message": message}), extra
	case Unknown, RESTJSON:
	}
	return "application/json", jsonError(map[string]string{"message": message}), "x-amzn-ErrorType: " + headerValue(code) + "\r\n"
}

func shapeID(r *Request, code string) string { return "com.amazonaws." + r.Service + "#" + code }

func jsonError(m map[string]string) []byte {
	body, err := json.Marshal(m)
	if err != nil { // a map of strings always has a form in JSON
		return []byte("{}")
	}
	return body
}

func xmlError(r *Request, code, message, id string) []byte {
	inner := "<Code>" + xmlText(code) + "</Code><Message>" + xmlText(message) + "</Message>"
	const declaration = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	switch {
	case r.Protocol == EC2:
		return []byte(declaration + "<Response><Errors><Error>" + inner + "</Error></Errors><RequestID>" + id + "</RequestID></Response>")
	case r.Protocol == RESTXML && isS3(r.Service) && r.API != "s3-control":
		return []byte(declaration + "<Error>" + inner + "<RequestId>" + id + "</RequestId></Error>")
	}
	return []byte(declaration + "<ErrorResponse><Error><Type>Sender</Type>" + inner + "</Error><RequestId>" + id + "</RequestId></ErrorResponse>")
}

func xmlText(s string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(s)); err != nil { // a buffer takes all
		return ""
	}
	return b.String()
}

// headerValue returns s without what could end a header line.
func headerValue(s string) string { return string(appendClean(nil, []byte(s), 128)) }

// requestID makes up an identifier in the form of AWS's: a random UUID.
func requestID() string {
	var u [16]byte
	rand.Read(u[:]) // never fails
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
