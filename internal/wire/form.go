package wire

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"

	"github.com/botorate/botorate/internal/relay"
)

// NeedsBody reports whether a request is only told by its body: the query protocols, whose Action is in a form; and
// Route 53's change batches, which cost by the number of changes. Then [Identify] wants the first [MaxBody] bytes.
func NeedsBody(head *relay.Head) bool {
	if string(head.Method) != "POST" || !head.HasBody() || head.Get("X-Amz-Target") != nil {
		return false
	}
	path, query := splitTarget(head.Target)
	kind := head.Get("Content-Type")
	if hasPrefixFold(kind, "application/x-www-form-urlencoded") {
		var args queryArgs
		args.parse(query)
		_, ok := args.get("Action")
		return !ok
	}
	if isChangeBatch(path) {
		return true
	}
	if len(kind) > 0 || len(path) > 1 {
		return false
	}
	a := known().find(authorization(head.Get("Authorization")).service, "")
	return a != nil && (a.speaks('q') || a.speaks('e'))
}

// isChangeBatch reports whether path is that of Route 53's ChangeResourceRecordSets.
func isChangeBatch(path []byte) bool {
	return bytes.HasPrefix(path, []byte("/2013-04-01/hostedzone/")) && bytes.HasSuffix(bytes.TrimSuffix(path, []byte{'/'}), []byte("/rrset"))
}

// A form is what a query protocol's arguments say.
type form struct {
	action, version []byte // raw; empty when missing
	key             []byte // SigV2's AWSAccessKeyId, raw; nil when missing
	filtered        bool   // MaxResults or a Filter
	instances       int    // InstanceId.N
	most, least     int    // MaxCount, MinCount; -1 when missing
}

// parse reads a form body or a URL's query.
func (f *form) parse(b []byte) {
	f.most, f.least = -1, -1
	for len(b) > 0 {
		var a arg
		a, b = cutArg(b)
		switch key := a.key; {
		case len(key) < 6:
		case string(key) == "Action":
			if f.action == nil {
				f.action = a.value
			}
		case string(key) == "Version":
			f.version = a.value
		case string(key) == "AWSAccessKeyId":
			f.key = a.value
		case string(key) == "MaxResults", bytes.HasPrefix(key, []byte("Filter.")):
			f.filtered = true
		case bytes.HasPrefix(key, []byte("InstanceId.")):
			f.instances++
		case string(key) == "MaxCount":
			f.most = digits(a.value)
		case string(key) == "MinCount":
			f.least = digits(a.value)
		}
	}
}

// resources returns what EC2's resource buckets count.
// Source: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html (read 2026-11-23).
func (f *form) resources() float64 {
	switch string(f.action) {
	case "RunInstances":
		switch {
		case f.most > 0:
			return float64(f.most)
		case f.least > 0:
			return float64(f.least)
		}
		return 1
	case "StartInstances", "StopInstances", "TerminateInstances":
		return float64(max(f.instances, 1))
	}
	return 0
}

// unfiltered reports whether the request is one of the seven reads that draw from a smaller bucket when they have neither
// pagination nor a filter, and has neither. A token of a next page, or identifiers, do not count: AWS does not say.
// Source: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html (read 2026-11-23).
func (f *form) unfiltered() bool {
	switch string(f.action) {
	case "DescribeInstances", "DescribeInstanceStatus", "DescribeNetworkInterfaces", "DescribeSecurityGroups", "DescribeSnapshots",
		"DescribeSpotInstanceRequests", "DescribeVolumes":
		return !f.filtered
	}
	return false
}

// changes returns what Route 53 counts in a change batch: an UPSERT as two, others as one.
// Source: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/throttling-api-requests.html (read 2026-11-23).
func changes(body []byte) float64 {
	n := 0
	for {
		i := bytes.Index(body, []byte("<Action>"))
		if i < 0 {
			return float64(n)
		}
		body = body[i+len("<Action>"):]
		n++
		if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("UPSERT")) {
			n++
		}
	}
}

// decoded returns the first most bytes of a body without its gzip encoding. Damage ends it early.
func decoded(body, encoding []byte, most int) []byte {
	if !isGzip(encoding) || len(body) == 0 {
		return body[:min(len(body), most)]
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil
	}
	out, err := io.ReadAll(io.LimitReader(z, int64(most)))
	if err != nil && len(out) == 0 {
		return nil
	}
	return out
}

func isGzip(encoding []byte) bool {
	for len(encoding) > 0 {
		var part []byte
		part, encoding = cutByte(encoding, ',')
		if part = bytes.Trim(part, " \t"); equalFold(part, "gzip") || equalFold(part, "x-gzip") {
			return true
		}
	}
	return false
}

// isName reports whether b can be the name of an operation.
func isName(b []byte) bool {
	for _, c := range b {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && strings.IndexByte("_-.", c) < 0 {
			return false
		}
	}
	return len(b) > 0 && len(b) <= 128
}
