package wire

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/botorate/botorate/internal/relay"
)

// response returns the head of a response with that status line and header lines.
func response(tb testing.TB, status, fields string) *relay.Head {
	tb.Helper()
	var h relay.Head
	if err := h.ParseResponse([]byte("HTTP/1.1 " + status + "\r\n" + strings.ReplaceAll(fields, "\n", "\r\n") + "\r\n")); err != nil {
		tb.Fatal(err)
	}
	return &h
}

const ec2Limit = `<?xml version="1.0" encoding="UTF-8"?>
<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded. Account 123456789012 has been throttled on ec2:RunInstances because it exceeded its request rate limit.</Message></Error></Errors><RequestID>x</RequestID></Response>`

func TestJudge(t *testing.T) {
	t.Parallel()
	cborError := func(m any) string {
		b, err := cbor.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, tt := range []struct {
		name, service, status, fields, body string
		want                                Outcome
	}{
		{"fine", "ec2", "200 OK", "x-amzn-errortype: Throttling\n", ec2Limit, Outcome{}},
		{"ec2", "ec2", "503 Service Unavailable", "", ec2Limit, Outcome{Throttle, "RequestLimitExceeded", 0, "123456789012"}},
		{"ec2, cut short", "ec2", "503 Service Unavailable", "", ec2Limit[:130], Outcome{Verdict: Throttle, Code: "RequestLimitExceeded"}},
		{"ec2 incident", "ec2", "503 Service Unavailable", "", `<Response><Errors><Error><Code>Client.RequestLimitExceeded</Code><Message>Request limit exceeded due to an AWS operational issue.</Message></Error></Errors></Response>`, Outcome{Verdict: Incident, Code: "RequestLimitExceeded"}},
		{"ec2 other", "ec2", "400 Bad Request", "", `<Response><Errors><Error><Code>InvalidSnapshot.NotFound</Code></Error></Errors></Response>`, Outcome{Code: "InvalidSnapshot.NotFound"}},
		{"query", "iam", "400 Bad Request", "", `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>`, Outcome{Verdict: Throttle, Code: "Throttling"}},
		{"sns", "sns", "429 Too Many Requests", "", `<ErrorResponse><Error><Code>Throttled</Code></Error></ErrorResponse>`, Outcome{Verdict: Throttle, Code: "Throttled"}},
		{"s3", "s3", "503 Slow Down", "Retry-After: 2\n", `<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`, Outcome{Throttle, "SlowDown", 2 * time.Second, ""}},
		{"s3 HEAD", "s3", "503 Slow Down", "", "", Outcome{Verdict: Throttle, Code: "SlowDown"}},
		{"s3 HEAD, down", "s3", "503 Service Unavailable", "", "", Outcome{}},
		{"route53", "route53", "400 Bad Request", "", `<ErrorResponse><Error><Code>PriorRequestNotComplete</Code></Error></ErrorResponse>`, Outcome{Verdict: Throttle, Code: "PriorRequestNotComplete"}},
		{"json", "ssm", "400 Bad Request", "x-amz-retry-after: 1500\n", `{"__type":"ThrottlingException","message":"Rate exceeded"}`, Outcome{Throttle, "ThrottlingException", 1500 * time.Millisecond, ""}},
		{"json, namespace", "dynamodb", "400 Bad Request", "", `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","Message":"x"}`, Outcome{Verdict: Throttle, Code: "ProvisionedThroughputExceededException"}},
		{"json, url", "x", "400 Bad Request", "", `{"code":"ThrottlingException:http://internal.amazon.com/coral/"}`, Outcome{Verdict: Throttle, Code: "ThrottlingException"}},
		{"json, nested", "x", "400 Bad Request", "", `{"reasons":[{"__type":"ThrottlingException"}],"detail":{"code":"Throttling"},"__type":"ValidationException"}`, Outcome{Code: "ValidationException"}},
		{"json, cut short", "x", "400 Bad Request", "", `{"__type":"ThrottlingException","message":"Rate exc`, Outcome{Verdict: Throttle, Code: "ThrottlingException"}},
		{"json, code is a number", "x", "400 Bad Request", "", `{"code":400,"__type":"ThrottlingException"}`, Outcome{Verdict: Throttle, Code: "ThrottlingException"}},
		{"sqs", "sqs", "403 Forbidden", "x-amzn-query-error: RequestThrottled;Sender\n", `{"__type":"com.amazonaws.sqs#RequestThrottled"}`, Outcome{Verdict: Throttle, Code: "RequestThrottled"}},
		{"code only in the body", "sqs", "400 Bad Request", "x-amzn-query-error: Something;Sender\n", `{"__type":"com.amazonaws.sqs#RequestThrottled"}`, Outcome{Verdict: Throttle, Code: "RequestThrottled"}},
		{"rest-json", "lambda", "429 Too Many Requests", "x-amzn-ErrorType: TooManyRequestsException:http://x/\nRetry-After: 1\n", `{"Reason":"CallerRateLimitExceeded","message":"Rate Exceeded."}`, Outcome{Throttle, "TooManyRequestsException", time.Second, ""}},
		{"lambda's downstream", "lambda", "502 Bad Gateway", "x-amzn-ErrorType: EC2ThrottledException\n", `{}`, Outcome{Verdict: Throttle, Code: "EC2ThrottledException"}},
		{"unknown code", "x", "429 Too Many Requests", "x-amzn-ErrorType: Weird\n", `{}`, Outcome{Verdict: Throttle, Code: "Weird"}},
		{"no code", "x", "429 Too Many Requests", "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\n", "", Outcome{Verdict: Throttle}},
		{"cloudsearch", "cloudsearch", "509 Bandwidth Limit Exceeded", "", "", Outcome{Verdict: Throttle}},
		{"down", "x", "503 Service Unavailable", "", "<html>busy</html>", Outcome{}},
		{"cbor", "cloudwatch", "400 Bad Request", "Content-Type: application/cbor\n", cborError(map[string]any{"__type": "com.amazonaws.cloudwatch#ThrottlingException", "message": "x"}), Outcome{Verdict: Throttle, Code: "ThrottlingException"}},
		{"cbor, open map", "cloudwatch", "400 Bad Request", "", "\xbf\x66__type\x6aThrottling\x64codeXtra\x01\xff", Outcome{}}, // damaged
		{"cbor, open map, well formed", "cloudwatch", "400 Bad Request", "", "\xbf\x66__type\x6aThrottling\x64code\x01\xff", Outcome{Verdict: Throttle, Code: "Throttling"}},
		{"cbor, nonsense", "cloudwatch", "400 Bad Request", "", "\x9f\x9f\x9f\x9f", Outcome{}},
		{"quota of things", "iam", "409 Conflict", "", `<ErrorResponse><Error><Code>LimitExceededException</Code></Error></ErrorResponse>`, Outcome{Code: "LimitExceededException"}},
		{"kinesis", "kinesis", "400 Bad Request", "", `{"__type":"LimitExceededException"}`, Outcome{Verdict: Throttle, Code: "LimitExceededException"}},
		{"api gateway", "apigateway", "429 Too Many Requests", "x-amzn-ErrorType: LimitExceededException\n", "", Outcome{Verdict: Throttle, Code: "LimitExceededException"}},
		{"device code", "sso-oauth", "400 Bad Request", "x-amzn-ErrorType: SlowDownException\n", "", Outcome{Code: "SlowDownException"}},
		{"only looks like it", "sqs", "400 Bad Request", "", `{"__type":"TooManyEntriesInBatchRequest"}`, Outcome{Code: "TooManyEntriesInBatchRequest"}},
		{"retry-after as a date", "x", "429 X", "Date: Wed, 21 Oct 2026 07:27:50 GMT\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT\n", "", Outcome{Verdict: Throttle, RetryAfter: 10 * time.Second}},
		{"retry-after, a date that is past", "x", "429 X", "Date: Wed, 21 Oct 2026 07:28:10 GMT\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT\n", "", Outcome{Verdict: Throttle}},
		{"retry-after, a date of next year", "x", "429 X", "Date: Wed, 21 Oct 2026 07:28:10 GMT\nRetry-After: Thu, 21 Oct 2027 07:28:00 GMT\n", "", Outcome{Verdict: Throttle, RetryAfter: 5 * time.Minute}},
		{"a quota of things at 429", "groundstation", "429 X", "x-amzn-ErrorType: ResourceLimitExceededException\n", "{}", Outcome{Code: "ResourceLimitExceededException"}},
		{"amplify", "amplify", "429 X", "x-amzn-ErrorType: LimitExceededException\n", "{}", Outcome{Code: "LimitExceededException"}},
		{"an unknown rate", "x", "429 X", "x-amzn-ErrorType: PotRateLimitExceeded\n", "{}", Outcome{Verdict: Throttle, Code: "PotRateLimitExceeded"}},
		{"retry-after in excess", "x", "429 X", "x-amz-retry-after: 999999999\n", "", Outcome{Verdict: Throttle, RetryAfter: 5 * time.Minute}},
		{"retry-after nonsense", "x", "429 X", "x-amz-retry-after: -1\nRetry-After: 3\n", "", Outcome{Verdict: Throttle, RetryAfter: 3 * time.Second}},
	} {
		r := Request{Service: tt.service}
		for _, encoding := range []string{"", "Content-Encoding: gzip\n"} {
			body := []byte(tt.body)
			if encoding != "" && len(body) > 0 {
				body = zipped(t, body)
			}
			got := Judge(&r, response(t, tt.status, tt.fields+encoding), body)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s %s: -want +got\n%s", tt.name, encoding, diff)
			}
		}
	}
}

func TestJudgeBomb(t *testing.T) {
	t.Parallel()
	bomb := zipped(t, append([]byte(`{"__type":"ThrottlingException","x":"`), bytes.Repeat([]byte("x"), 16<<20)...))
	got := Judge(&Request{}, response(t, "400 Bad Request", "Content-Encoding: gzip\n"), bomb)
	if got.Verdict != Throttle {
		t.Errorf("got %+v", got)
	}
}

func TestNeedsErrorBody(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]bool{200: false, 204: false, 304: false, 400: true, 429: true, 503: true} {
		if got := NeedsErrorBody(response(t, strconv.Itoa(status)+" "+http.StatusText(status), "")); got != want {
			t.Errorf("NeedsErrorBody(%d) = %v", status, got)
		}
	}
}

// sdkCodes is the list of throttling codes that botocore's standard mode, Go v2, JavaScript v3 and the SDK guide have in
// common; legacyCodes is botocore's legacy mode at status 400, for all services.
// Source: botocore standard.py and _retry.json, aws-sdk-go-v2 aws/retry/standard.go @1489ddb2 (read 2026-11-23).
var (
	sdkCodes = []string{
		"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException", "TooManyRequestsException",
		"ProvisionedThroughputExceededException", "TransactionInProgressException", "RequestLimitExceeded", "BandwidthLimitExceeded",
		"LimitExceededException", "RequestThrottled", "SlowDown", "PriorRequestNotComplete", "EC2ThrottledException",
	}
	legacyCodes = []string{"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException", "ProvisionedThroughputExceededException"}
)

// requests of every protocol, and of every service that has its own words.
func shedRequests() []Request {
	list := []Request{
		{Service: "ec2", Protocol: EC2},
		{Service: "iam", Protocol: Query},
		{Service: "sqs", Protocol: Query},
		{Service: "sqs", Protocol: JSON10},
		{Service: "ssm", Protocol: JSON11},
		{Service: "organizations", Protocol: JSON11},
		{Service: "servicequotas", Protocol: JSON11},
		{Service: "dynamodb", Protocol: JSON10},
		{Service: "cloudwatch", Protocol: CBOR},
		{Service: "kinesis", Protocol: CBOR},
		{Service: "s3", Protocol: RESTXML},
		{Service: "s3express", Protocol: RESTXML},
		{Service: "s3", Protocol: RESTXML, API: "s3-control"},
		{Service: "route53", Protocol: RESTXML},
		{Service: "cloudfront", Protocol: RESTXML},
		{Service: "", Protocol: Unknown},
	}
	for sign, apis := range known().bySign {
		for _, a := range apis {
			if a.speaks('j') {
				list = append(list, Request{Service: iamPrefix(sign), Protocol: RESTJSON, API: a.host})
			}
		}
	}
	return list
}

func TestShed(t *testing.T) {
	t.Parallel()
	for _, r := range shedRequests() {
		head, body := split(t, Shed(&r, 1500*time.Millisecond))
		got := Judge(&r, head, body)
		if got.Verdict != Throttle || got.RetryAfter != 1500*time.Millisecond {
			t.Errorf("%s %d: judged %+v", r.Service, r.Protocol, got)
		}
		if !slices.Contains(sdkCodes, got.Code) {
			t.Errorf("%s %d: %q is not in the SDKs' lists", r.Service, r.Protocol, got.Code)
		}
		if !legacyRetries(r.Service, head.Status, got.Code) {
			t.Errorf("%s %d: botocore's legacy mode does not retry %d %s", r.Service, r.Protocol, head.Status, got.Code)
		}
		if !bytes.Contains(body, []byte("botorate")) {
			t.Errorf("%s %d: the message does not say who: %s", r.Service, r.Protocol, body)
		}
		if n := head.ContentLength; n != int64(len(body)) || len(head.Get("x-amzn-RequestId")) != 36 {
			t.Errorf("%s %d: Content-Length %d of %d, request id %q", r.Service, r.Protocol, n, len(body), head.Get("x-amzn-RequestId"))
		}
	}
}

func legacyRetries(service string, status int, code string) bool {
	switch {
	case status == 429:
		return service != "organizations" // whose own rule replaces the general one
	case status == 503:
		return true
	case status == 400 && service == "organizations" && code == "TooManyRequestsException":
		return true
	}
	return status == 400 && slices.Contains(legacyCodes, code)
}

func split(tb testing.TB, raw []byte) (head *relay.Head, body []byte) {
	tb.Helper()
	i := bytes.Index(raw, []byte("\r\n\r\n"))
	if i < 0 {
		tb.Fatalf("no head in %q", raw)
	}
	head = &relay.Head{}
	if err := head.ParseResponse(raw[:i+4]); err != nil {
		tb.Fatal(err)
	}
	return head, raw[i+4:]
}

func TestShedEnvelope(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		r      Request
		status int
		has    []string
	}{
		{Request{Service: "ec2", Protocol: EC2}, 503, []string{"<Response><Errors><Error><Code>RequestLimitExceeded</Code>"}},
		{Request{Service: "iam", Protocol: Query}, 400, []string{"<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code>"}},
		{Request{Service: "sqs", Protocol: JSON10}, 400, []string{"x-amzn-query-error: ThrottlingException;Sender\r\n", "Content-Type: application/x-amz-json-1.0\r\n", `"__type":"com.amazonaws.sqs#ThrottlingException"`}},
		{Request{Service: "organizations", Protocol: JSON11}, 400, []string{"Content-Type: application/x-amz-json-1.1\r\n", "#TooManyRequestsException"}},
		{Request{Service: "lambda", Protocol: RESTJSON}, 429, []string{"x-amzn-ErrorType: TooManyRequestsException\r\n"}},
		{Request{Service: "apigateway", Protocol: RESTJSON}, 429, []string{"x-amzn-ErrorType: TooManyRequestsException\r\n"}},
		{Request{Service: "eks", Protocol: RESTJSON}, 429, []string{"x-amzn-ErrorType: ThrottlingException\r\n"}},
		{Request{Service: "s3", Protocol: RESTXML}, 503, []string{"<Error><Code>SlowDown</Code>"}},
		{Request{Service: "s3", Protocol: RESTXML, API: "s3-control"}, 503, []string{"<ErrorResponse><Error>"}},
		{Request{Service: "cloudwatch", Protocol: CBOR}, 400, []string{"smithy-protocol: rpc-v2-cbor\r\n", "#ThrottlingException"}},
	} {
		raw := Shed(&tt.r, time.Second)
		if head, _ := split(t, raw); head.Status != tt.status {
			t.Errorf("%s: status %d, want %d", tt.r.Service, head.Status, tt.status)
		}
		for _, s := range append(tt.has, "x-amz-retry-after: 1000\r\n") {
			if !bytes.Contains(raw, []byte(s)) {
				t.Errorf("%s: %q is not in\n%s", tt.r.Service, s, raw)
			}
		}
	}
}

func TestShedHead(t *testing.T) {
	t.Parallel()
	r := Request{Service: "s3", Protocol: RESTXML, Method: http.MethodHead}
	if head, body := split(t, Shed(&r, time.Second)); len(body) != 0 || head.Status != 503 {
		t.Errorf("status %d with a body %q", head.Status, body)
	}
}

// What others wrote must not break out of the envelope.
func TestRefuse(t *testing.T) {
	t.Parallel()
	for _, r := range shedRequests() {
		const message = "dial: <b>\"x\"&\r\nX-Evil: 1"
		head, body := split(t, Refuse(&r, http.StatusBadGateway, "Upstream\r\nX-Evil: 1", message))
		if head.Status != http.StatusBadGateway || head.Get("X-Evil") != nil || bytes.Contains(body, []byte("<b>")) && r.Protocol != CBOR {
			t.Errorf("%s %d: %q", r.Service, r.Protocol, body)
		}
		got := Judge(&r, head, body)
		if got.Verdict != Answered {
			t.Errorf("%s %d: judged %+v", r.Service, r.Protocol, got)
		}
	}
}

func FuzzJudge(f *testing.F) {
	f.Add(503, "Retry-After: 2", []byte(ec2Limit))
	f.Add(400, "x-amzn-errortype: a#b:c", []byte(`{"__type":"x","a":[{"code":1}]}`))
	f.Add(400, "Content-Encoding: gzip", zipped(f, []byte(ec2Limit)))
	f.Add(429, "x-amzn-query-error: ;", []byte("\xbf\x66__type\x6aThrottling\xff"))
	f.Fuzz(func(t *testing.T, status int, field string, body []byte) {
		var h relay.Head
		if h.ParseResponse([]byte("HTTP/1.1 "+strconv.Itoa(status)+" X\r\n"+field+"\r\n\r\n")) != nil {
			return
		}
		for _, service := range []string{"s3", "kinesis", "ec2"} {
			o := Judge(&Request{Service: service}, &h, body)
			if o.Verdict != Answered && status < 400 || len(o.Code) > 128 || o.RetryAfter < 0 || o.RetryAfter > maxRetryAfter || o.Account != "" && !isAccount(o.Account) {
				t.Errorf("got %+v", o)
			}
		}
	})
}

func BenchmarkJudge(b *testing.B) {
	head, r := response(b, "503 Service Unavailable", ""), Request{Service: "ec2"}
	b.ReportAllocs()
	for b.Loop() {
		Judge(&r, head, []byte(ec2Limit))
	}
}
