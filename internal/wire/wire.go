// Package wire knows what a raw HTTP message means to AWS: who calls what, whether an answer is a throttle, and how each
// service says so itself. It reads hostile bytes and changes none.
package wire

import (
	"time"

	"github.com/botorate/botorate/internal/relay"
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
	Operation string // "DescribeSnapshots"; for a REST path that no table knows, "GET /segment/*"
	Protocol  Protocol
	Account   string // twelve digits, or "key-" and a hash when the key id does not tell; "anonymous" without a key
	Region    string // from the signature, else from the host name, else "us-east-1"
	Partition string // "aws", "aws-cn", …

	Presigned bool
	SignedAt  time.Time     // x-amz-date; zero when unsigned
	Expires   time.Duration // presigned: X-Amz-Expires

	Client      Client
	UserAgent   string    // product/version of the tool, first token of User-Agent
	Invocation  string    // amz-sdk-invocation-id: the same over the attempts of a call
	Attempt     int       // amz-sdk-request attempt=, 1 for the first; 0 when not said
	MaxAttempts int       // amz-sdk-request max=; 0 when not said
	TTL         time.Time // amz-sdk-request ttl=: when the client gives up

	Unfiltered bool    // EC2: the request has neither a filter nor a page size
	Resources  float64 // what a resource bucket counts: instances, Route 53 changes; 0 when it does not apply
	Resource   string  // S3 bucket, where the quota is per resource
	Method     string  // HTTP method
}

// Action returns service and operation in IAM's spelling, such as "ec2:DescribeSnapshots".
func (r *Request) Action() string { return r.Service + ":" + r.Operation }

// NeedsBody reports whether the request can only be identified with the beginning of its body: the query protocols.
func NeedsBody(*relay.Head) bool { panic("contract") }

// MaxBody is how much of a query protocol's body is read to identify a request.
const MaxBody = 256 << 10

// Intercepted reports whether host, from CONNECT, is an AWS API that we speak for; all else is tunnelled.
func Intercepted(string) bool { panic("contract") }

// Identify says what a request means. body is its body as far as it was read, when [NeedsBody]; else nil.
// It never fails: what can't be told is left empty, and Service falls back to the host name.
func Identify(*relay.Head, string, []byte) Request { panic("contract") }

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

// NeedsErrorBody reports whether the body of a response must be read to tell its outcome: any status of 400 and above, and S3's 200 errors.
func NeedsErrorBody(*relay.Head) bool { panic("contract") }

// MaxErrorBody is how much of an error body is read.
const MaxErrorBody = 64 << 10

// Judge says what a response to r means. body is the raw body (perhaps gzip, perhaps only its beginning).
func Judge(*Request, *relay.Head, []byte) Outcome { panic("contract") }

// Shed returns a whole HTTP/1.1 response that refuses r for its rate in the service's own words, with x-amz-retry-after.
func Shed(*Request, time.Duration) []byte { panic("contract") }

// Refuse returns a whole HTTP/1.1 response that tells of a failure of ours (upstream not reached, malformed request) in the service's own envelope.
func Refuse(_ *Request, status int, code, message string) []byte { panic("contract") }
