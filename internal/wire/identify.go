package wire

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/botorate/botorate/internal/relay"
)

// Identify says what a request means. host is the authority of CONNECT, with or without a port. body is the content of
// its body as far as it was read, when [NeedsBody]; else nil. Content means: without chunk framing, but still in its
// Content-Encoding, of which gzip is understood.
// It never fails: what can't be told is left empty, and Service falls back to the host name. Nothing in the result points
// into head or body, and no part of a credential is in it.
func Identify(head *relay.Head, host string, body []byte) Request {
	var d Identifier
	return d.Identify(head, host, body)
}

// An Identifier does what the function [Identify] does, for the requests of one connection in turn. It remembers what the last
// one said of account, client, bucket and the like, so that a request costs no allocation unless it says something new.
// The zero value is ready for use. It is not safe for concurrent use.
type Identifier struct {
	host   string
	name   hostName // of host
	agent  []byte   // the last User-Agent, if not too long
	client Client   // of agent
	tool   string   // of agent
	room   []byte   // where strings are put together

	account, region, service, operation, version, resource string // the last ones
}

// Identify is like the function of that name.
func (d *Identifier) Identify(head *relay.Head, host string, body []byte) Request {
	if host != d.host {
		d.host = strings.Clone(host)
		d.name, _ = parseHost(d.host)
	}
	h := &d.name
	var f fields
	f.read(head.Fields)
	path, query := splitTarget(head.Target)
	q := restRequest{head: head, method: head.Method, path: path}
	q.query.parse(query)

	var decoded [160]byte
	s := scopeOf(decoded[:0], &f, &q.query)
	a := known().find(s.service, h.label)
	family := familyOf(s.service)
	if family != "" {
		a = known().byHost["s3"]
	}
	c := callOf(a, h, &f, &q, s.service, query, body)
	if c.owner != nil {
		a = c.owner
	}
	if len(s.key) == 0 {
		s.key = c.key
	}
	r := Request{
		Service: family, API: c.api, Operation: c.name, Protocol: c.protocol, Account: "anonymous", Region: d.regionOf(&s),
		Partition: h.partition, Invocation: invocationOf(f.invocation), Unfiltered: c.unfiltered, Resources: c.resources,
		Method: knownMethod(head.Method),
	}
	r.timing(&f, &s, &q.query)
	r.Client, r.UserAgent = d.clientOf(f.userAgent)
	d.fill(&r, a, &c, &s, &q)
	return r
}

// fill fills what takes strings of the request's own.
func (d *Identifier) fill(r *Request, a *api, c *call, s *scope, q *restRequest) {
	if len(s.key) > 0 {
		d.room = appendAccount(d.room[:0], s.key)
		r.Account = keep(&d.account, d.room)
	}
	switch {
	case r.Service != "":
	case a != nil:
		r.Service = a.service
	case len(s.service) > 0:
		r.Service = d.clean(&d.service, s.service, 64)
	default:
		r.Service = d.name.label
	}
	switch {
	case c.label != none:
		d.room = q.appendLabel(d.room[:0], c.label == named)
		r.Operation = keep(&d.operation, d.room)
	case len(c.raw) > 0:
		if r.Operation = a.literal(c.raw); r.Operation == "" {
			r.Operation = keep(&d.operation, c.raw)
		}
	}
	if len(c.version) > 0 {
		if r.API = a.literal(c.version); r.API == "" {
			r.API = d.clean(&d.version, c.version, 32)
		}
	}
	if isS3(r.Service) {
		var raw []byte
		if r.Resource, raw = bucketOf(&d.name, a, q.path); len(raw) > 0 {
			r.Resource = d.clean(&d.resource, raw, 255)
		}
	}
	if p := partitionOf(r.Region); p != "" {
		r.Partition = p
	} else if r.Partition == "" {
		r.Partition = "aws"
	}
}

// regionOf returns the Region of the signature, else of the host name, else a fallback.
func (d *Identifier) regionOf(s *scope) string {
	switch {
	case len(s.region) > 0:
		return d.clean(&d.region, s.region, 32)
	case d.name.region != "":
		return d.name.region
	}
	return "us-east-1"
}

// clientOf returns what a User-Agent tells.
func (d *Identifier) clientOf(agent []byte) (Client, string) {
	const most = 1 << 10
	if len(agent) == 0 {
		return OtherClient, ""
	}
	if !bytes.Equal(agent, d.agent) {
		d.client = clientOf(agent)
		d.room = appendTool(d.room[:0], agent)
		keep(&d.tool, d.room)
		d.agent = append(d.agent[:0], agent[:min(len(agent), most+1)]...)
	}
	return d.client, d.tool
}

// clean returns raw as appendClean leaves it.
func (d *Identifier) clean(last *string, raw []byte, most int) string {
	if string(raw) == *last { // what is clean stays as it is
		return *last
	}
	d.room = appendClean(d.room[:0], raw, most)
	return keep(last, d.room)
}

// keep returns b as a string, which is *last if that is the same, and puts it there.
func keep(last *string, b []byte) string {
	if string(b) != *last {
		*last = string(b)
	}
	return *last
}

// literal returns b as a string if the table has it.
func (a *api) literal(b []byte) string {
	if a == nil {
		return ""
	}
	return a.names()[string(b)]
}

// timing fills what depends on when the request was signed, and which attempt it is.
func (r *Request) timing(f *fields, s *scope, args *queryArgs) {
	r.Attempt, r.MaxAttempts, r.TTL = sdkRequest(f.sdkRequest)
	r.Presigned = s.presigned
	switch {
	case s.presigned:
		date, _ := args.get("X-Amz-Date")
		r.SignedAt = parseTime(date)
		if seconds, ok := args.get("X-Amz-Expires"); ok {
			r.Expires = time.Duration(max(digits(seconds), 0)) * time.Second
		}
	case len(s.key) > 0 && len(f.amzDate) > 0:
		r.SignedAt = parseTime(f.amzDate)
	case len(s.key) > 0 && len(f.date) > 0:
		r.SignedAt, _ = http.ParseTime(string(f.date))
	}
}

// fields are the header fields that matter, nil when missing.
type fields struct {
	authorization, amzDate, date, regionSet, target, smithy, contentType, contentEncoding []byte
	userAgent, sdkRequest, invocation                                                     []byte
}

// read takes the first field of each name.
func (f *fields) read(all []relay.Field) {
	for i := range all {
		to, name := f.field(len(all[i].Name), all[i].Name)
		if to != nil && *to == nil && equalFold(all[i].Name, name) {
			*to = all[i].Value
		}
	}
}

// field returns where a field of that length belongs, and its name in lower case; for the lengths that two have, the
// first letter decides.
func (f *fields) field(n int, b []byte) (to *[]byte, name string) {
	switch n {
	case len("date"):
		return &f.date, "date"
	case len("x-amz-date"):
		if b[0]|0x20 == 'x' {
			return &f.amzDate, "x-amz-date"
		}
		return &f.userAgent, "user-agent"
	case len("x-amz-target"):
		if b[0]|0x20 == 'x' {
			return &f.target, "x-amz-target"
		}
		return &f.contentType, "content-type"
	case len("authorization"):
		return &f.authorization, "authorization"
	case len("smithy-protocol"):
		if b[0]|0x20 == 's' {
			return &f.smithy, "smithy-protocol"
		}
		return &f.sdkRequest, "amz-sdk-request"
	case len("content-encoding"):
		if b[0]|0x20 == 'c' {
			return &f.contentEncoding, "content-encoding"
		}
		return &f.regionSet, "x-amz-region-set"
	case len("amz-sdk-invocation-id"):
		return &f.invocation, "amz-sdk-invocation-id"
	}
	return nil, ""
}

// familyOf returns the service for S3's further signing names, which share S3's operations; "" for any other.
func familyOf(sign []byte) string {
	switch string(sign) {
	case "s3express":
		return "s3express"
	case "s3-object-lambda":
		return "s3-object-lambda"
	}
	return ""
}

func isS3(service string) bool {
	switch service {
	case "s3", "s3express", "s3-object-lambda", "s3-outposts":
		return true
	}
	return false
}

// bucketOf returns the bucket, or access point, that an S3 request is for.
func bucketOf(h *hostName, a *api, path []byte) (name string, raw []byte) {
	if h.bucket != "" {
		return h.bucket, nil
	}
	if h.label == "s3-control" || h.label == "s3-outposts" || a != nil && a.host == "s3-control" {
		return "", nil
	}
	raw, _ = firstSegment(path)
	return "", raw
}
