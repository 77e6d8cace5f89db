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
	var f fields
	f.read(head.Fields)
	h, _ := parseHost(host)
	path, query := splitTarget(head.Target)
	q := restRequest{head: head, method: head.Method, path: path}
	q.query.parse(query)

	var decoded [160]byte
	s := scopeOf(decoded[:0], &f, &q.query)
	var r Request
	r.Method = knownMethod(head.Method)
	r.Partition = h.partition
	r.timing(&f, &s, &q.query)
	r.Client = clientOf(f.userAgent)

	a := known().find(s.service, h.label)
	family := familyOf(s.service)
	if family != "" {
		a = known().byHost["s3"]
	}
	c := callOf(a, &h, &f, &q, query, body)
	r.Protocol, r.Unfiltered, r.Resources, r.Operation, r.API = c.protocol, c.unfiltered, c.resources, c.name, c.api

	p := pieces{operation: c.raw, version: c.version, tool: f.userAgent, invocation: f.invocation, key: s.key, region: s.region}
	switch {
	case family != "":
		r.Service = family
	case a != nil:
		r.Service = a.service
	default:
		p.service = s.service
	}
	if isS3(r.Service) {
		r.Resource, p.resource = bucketOf(&h, a, path)
	}
	if len(p.region) == 0 {
		if p.region = firstRegion(f.regionSet); len(p.region) == 0 {
			r.Region = h.region
		}
	}
	var room [320]byte
	p.make(room[:0], &r)
	r.complete(&h)
	return r
}

// complete fills what is still empty with what the host name says.
func (r *Request) complete(h *hostName) {
	if r.Service == "" {
		r.Service = h.label
	}
	if r.Region == "" {
		r.Region = "us-east-1"
	}
	switch {
	case strings.HasPrefix(r.Region, "us-gov-"):
		r.Partition = "aws-us-gov"
	case r.Partition == "":
		r.Partition = "aws"
	}
	if r.Account == "" {
		r.Account = "anonymous"
	}
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

// pieces are the parts of a request that become strings of the result.
type pieces struct {
	key, region, service, operation, version, tool, invocation, resource []byte
}

// make fills r with the pieces, all in one string; room is where it is put together.
func (p *pieces) make(room []byte, r *Request) {
	if len(p.key) > 0 {
		room = appendAccount(room, p.key)
	}
	account := len(room)
	room = appendClean(room, p.region, 32)
	region := len(room)
	room = appendClean(room, p.service, 64)
	service := len(room)
	room = append(room, p.operation...)
	operation := len(room)
	room = appendClean(room, p.version, 32)
	version := len(room)
	if len(p.tool) > 0 {
		room = appendTool(room, p.tool)
	}
	tool := len(room)
	room = appendClean(room, p.invocation, 64)
	invocation := len(room)
	room = appendClean(room, p.resource, 255)

	s := string(room)
	r.Account, r.UserAgent, r.Invocation = s[:account], s[version:tool], s[tool:invocation]
	setString(&r.Region, s[account:region])
	setString(&r.Service, s[region:service])
	setString(&r.Operation, s[service:operation])
	setString(&r.API, s[operation:version])
	setString(&r.Resource, s[invocation:])
}

// setString sets *to unless s is empty.
func setString(to *string, s string) {
	if s != "" {
		*to = s
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

// firstRegion returns the first Region of SigV4a's x-amz-region-set, if it is one.
func firstRegion(set []byte) []byte {
	first, _ := cutByte(set, ',')
	if first = bytes.Trim(first, " "); len(first) == 0 || bytes.IndexByte(first, '*') >= 0 {
		return nil
	}
	return first
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
