package lab

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// An outgoing is a request that the SDK's own signer signs.
type outgoing struct {
	method, service, host, path string // path as it goes over the wire
	query                       string
	body                        string
	payload                     string // in place of the body's hash
	header                      http.Header
	secret                      string
	presign                     time.Duration
}

// raw signs o at epoch and returns the request's bytes.
func (o outgoing) raw(t *testing.T) string {
	t.Helper()
	decoded, err := url.PathUnescape(o.path)
	if err != nil {
		t.Fatal(err)
	}
	r := &http.Request{
		Method: o.method, Host: o.host, Header: o.header.Clone(),
		URL: &url.URL{Scheme: "https", Host: o.host, Path: decoded, RawPath: o.path, RawQuery: o.query},
	}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if o.body != "" {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(o.body)), int64(len(o.body))
	}
	hash := o.payload
	if hash == "" {
		sum := sha256.Sum256([]byte(o.body))
		hash = hex.EncodeToString(sum[:])
	}
	if o.service == "s3" && o.presign == 0 {
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	creds := aws.Credentials{AccessKeyID: AccessKeyID, SecretAccessKey: o.secret}
	if creds.SecretAccessKey == "" {
		creds.SecretAccessKey = SecretAccessKey
	}
	signer := v4.NewSigner(func(s *v4.SignerOptions) { s.DisableURIPathEscaping = o.service == "s3" })
	if o.presign == 0 {
		err = signer.SignHTTP(t.Context(), creds, r, hash, o.service, "us-east-1", epoch)
	} else {
		q := r.URL.Query()
		q.Set("X-Amz-Expires", "300")
		r.URL.RawQuery = q.Encode()
		var signed string
		signed, _, err = signer.PresignHTTP(t.Context(), creds, r, hash, o.service, "us-east-1", epoch)
		_, query, _ := strings.Cut(signed, "?")
		r.URL.RawQuery = query
	}
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// receive verifies raw as the stand-in does.
func receive(t *testing.T, raw string, now time.Time) (signature, sigFault) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		t.Fatalf("%v in\n%s", err, raw)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return newSignedRequest(r, body).verify(now, Keys(nil).secret)
}

func ec2Call() outgoing {
	return outgoing{
		method: "POST", service: "ec2", host: "ec2.us-east-1.amazonaws.com", path: "/",
		body:   "Action=DescribeSnapshots&Version=2016-11-15",
		header: http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}},
	}
}

func s3Call(path string) outgoing {
	return outgoing{method: "GET", service: "s3", host: "bucket.s3.us-east-1.amazonaws.com", path: path}
}

// TestSDKSignatures: what the SDK's signer makes is accepted.
func TestSDKSignatures(t *testing.T) {
	with := func(o outgoing, change func(*outgoing)) outgoing { change(&o); return o }
	for _, tt := range []struct {
		name string
		call outgoing
	}{
		{"query protocol", ec2Call()},
		{"header spaces and duplicates", with(ec2Call(), func(o *outgoing) {
			o.header["X-Amz-Meta"] = []string{"  a   b ", "c"}
			o.header["X-Empty"] = []string{""}
		})},
		{"another content length", with(ec2Call(), func(o *outgoing) { o.body = strings.Repeat("x", 70000) })},
		{"rest path", outgoing{method: "GET", service: "lambda", host: "lambda.us-east-1.amazonaws.com", path: "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Af/policy"}},
		{"query order and encodings", outgoing{method: "GET", service: "lambda", host: "lambda.us-east-1.amazonaws.com", path: "/x", query: "b=2&a=1&a=0&B=3&empty=&uploads&sp=a+b&q=%2F%7E&a-b=1"}},
		{"s3 plain", s3Call("/key")},
		{"s3 slashes", s3Call("//leading//a%2Fb/")},
		{"s3 dots", s3Call("/a/./b/../c/%2E%2E/d")},
		{"s3 odd characters", s3Call("/k%20s/%E2%9C%93/p%2Bp/~t/%27q%27/%28p%29/a%3Db%3Bc%2Cd%40e%3Af%21g%2Ah%24/%5Bx%5D/%25")},
		{"s3 sub-resources", with(s3Call("/"), func(o *outgoing) { o.query = "list-type=2&prefix=&delimiter=%2F&tagging" })},
		{"s3 unsigned payload", with(s3Call("/key"), func(o *outgoing) { o.method, o.body, o.payload = "PUT", "data", unsignedBody })},
		{"s3 streaming", with(s3Call("/key"), func(o *outgoing) {
			o.method, o.body, o.payload = "PUT", "4\r\ndata\r\n0\r\n\r\n", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
			o.header = http.Header{"Content-Encoding": {"aws-chunked"}, "X-Amz-Trailer": {"x-amz-checksum-crc32"}}
		})},
		{"s3 presigned", with(s3Call("/a%20key"), func(o *outgoing) { o.presign, o.payload = time.Minute, unsignedBody })},
		{"sts presigned", outgoing{method: "GET", service: "sts", host: "sts.us-east-1.amazonaws.com", path: "/", query: "Action=GetCallerIdentity&Version=2011-06-15", header: http.Header{"X-K8s-Aws-Id": {"cluster"}}, presign: time.Minute}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raw := tt.call.raw(t)
			sig, fault := receive(t, raw, epoch.Add(time.Minute))
			if fault != sigValid {
				t.Fatalf("signature %v for\n%s", fault, raw)
			}
			if sig.key != AccessKeyID || sig.service != tt.call.service || sig.region != "us-east-1" || !sig.at.Equal(epoch) {
				t.Errorf("read %+v", sig)
			}
		})
	}
}

// TestTampered: a signature does not survive what it covers.
func TestTampered(t *testing.T) {
	s3 := s3Call("/a%2Fb//c")
	s3.query = "prefix=x%2Fy"
	rest := outgoing{method: "GET", service: "lambda", host: "lambda.us-east-1.amazonaws.com", path: "/a%2Fb/c", query: "a=1&b=2"}
	presigned := s3Call("/key")
	presigned.presign, presigned.payload = time.Minute, unsignedBody
	wrong := ec2Call()
	wrong.secret = "not/the/secret"
	replace := func(from, to string) func(string) string {
		return func(raw string) string { return strings.Replace(raw, from, to, 1) }
	}
	for _, tt := range []struct {
		name   string
		call   outgoing
		tamper func(string) string
		want   sigFault
	}{
		{"wrong secret", wrong, nil, sigMismatch},
		{"unknown key", ec2Call(), replace(AccessKeyID, "AKIARZPUZDIKZEXAMPLE"), sigUnknownKey},
		{"other key", ec2Call(), replace(AccessKeyID, NeighbourKeyID), sigMismatch},
		{"body", ec2Call(), replace("Action=DescribeSnapshots", "Action=DescribeSnapshotz"), sigMismatch},
		{"header", ec2Call(), replace("charset=utf-8", "charset=utf-7"), sigMismatch},
		{"host", ec2Call(), replace("Host: ec2.us-east-1", "Host: ec2.us-west-1"), sigMismatch},
		{"method", ec2Call(), replace("POST", "PUT"), sigMismatch},
		{"date", ec2Call(), replace("T120000Z", "T120001Z"), sigMismatch},
		{"scope", ec2Call(), replace("us-east-1/ec2/", "us-east-2/ec2/"), sigMismatch},
		{"path of s3", s3, replace("/a%2Fb//c", "/a%2Fb/c"), sigMismatch},
		{"path of another", rest, replace("/a%2Fb/c", "/a/b/c"), sigMismatch},
		{"query value", rest, replace("b=2", "b=3"), sigMismatch},
		{"query name", rest, replace("b=2", "c=2"), sigMismatch},
		{"query of s3", s3, replace("prefix=x%2Fy", "prefix=x%252Fy"), sigMismatch},
		{"query order is free", rest, replace("a=1&b=2", "b=2&a=1"), sigValid},
		{"header order and case are free", ec2Call(), replace("Content-Type: ", "content-type:   "), sigValid},
		{"unsigned header of s3", s3, replace("\r\n\r\n", "\r\nX-Amz-Acl: public-read\r\n\r\n"), sigUnsignedField},
		{"hash of s3", s3, replace("\r\n\r\n", "\r\nContent-Length: 1\r\n\r\nx"), sigBody},
		{"presigned expiry", presigned, replace("X-Amz-Expires=300", "X-Amz-Expires=301"), sigMismatch},
		{"no signature", ec2Call(), replace("Authorization: ", "X-Other: "), sigMissing},
		{"bearer", ec2Call(), replace("Authorization: AWS4-HMAC-SHA256 ", "Authorization: Bearer "), sigMalformed},
		{"host not signed", ec2Call(), replace(";host;", ";"), sigMalformed},
		{"short signature", ec2Call(), replace("Signature=", "Signature=\r\nX: "), sigMalformed},
		{"scope of another day", ec2Call(), replace("/20261123/", "/20261122/"), sigMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raw := tt.call.raw(t)
			if tt.tamper != nil {
				before := raw
				if raw = tt.tamper(raw); raw == before {
					t.Fatalf("nothing was tampered with in\n%s", raw)
				}
			}
			if _, got := receive(t, raw, epoch); got != tt.want {
				t.Errorf("got %v, want %v for\n%s", got, tt.want, raw)
			}
		})
	}
}

func TestSignatureAge(t *testing.T) {
	presigned := s3Call("/key")
	presigned.presign, presigned.payload = time.Minute, unsignedBody // for 300 s
	for _, tt := range []struct {
		name string
		call outgoing
		age  time.Duration
		want sigFault
	}{
		{"ec2 fresh enough", ec2Call(), 5 * time.Minute, sigValid},
		{"ec2 old", ec2Call(), 5*time.Minute + time.Second, sigExpired},
		{"ec2 future", ec2Call(), -5*time.Minute - time.Second, sigExpired},
		{"s3 fresh enough", s3Call("/"), 15 * time.Minute, sigValid},
		{"s3 old", s3Call("/"), 15*time.Minute + time.Second, sigExpired},
		{"s3 future", s3Call("/"), -15*time.Minute - time.Second, sigExpired},
		{"presigned in time", presigned, 300 * time.Second, sigValid},
		{"presigned over", presigned, 301 * time.Second, sigPresignedOver},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, got := receive(t, tt.call.raw(t), epoch.Add(tt.age)); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// FuzzVerify: no bytes crash the verification, and none but signed ones pass it.
func FuzzVerify(f *testing.F) {
	f.Add("GET", "/a?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2F20261123%2Fr%2Fs%2Faws4_request", "", "")
	f.Add("POST", "http://h/%zz?%&=&a=%4", "AWS4-HMAC-SHA256 Credential="+AccessKeyID+"/20261123/us-east-1/s3/aws4_request, SignedHeaders=host;x, Signature="+strings.Repeat("0", 64), "20261123T120000Z")
	f.Fuzz(func(t *testing.T, method, target, auth, date string) {
		r := &http.Request{Method: method, RequestURI: target, Host: "h", Header: http.Header{"Authorization": {auth}, "X-Amz-Date": {date}}}
		if _, fault := newSignedRequest(r, nil).verify(epoch, Keys(nil).secret); fault == sigValid {
			t.Errorf("accepted %q %q %q", method, target, auth)
		}
	})
}
