// Package wire knows what a raw HTTP message means to AWS: who calls what, whether an answer is a throttle, and how each
// service says so itself. It reads hostile bytes and changes none.
//
// What AWS's APIs look like comes from apis.txt, which internal/wire/gen writes. All functions are safe for concurrent use.
package wire

import (
	"encoding/hex"
	"strings"
	"time"
)

// A Protocol is one of AWS's wire protocols.
type Protocol uint8

// The protocols.
const (
	Unknown  Protocol = iota
	Query             // form body with Action=, XML answers
	EC2               // query with EC2's own error envelope
	JSON10            // X-Amz-Target, application/x-amz-json-1.0
	JSON11            // X-Amz-Target, application/x-amz-json-1.1
	CBOR              // Smithy RPC v2, /service/S/operation/O
	RESTJSON          // method and path, JSON answers
	RESTXML           // method and path, XML answers
)

// A Client is a family of clients that behave alike while an answer is held.
type Client uint8

// The clients that User-Agent tells apart.
const (
	OtherClient   Client = iota
	Botocore             // boto3, aiobotocore, AWS CLI v1 and v2: read timeout 60 s, kept alive by 100 Continue
	GoSDK                // v1 and v2, Terraform: no read timeout
	JavaSDK              // read timeout 30 s
	JavaScriptSDK        // no read timeout
	RustSDK              // no read timeout
	CppSDK               // read timeout 3 s
	DotNetSDK            // 100 s
	RubySDK              // 60 s
	PHPSDK
)

// A Request is what one raw request means. Empty fields are unknown.
type Request struct {
	Service   string // in IAM's spelling: "ec2", "cloudwatch"
	API       string // tells APIs of one Service apart: the query protocols' Version ("2012-06-01" is classic ELB), or the name in the host ("s3-control")
	Operation string // "DescribeSnapshots"; for a REST path that no table knows, "GET /segment/*"
	Protocol  Protocol
	Account   string // twelve digits, or "key-" and a hash when the key id does not tell; "anonymous" without a key
	Region    string // from the signature, else from the host name, else "us-east-1"
	Partition string // "aws", "aws-cn", …

	Presigned bool
	SignedAt  time.Time     // x-amz-date; zero when unsigned
	Expires   time.Duration // presigned: X-Amz-Expires

	Client      Client
	UserAgent   string     // product/version of the tool, first token of User-Agent
	Invocation  Invocation // amz-sdk-invocation-id: the same over the attempts of a call
	Attempt     int        // amz-sdk-request attempt=, 1 for the first; 0 when not said
	MaxAttempts int        // amz-sdk-request max=; 0 when not said
	TTL         time.Time  // amz-sdk-request ttl=: when the client gives up

	Unfiltered bool    // EC2: the request has neither a filter nor a page size
	Resources  float64 // what a resource bucket counts: instances, Route 53 changes; 0 when it does not apply
	Resource   string  // S3 bucket or access point, where the quota is per resource
	Method     string  // HTTP method; "OTHER" for an unusual one
}

// An Invocation is the identifier that an SDK gives to a call. The zero value is that of a call that has none.
type Invocation [16]byte

// String returns the identifier as SDKs write it, a UUID in lower case; "" for the zero value.
func (v Invocation) String() string {
	if v == (Invocation{}) {
		return ""
	}
	b := [36]byte{8: '-', 13: '-', 18: '-', 23: '-'}
	hex.Encode(b[:], v[:4])
	hex.Encode(b[9:], v[4:6])
	hex.Encode(b[14:], v[6:8])
	hex.Encode(b[19:], v[8:10])
	hex.Encode(b[24:], v[10:])
	return string(b[:])
}

// Action returns service and operation in IAM's spelling, such as "ec2:DescribeSnapshots".
func (r *Request) Action() string { return r.Service + ":" + r.Operation }

// MaxBody is how much of a query protocol's body is read to identify a request.
const MaxBody = 256 << 10

// A Verdict is what an answer means for the rate.
type Verdict uint8

// The verdicts.
const (
	Answered Verdict = iota // not a throttle
	Throttle                // refused for its rate
	Incident                // refused for its rate because of trouble inside AWS
)

// An Outcome is what a response says.
type Outcome struct {
	Verdict    Verdict
	Code       string        // AWS's error code; empty for a success
	RetryAfter time.Duration // x-amz-retry-after or Retry-After
	Account    string        // the account that a throttle text names
}

// MaxErrorBody is how much of an error body is read.
const MaxErrorBody = 64 << 10

// ReadOnly reports whether the operation changes nothing, so that sending it twice does no harm: a GET or HEAD of a REST protocol,
// or an operation that is named as one that reads. It is false when in doubt.
func (r *Request) ReadOnly() bool {
	if r.Protocol == RESTJSON || r.Protocol == RESTXML {
		return r.Method == "GET" || r.Method == "HEAD"
	}
	if r.Operation == "GetActivityTask" { // takes the task: https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetActivityTask.html
		return false
	}
	for _, verb := range [...]string{"Describe", "List", "Get", "BatchGet", "Search", "Lookup"} {
		if strings.HasPrefix(r.Operation, verb) {
			return true
		}
	}
	return false
}
