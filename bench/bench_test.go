//go:build linux

// Package bench compares botorate's proxy with goproxy and with no proxy at all. It has nothing but tests.
package bench

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// request is a signed POST as boto3 sends it, 1.9 KB with its session token; response has 0.4 KB.
var (
	request  = makeRequest()
	response = makeResponse()
)

func makeRequest() []byte {
	const body = "Action=DescribeSnapshotAttribute&Version=2016-11-15&Attribute=createVolumePermission&SnapshotId=snap-0123456789abcdef0"
	day := time.Now().UTC().Format("20060102")
	return fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: %s\r\nAccept-Encoding: identity\r\n"+
		"Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"+
		"User-Agent: Boto3/1.43.11 md/Botocore#1.43.11 ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.12.3 md/pyimpl#CPython cfg/retry-mode#standard\r\n"+
		"X-Amz-Date: %sT%sZ\r\nX-Amz-Security-Token: %s\r\n"+
		"Authorization: AWS4-HMAC-SHA256 Credential=ASIAQEXAMPLEEXAMPLE2/%s/us-east-1/ec2/aws4_request, "+
		"SignedHeaders=amz-sdk-invocation-id;amz-sdk-request;content-type;host;x-amz-date;x-amz-security-token, Signature=%s\r\n"+
		"amz-sdk-invocation-id: 3ba8b0c4-3c3f-4a0b-9a3e-0d6e6a1c2b7f\r\namz-sdk-request: attempt=1; max=3\r\nContent-Length: %d\r\n\r\n%s",
		host, day, time.Now().UTC().Format("150405"), strings.Repeat("IQoJb3JpZ2luX2VjEXAMPLE/", 38), day, strings.Repeat("0a1b2c3d", 8), len(body), body)
}

func makeResponse() []byte {
	const body = `<?xml version="1.0" encoding="UTF-8"?><DescribeSnapshotAttributeResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">` +
		`<requestId>1</requestId><snapshotId>snap-0123456789abcdef0</snapshotId><createVolumePermission/></DescribeSnapshotAttributeResponse>`
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nx-amzn-RequestId: 1\r\nContent-Type: text/xml;charset=UTF-8\r\n"+
		"Content-Length: %d\r\nDate: Mon, 23 Nov 2026 12:00:00 GMT\r\nServer: AmazonEC2\r\n\r\n%s", len(body), body)
}

// A part is a process of the comparison.
type part struct {
	hello
	in  io.Writer
	out *json.Decoder
}

func start(tb testing.TB, role string, s settings) *part {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = in.Close() // which ends it
		_ = cmd.Wait()
	})
	p := &part{in: in, out: json.NewDecoder(bufio.NewReader(out))}
	if err := json.NewEncoder(in).Encode(s); err != nil {
		tb.Fatal(err)
	}
	if err := p.out.Decode(&p.hello); err != nil {
		tb.Fatal(err)
	}
	return p
}

func (p *part) usage(tb testing.TB, how string) (u usage) {
	tb.Helper()
	if _, err := fmt.Fprintln(p.in, how); err != nil {
		tb.Fatal(err)
	}
	if err := p.out.Decode(&u); err != nil {
		tb.Fatal(err)
	}
	return u
}

// A way is one of the ways to the upstream.
type way struct {
	name  string
	proxy *part // nil for none
	aws   *part
}

func ways(tb testing.TB, upstream string) []way {
	tb.Helper()
	aws := start(tb, upstream, settings{})
	s := settings{AWS: aws.Addr, RootPEM: aws.RootPEM}
	return []way{
		{"direct", nil, aws},
		{"botorate", start(tb, "botorate", s), aws},
		{"goproxy", start(tb, "goproxy", s), aws},
	}
}

// open returns a TLS connection to the upstream, or to who speaks for it.
func (w way) open(tb testing.TB) *tls.Conn {
	tb.Helper()
	return w.openTo(tb, host)
}

func (w way) openTo(tb testing.TB, host string) *tls.Conn {
	tb.Helper()
	return w.secure(tb, w.dial(tb, host), host)
}

// to is who is connected to.
func (w way) to() *part {
	if w.proxy != nil {
		return w.proxy
	}
	return w.aws
}

// dial returns a connection that is ready for TLS.
func (w way) dial(tb testing.TB, host string) net.Conn {
	tb.Helper()
	c, err := net.Dial("tcp", w.to().Addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	if w.proxy != nil {
		fmt.Fprintf(c, "CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\n\r\n", host, host)
		answer := make([]byte, 0, 256)
		for one := make([]byte, 1); !strings.HasSuffix(string(answer), "\r\n\r\n"); answer = append(answer, one[0]) {
			if _, err := c.Read(one); err != nil {
				tb.Fatalf("%s: CONNECT: %v after %q", w.name, err, answer)
			}
		}
		if !strings.Contains(string(answer), " 200 ") {
			tb.Fatalf("%s: CONNECT answered %q", w.name, answer)
		}
	}
	return c
}

func (w way) secure(tb testing.TB, c net.Conn, host string) *tls.Conn {
	tb.Helper()
	t := tls.Client(c, &tls.Config{ServerName: host, RootCAs: pool(w.to().RootPEM)})
	if err := t.Handshake(); err != nil {
		tb.Fatal(err)
	}
	return t
}

// roundTrip sends the request and reads the answer into buf.
func roundTrip(c net.Conn, buf []byte) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	for n := 0; ; {
		k, err := c.Read(buf[n:])
		if err != nil {
			return err
		}
		if n += k; messageSize(buf[:n]) == n {
			if !strings.HasPrefix(string(buf[:n]), "HTTP/1.1 200 ") {
				return fmt.Errorf("answered %q", buf[:n])
			}
			return nil
		}
	}
}

func median[T ~float64 | ~int64](v []T) T {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// ratio is the median of a round's a over its b.
func ratio(a, b []float64) float64 {
	var r []float64
	for i := range a {
		r = append(r, a[i]/b[i])
	}
	return median(r)
}

// BenchmarkConnect compares what a new client costs that sends one request, as each `aws` command does.
func BenchmarkConnect(b *testing.B) {
	for _, w := range ways(b, "aws") {
		b.Run(w.name, func(b *testing.B) {
			buf := make([]byte, 16<<10)
			for b.Loop() {
				c := w.open(b)
				if err := roundTrip(c, buf); err != nil {
					b.Fatal(err)
				}
				_ = c.Close()
			}
		})
	}
}

// TestHeldMemory holds 10,000 attempts at once and says what that takes. It must stay within 200 MB.
func TestHeldMemory(t *testing.T) {
	const attempts, most = 10_000, 200 << 20
	aws := start(t, "aws", settings{})
	p := start(t, "botorate-held", settings{AWS: aws.Addr, RootPEM: aws.RootPEM})
	w := way{"botorate", p, aws}
	idle := p.usage(t, "usage").RSS
	peak := 0
	for i := range attempts {
		c := w.open(t)
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		if i%500 == 499 {
			peak = max(peak, p.usage(t, "usage").RSS)
		}
	}
	time.Sleep(time.Second) // for the last ones to be read
	held := p.usage(t, "usage").RSS
	collected := p.usage(t, "gc").RSS
	t.Logf("%d attempts held: %d MB resident (%d MB at most on the way, %d MB after a collection), %d MB without; %.1f KB each",
		attempts, held>>20, peak>>20, collected>>20, idle>>20, float64(held-idle)/attempts/1024)
	if max(held, peak) > most {
		t.Errorf("that is more than %d MB", most>>20)
	}
}

// TestManyConnections lets 5,000 clients send at once, twice, and says what that takes at most. Each must get its answer, for
// not more than 100 KB, both of its connections included.
func TestManyConnections(t *testing.T) {
	const clients, most = 5000, 100 << 10
	aws := start(t, "aws", settings{})
	p := start(t, "botorate", settings{AWS: aws.Addr, RootPEM: aws.RootPEM})
	w := way{"botorate", p, aws}
	idle := p.usage(t, "usage").RSS
	conns := make([]*tls.Conn, clients)
	for i := range conns {
		conns[i] = w.open(t)
	}
	for range 2 {
		var wait sync.WaitGroup
		begin := time.Now()
		for _, c := range conns {
			wait.Go(func() {
				if err := roundTrip(c, make([]byte, 4<<10)); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		t.Logf("%d clients answered within %.2f s", clients, time.Since(begin).Seconds())
	}
	peak := p.usage(t, "usage").Peak
	each := (peak - idle) / clients
	t.Logf("%d MB at most, %.1f KB for each", peak>>20, float64(each)/1024)
	if each > most {
		t.Errorf("that is more than %d KB", most>>10)
	}
}
