package lab

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

// wide limits nothing that a test does.
func wide(t *testing.T) Quotas {
	t.Helper()
	l, err := ParseLimits("wide", []byte(`"*": {capacity: 1000, refill: 1000}`), fakeQuotas{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func start(t *testing.T, c Config) *Endpoint {
	t.Helper()
	e, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// httpClient meets e under every host name.
func httpClient(t *testing.T, e *Endpoint) *http.Client {
	t.Helper()
	tr := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, e.Addr())
		},
		TLSClientConfig: &tls.Config{RootCAs: e.Roots(), MinVersion: tls.VersionTLS12},
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: plainBodies{tr}}
}

// plainBodies hides the WriterTo of the SDK's request bodies. smithy-go 1.28 closes a body when the response comes, and its
// WriteTo then fails with io.EOF, which net/http, when the response overtakes its last look at the body, takes for a reason to
// close the connection under the response.
type plainBodies struct{ http.RoundTripper }

func (p plainBodies) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r = r.Clone(r.Context())
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return p.RoundTripper.RoundTrip(r)
}

func ec2Client(t *testing.T, e *Endpoint, secret string) *ec2.Client {
	t.Helper()
	return ec2.NewFromConfig(aws.Config{
		Region:      "eu-west-1",
		Credentials: credentials.NewStaticCredentialsProvider(AccessKeyID, secret, ""),
		HTTPClient:  httpClient(t, e),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	})
}

// TestSnapshotScan: the SDK's own parser reads what the endpoint answers.
func TestSnapshotScan(t *testing.T) {
	e := start(t, Config{Quotas: wide(t), Snapshots: 64})
	c := ec2Client(t, e, SecretAccessKey)
	ctx := t.Context()
	var all []types.Snapshot
	pages := ec2.NewDescribeSnapshotsPaginator(c, &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, MaxResults: aws.Int32(25)})
	n := 0
	for ; pages.HasMorePages(); n++ {
		p, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p.Snapshots...)
	}
	if n != 3 || len(all) != 64 {
		t.Fatalf("%d snapshots on %d pages, want 64 on 3", len(all), n)
	}
	first := all[0]
	if aws.ToString(first.SnapshotId) != "snap-00000000000000001" || first.State != types.SnapshotStateCompleted || len(first.Tags) != 2 ||
		aws.ToInt32(first.VolumeSize) != 8 || first.StartTime == nil || !aws.ToBool(first.Encrypted) || aws.ToString(first.OwnerId) != Account {
		t.Errorf("first snapshot: %+v", first)
	}
	public := 0
	for _, s := range all {
		a, err := c.DescribeSnapshotAttribute(ctx, &ec2.DescribeSnapshotAttributeInput{SnapshotId: s.SnapshotId, Attribute: types.SnapshotAttributeNameCreateVolumePermission})
		if err != nil {
			t.Fatal(err)
		}
		if aws.ToString(a.SnapshotId) != aws.ToString(s.SnapshotId) {
			t.Fatalf("asked for %v, got %v", aws.ToString(s.SnapshotId), aws.ToString(a.SnapshotId))
		}
		if len(a.CreateVolumePermissions) > 0 && a.CreateVolumePermissions[0].Group == types.PermissionGroupAll {
			public++
		}
	}
	if public != 1 {
		t.Errorf("%d public snapshots, want 1", public)
	}
	if got := e.Cloud().Callers()[AccessKeyID]; got != (Tally{Attempts: 67}) {
		t.Errorf("counted %+v, want 67 attempts", got)
	}
}

// count makes a call and counts what it found.
func count[I, O any](ctx context.Context, call func(context.Context, *I, ...func(*ec2.Options)) (*O, error), in *I, n func(*O) int) func() (int, error) {
	return func() (int, error) {
		o, err := call(ctx, in)
		if err != nil {
			return 0, err
		}
		return n(o), nil
	}
}

func TestReads(t *testing.T) {
	c := ec2Client(t, start(t, Config{Quotas: wide(t), Snapshots: 35}), SecretAccessKey)
	ctx := t.Context()
	filter := func(name string, values ...string) []types.Filter {
		return []types.Filter{{Name: aws.String(name), Values: values}}
	}
	for _, tt := range []struct {
		name string
		call func() (int, error)
		want int
	}{
		{"regions", count(ctx, c.DescribeRegions, &ec2.DescribeRegionsInput{}, func(o *ec2.DescribeRegionsOutput) int { return len(o.Regions) }), 17},
		{"regions not opted in", count(ctx, c.DescribeRegions, &ec2.DescribeRegionsInput{AllRegions: aws.Bool(true), Filters: filter("opt-in-status", "not-opted-in")}, func(o *ec2.DescribeRegionsOutput) int { return len(o.Regions) }), 0},
		{"one region", count(ctx, c.DescribeRegions, &ec2.DescribeRegionsInput{RegionNames: []string{"eu-west-1"}}, func(o *ec2.DescribeRegionsOutput) int { return len(o.Regions) }), 1},
		{"vpcs", count(ctx, c.DescribeVpcs, &ec2.DescribeVpcsInput{Filters: filter("is-default", "true")}, func(o *ec2.DescribeVpcsOutput) int { return len(o.Vpcs) }), 1},
		{"instances", count(ctx, c.DescribeInstances, &ec2.DescribeInstancesInput{}, func(o *ec2.DescribeInstancesOutput) int { return len(o.Reservations) }), 0},
		{"volumes", count(ctx, c.DescribeVolumes, &ec2.DescribeVolumesInput{}, func(o *ec2.DescribeVolumesOutput) int { return len(o.Volumes) }), 4},
		{"snapshots of a volume", count(ctx, c.DescribeSnapshots, &ec2.DescribeSnapshotsInput{Filters: filter("volume-id", "vol-00000000000000004")}, func(o *ec2.DescribeSnapshotsOutput) int { return len(o.Snapshots) }), 5},
		{"snapshots by tag", count(ctx, c.DescribeSnapshots, &ec2.DescribeSnapshotsInput{Filters: filter("tag:Name", "backup-0000*", "backup-0001?")}, func(o *ec2.DescribeSnapshotsOutput) int { return len(o.Snapshots) }), 19},
		{"snapshots by an unknown property", count(ctx, c.DescribeSnapshots, &ec2.DescribeSnapshotsInput{Filters: filter("progress", "12%")}, func(o *ec2.DescribeSnapshotsOutput) int { return len(o.Snapshots) }), 35},
		{"snapshots by id", count(ctx, c.DescribeSnapshots, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{"snap-00000000000000023"}}, func(o *ec2.DescribeSnapshotsOutput) int { return len(o.Snapshots) }), 1},
		{"others' snapshots", count(ctx, c.DescribeSnapshots, &ec2.DescribeSnapshotsInput{OwnerIds: []string{"amazon"}}, func(o *ec2.DescribeSnapshotsOutput) int { return len(o.Snapshots) }), 0},
		{"product codes", count(ctx, c.DescribeSnapshotAttribute, &ec2.DescribeSnapshotAttributeInput{SnapshotId: aws.String("snap-00000000000000001"), Attribute: types.SnapshotAttributeNameProductCodes}, func(o *ec2.DescribeSnapshotAttributeOutput) int { return len(o.ProductCodes) }), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := tt.call(); err != nil || got != tt.want {
				t.Errorf("got %d, %v; want %d", got, err, tt.want)
			}
		})
	}
}

// apiFailure returns code and HTTP status of an SDK error.
func apiFailure(err error) string {
	var api smithy.APIError
	var res interface{ HTTPStatusCode() int }
	if !errors.As(err, &api) || !errors.As(err, &res) {
		return fmt.Sprint(err)
	}
	return fmt.Sprintf("%d %s: %s", res.HTTPStatusCode(), api.ErrorCode(), api.ErrorMessage())
}

func TestRefusals(t *testing.T) {
	e := start(t, Config{Quotas: wide(t), Snapshots: 3})
	good, bad := ec2Client(t, e, SecretAccessKey), ec2Client(t, e, "wrong")
	ctx := t.Context()
	attribute := func(c *ec2.Client, id, name string) error {
		_, err := c.DescribeSnapshotAttribute(ctx, &ec2.DescribeSnapshotAttributeInput{SnapshotId: aws.String(id), Attribute: types.SnapshotAttributeName(name)})
		return err
	}
	list := func(in *ec2.DescribeSnapshotsInput) error { _, err := good.DescribeSnapshots(ctx, in); return err }
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"no such snapshot", attribute(good, "snap-00000000000000004", "productCodes"), "400 InvalidSnapshot.NotFound: The snapshot 'snap-00000000000000004' does not exist."},
		{"another spelling", attribute(good, "snap-1", "productCodes"), "400 InvalidSnapshot.NotFound: The snapshot 'snap-1' does not exist."},
		{"no snapshot id", attribute(good, "vol-1", "productCodes"), "400 InvalidParameterValue: Value (vol-1) for parameter snapshotId is invalid. Expected: 'snap-...'."},
		{"no such attribute", attribute(good, "snap-00000000000000001", "color"), "400 InvalidParameterValue: Value (color) for parameter attribute is invalid. Unknown attribute."},
		{"page size", list(&ec2.DescribeSnapshotsInput{MaxResults: aws.Int32(4)}), "400 InvalidParameterValue: Value ( 4 ) for parameter maxResults is invalid. Expecting a value of at least 5."},
		{"token", list(&ec2.DescribeSnapshotsInput{NextToken: aws.String("x"), MaxResults: aws.Int32(5)}), "400 InvalidNextToken: The provided token is invalid."},
		{"wrong secret", attribute(bad, "snap-00000000000000001", "productCodes"), "401 AuthFailure: " + textEC2},
		{
			"unknown operation", func() error { _, err := good.DescribeImages(ctx, &ec2.DescribeImagesInput{}); return err }(),
			"501 UnsupportedOperation: The stand-in does not answer ec2:DescribeImages itself: give it --upstream, the URL of another emulator.",
		},
	} {
		if got := apiFailure(tt.err); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
	}
	if got := e.Cloud().Callers()[AccessKeyID].Attempts; got != 7 {
		t.Errorf("%d attempts drew tokens, want 7: none for a bad signature", got)
	}
}

// TestThrottle: the SDK takes the answer for a throttle, and its text is AWS's.
func TestThrottle(t *testing.T) {
	e := start(t, Config{Quotas: fakeQuotas{}, Snapshots: 3}) // 3 tokens
	c := ec2Client(t, e, SecretAccessKey)
	var err error
	for range 4 {
		_, err = c.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	}
	want := "503 RequestLimitExceeded: Request limit exceeded. Account 123456789012 has been throttled on ec2:DescribeVpcs because it exceeded its request rate limit."
	if got := apiFailure(err); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if (retry.ThrottleErrorCode{Codes: retry.DefaultThrottleErrorCodes}).IsErrorThrottle(err) != aws.TrueTernary {
		t.Errorf("the SDK does not take %v for a throttle", err)
	}
	if got := e.Cloud().Callers()[AccessKeyID]; got != (Tally{Attempts: 4, Refused: 1}) {
		t.Errorf("counted %+v", got)
	}
}

// call is one raw request that is signed as the SDK signs.
func call(t *testing.T, e *Endpoint, service, method, target, body string, header http.Header) (status int, answer http.Header, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, header)
	hash := unsignedBody
	r.Header.Set("X-Amz-Content-Sha256", hash)
	creds := aws.Credentials{AccessKeyID: AccessKeyID, SecretAccessKey: SecretAccessKey}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
	if header.Get("Authorization") == "" {
		if err := signer.SignHTTP(t.Context(), creds, r, hash, service, "us-east-1", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	res, err := httpClient(t, e).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(b)
}

// TestWords: each protocol is refused in its own envelope.
func TestWords(t *testing.T) {
	e := start(t, Config{Quotas: fakeQuotas{}})
	query := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	kms := http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"TrentService.ListKeys"}}
	forged := func(service string, h http.Header) http.Header {
		h = h.Clone()
		h.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIARZPUZDIKZEXAMPLE/20261123/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature="+strings.Repeat("0", 64))
		h.Set("X-Amz-Date", "20261123T000000Z")
		return h
	}
	for _, tt := range []struct {
		name, service, method, target, body string
		header                              http.Header
		times                               int
		status                              int
		contains                            string
	}{
		{"sts", "sts", "POST", "https://sts.us-east-1.amazonaws.com/", "Action=GetCallerIdentity&Version=2011-06-15", query, 1, 200, "<Account>123456789012</Account>"},
		{"sts throttled", "sts", "POST", "https://sts.us-east-1.amazonaws.com/", "Action=GetCallerIdentity&Version=2011-06-15", query, 3, 400, "<Code>Throttling</Code><Message>Rate exceeded</Message>"},
		{"sts unknown key", "sts", "POST", "https://sts.us-east-1.amazonaws.com/", "Action=GetCallerIdentity&Version=2011-06-15", forged("sts", query), 1, 403, "<Code>InvalidClientTokenId</Code>"},
		{"kms throttled", "kms", "POST", "https://kms.us-east-1.amazonaws.com/", "{}", kms, 4, 400, "ThrottlingException"},
		{"kms unknown key", "kms", "POST", "https://kms.us-east-1.amazonaws.com/", "{}", forged("kms", kms), 1, 400, "UnrecognizedClientException"},
		{"s3 throttled", "s3", "GET", "https://b.s3.us-east-1.amazonaws.com/a%2Fb", "", nil, 4, 503, "<Code>SlowDown</Code>"},
		{"s3 unknown key", "s3", "GET", "https://b.s3.us-east-1.amazonaws.com/", "", forged("s3", http.Header{}), 1, 403, "<Code>InvalidAccessKeyId</Code>"},
	} {
		var status int
		var body string
		for range tt.times {
			status, _, body = call(t, e, tt.service, tt.method, tt.target, tt.body, tt.header)
		}
		if status != tt.status || !strings.Contains(body, tt.contains) {
			t.Errorf("%s: got %d %s, want %d with %s", tt.name, status, body, tt.status, tt.contains)
		}
	}
}

// TestUpstream: the upstream sees the request as it was signed.
func TestUpstream(t *testing.T) {
	type seen struct {
		Method, Target, Host, Body, Auth, Agent, Expect string
	}
	var mu sync.Mutex
	var got seen
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		got = seen{r.Method, r.RequestURI, r.Host, string(b), r.Header.Get("Authorization")[:16], r.UserAgent(), r.Header.Get("Expect")}
		mu.Unlock()
		w.Header().Set("X-Up", "yes")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "short and stout")
	}))
	defer up.Close()
	to, err := parseUpstream(up.URL)
	if err != nil {
		t.Fatal(err)
	}
	e := start(t, Config{Quotas: wide(t), Upstream: to})
	status, header, body := call(t, e, "s3", "PUT", "https://b.s3.us-east-1.amazonaws.com//x//a%2Fb%7E?list-type=2&x&y=a%2Bb", "data",
		http.Header{"Expect": {"100-continue"}, "User-Agent": {"tester/1"}})
	if status != http.StatusTeapot || body != "short and stout" || header.Get("X-Up") != "yes" {
		t.Errorf("got %d %q %v", status, body, header)
	}
	want := seen{"PUT", "//x//a%2Fb%7E?list-type=2&x=&y=a%2Bb", "b.s3.us-east-1.amazonaws.com", "data", "AWS4-HMAC-SHA256", "tester/1", ""}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("upstream saw (-want +got):\n%s", diff)
	}
	up.Close()
	status, _, body = call(t, e, "s3", "GET", "https://b.s3.us-east-1.amazonaws.com/k", "", nil)
	if status != http.StatusBadGateway || !strings.Contains(body, "<Code>UpstreamUnavailable</Code>") {
		t.Errorf("without its upstream: %d %s", status, body)
	}
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	e := start(t, Config{Quotas: fakeQuotas{}, Snapshots: 1, Log: &out})
	c := ec2Client(t, e, SecretAccessKey)
	for range 4 {
		c.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	}
	ec2Client(t, e, "wrong").DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	lines := slices.Collect(bytes.Lines(out.Bytes()))
	if len(lines) != 5 {
		t.Fatalf("%d lines, want 5:\n%s", len(lines), &out)
	}
	for i, want := range []logLine{
		{Status: 200, Signature: "valid"},
		3: {Status: 503, Code: "RequestLimitExceeded", Throttled: true, Signature: "valid"},
		4: {Status: 401, Code: "AuthFailure", Signature: "invalid"},
	} {
		if want.Status == 0 {
			continue
		}
		want.Key, want.Action, want.Region, want.Attempt = "MPLE", "ec2:DescribeVpcs", "eu-west-1", 1
		var got logLine
		if err := json.Unmarshal(lines[i], &got); err != nil {
			t.Fatal(err)
		}
		if got.Time.IsZero() || !strings.HasPrefix(got.Agent, "aws-sdk-go-v2/") {
			t.Errorf("line %d: time %v, agent %q", i, got.Time, got.Agent)
		}
		want.Time, want.Agent = got.Time, got.Agent
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("line %d (-want +got):\n%s", i, diff)
		}
	}
	if s := out.String(); strings.Contains(s, AccessKeyID) || strings.Contains(s, SecretAccessKey) {
		t.Errorf("the log holds a key:\n%s", s)
	}
}

func TestMalformed(t *testing.T) {
	e := start(t, Config{Quotas: wide(t)})
	conn, err := tls.Dial("tcp", e.Addr(), &tls.Config{RootCAs: e.Roots(), ServerName: "ec2.us-east-1.amazonaws.com", MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: ec2.us-east-1.amazonaws.com\r\nConnection: close\r\n\r\n")
	b, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte("HTTP/1.1 4")) {
		t.Errorf("unsigned request got %q", b)
	}
}

func TestServe(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	o := Options{
		Quotas: fakeQuotas{}, Snapshots: 5,
		Limits: write("limits.yaml", `"*": {capacity: 1, refill: 1}`),
		Log:    filepath.Join(dir, "log"), CA: filepath.Join(dir, "ca.pem"),
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, o, w) }()
	greeting := make([]byte, 1024)
	n, err := r.Read(greeting)
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, r)
	first, _, _ := strings.Cut(string(greeting[:n]), "\n")
	if !strings.HasPrefix(first, "botorate lab: playing AWS account 123456789012 on https://127.0.0.1:") || !strings.HasSuffix(first, ", with 5 snapshots") {
		t.Errorf("greeting %q", first)
	}
	if pem, err := os.ReadFile(o.CA); err != nil || !bytes.Contains(pem, []byte("BEGIN CERTIFICATE")) {
		t.Errorf("CA file: %q, %v", pem, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestServeErrors(t *testing.T) {
	busy := start(t, Config{Quotas: fakeQuotas{}})
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte("ec2: {capacity: 1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		o    Options
		want string
	}{
		{"port in use", Options{Listen: busy.Addr()}, "listen on " + busy.Addr() + ": the port is in use by another program"},
		{"limits", Options{Limits: bad}, "read limits: " + bad + ":1: ec2: refill is missing"},
		{"no limits file", Options{Limits: filepath.Join(dir, "none")}, "read limits: open " + filepath.Join(dir, "none") + ": no such file or directory"},
		{"upstream", Options{Upstream: "https://localhost"}, `upstream "https://localhost": expected http://host:port`},
		{"snapshots", Options{Snapshots: -1}, "-1 snapshots: expected 0 or more"},
		{"latency", Options{Latency: -1}, "latency -1ns: expected 0 or more"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Quotas = fakeQuotas{}
			if err := Serve(t.Context(), tt.o, io.Discard); err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
	var inUse *PortInUseError
	if err := Serve(t.Context(), Options{Quotas: fakeQuotas{}, Listen: busy.Addr()}, io.Discard); !errors.As(err, &inUse) || inUse.Hint() == "" {
		t.Errorf("a port in use gives %T, want a *PortInUseError with a hint", err)
	}
}

func TestParseUpstream(t *testing.T) {
	for s, want := range map[string]string{"http://127.0.0.1:5001": "127.0.0.1:5001", "http://moto/": "moto:80", "moto:5001": "", "http://h/path": "", "": ""} {
		u, err := parseUpstream(s)
		if u == nil {
			u = &url.URL{}
		}
		if u.Host != want || (err != nil) != (want == "") {
			t.Errorf("parseUpstream(%q) = %v, %v; want %q", s, u, err, want)
		}
	}
}
