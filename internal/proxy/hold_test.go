package proxy

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/ca"
	"github.com/botorate/botorate/internal/report"
	"github.com/botorate/botorate/internal/wire"
	"github.com/botorate/botorate/quota"
)

func TestHoldBound(t *testing.T) {
	arrival := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	signed := func(c wire.Client, age time.Duration) wire.Request {
		return wire.Request{Client: c, SignedAt: arrival.Add(-age)}
	}
	for name, tt := range map[string]struct {
		r       wire.Request
		expect  bool
		most    time.Duration
		want    time.Duration
		interim bool
	}{
		"botocore":                   {r: signed(wire.Botocore, 0), want: 4 * time.Minute, interim: true},
		"botocore, old signature":    {r: signed(wire.Botocore, 3*time.Minute), want: time.Minute, interim: true},
		"botocore with Expect":       {r: signed(wire.Botocore, 0), expect: true, want: 50 * time.Second},
		"botocore, capped":           {r: signed(wire.Botocore, 0), most: 20 * time.Second, want: 20 * time.Second, interim: true},
		"Java":                       {r: signed(wire.JavaSDK, 0), want: 25 * time.Second},
		"C++":                        {r: signed(wire.CppSDK, 0), want: 2 * time.Second},
		"Go":                         {r: signed(wire.GoSDK, time.Second), want: 239 * time.Second},
		"JavaScript":                 {r: signed(wire.JavaScriptSDK, 0), want: 4 * time.Minute},
		"Rust":                       {r: signed(wire.RustSDK, 0), want: 4 * time.Minute},
		".NET":                       {r: signed(wire.DotNetSDK, 0), want: 90 * time.Second},
		"Ruby":                       {r: signed(wire.RubySDK, 0), want: 50 * time.Second},
		"PHP":                        {r: signed(wire.PHPSDK, 0), want: 50 * time.Second},
		"unknown":                    {r: signed(wire.OtherClient, 0), want: 25 * time.Second},
		"unsigned":                   {r: wire.Request{Client: wire.GoSDK}, want: 4 * time.Minute},
		"clock ahead":                {r: signed(wire.GoSDK, -time.Hour), want: 4 * time.Minute},
		"signature expired":          {r: signed(wire.GoSDK, 10*time.Minute), want: leastHold},
		"expired and capped":         {r: signed(wire.GoSDK, 10*time.Minute), most: time.Millisecond, want: time.Millisecond},
		"cap above all":              {r: signed(wire.JavaSDK, 0), most: time.Hour, want: 25 * time.Second},
		"ttl":                        {r: wire.Request{Client: wire.GoSDK, TTL: arrival.Add(30 * time.Second)}, want: 28 * time.Second},
		"ttl of botocore":            {r: wire.Request{Client: wire.Botocore, TTL: arrival.Add(60 * time.Second)}, want: 58 * time.Second, interim: true},
		"ttl at once":                {r: wire.Request{Client: wire.GoSDK, TTL: arrival.Add(time.Second)}, want: leastHold},
		"ttl of another clock":       {r: wire.Request{Client: wire.GoSDK, TTL: arrival.Add(-time.Hour)}, want: 4 * time.Minute},
		"presigned, short":           {r: wire.Request{Client: wire.GoSDK, Presigned: true, SignedAt: arrival, Expires: time.Minute}, want: 50 * time.Second},
		"presigned, of an hour":      {r: wire.Request{Client: wire.GoSDK, Presigned: true, SignedAt: arrival.Add(-30 * time.Minute), Expires: time.Hour}, want: 30*time.Minute - 10*time.Second},
		"presigned, unknown client":  {r: wire.Request{Presigned: true, SignedAt: arrival, Expires: time.Hour}, want: 25 * time.Second},
		"presigned without duration": {r: wire.Request{Client: wire.GoSDK, Presigned: true, SignedAt: arrival}, want: leastHold},
	} {
		t.Run(name, func(t *testing.T) {
			until, interim := holdBound(&tt.r, tt.expect, tt.most, arrival)
			if got := until.Sub(arrival); got != tt.want || interim != tt.interim {
				t.Errorf("got %v, interim answers %v, want %v, %v", got, interim, tt.want, tt.interim)
			}
		})
	}
}

// A pipeListener is a listener without a network, so that time can be the test's.
type pipeListener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error { l.once.Do(func() { close(l.done) }); return nil }

func (*pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

const (
	held = 150 * time.Second
	// offRound is an instant at which the watchman rests: in a bubble, time stands still while somebody waits for a lock.
	offRound = watchEvery / 2
)

// hold150 sends one request of a client with that User-Agent through a proxy whose governor holds it for 150 s, and returns all
// that the client got and what the proxy told.
func hold150(t *testing.T, agent, fields string) (got string, told report.Attempt) {
	t.Helper()
	aws, err := ca.New(time.Now(), []string{"amazonaws.com"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{
		Policy: &quota.Policy{}, Authority: aws, Roots: rootsOf(aws), Tenants: map[string]string{"team": "secret"}, Grace: time.Millisecond,
		Observe: func(a report.Attempt) { told = a },
		gov: &scripted{wait: func(ctx context.Context, a botorate.Attempt) error {
			select {
			case <-ctx.Done():
			case <-time.After(min(held, time.Until(a.Deadline)) + offRound):
				if !time.Now().Before(a.Deadline) {
					return &botorate.TooLateError{}
				}
			}
			return ctx.Err()
		}},
		Dial: func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			go func() {
				config, _ := aws.TLSConfig(ec2Host)
				config = config.Clone()
				config.MaxVersion = tls.VersionTLS12 // 1.3 sends tickets that nobody reads from a pipe
				c := tls.Server(there, config)
				readHead(t, c)
				io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
				there.Close()
			}()
			return here, nil
		},
	}
	ln, served := newPipeListener(), make(chan error)
	go func() { served <- s.Serve(ctx, ln) }()
	here, there := net.Pipe()
	ln.conns <- there
	io.WriteString(here, "CONNECT "+ec2Host+":443 HTTP/1.1\r\n"+auth+"\r\n")
	readHead(t, here)
	c := tls.Client(here, &tls.Config{ServerName: ec2Host, RootCAs: rootsOf(aws), MaxVersion: tls.VersionTLS12})
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: "+ec2Host+"\r\nConnection: close\r\nUser-Agent: "+agent+"\r\n"+fields+"\r\n")
	b, _ := io.ReadAll(c)
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	return string(b), told
}

// botocore and the AWS CLI are kept waiting by interim answers; all others would break on them, and are shed in time.
func TestInterimAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		agent, fields string
		interim       int
		result        report.Result
	}{
		"botocore":             {"Boto3/1.43.11 md/Botocore#1.43.11 ua/2.1", "", 7, report.Answered},
		"AWS CLI":              {"aws-cli/2.9.19 Python/3.11.2 Linux/6.1 source/x86_64 prompt/off command/ec2.describe-snapshots", "", 7, report.Answered},
		"botocore with Expect": {"Boto3/1.43.11 md/Botocore#1.43.11 ua/2.1", "Expect: 100-continue\r\n", 0, report.Shed},
		"Go":                   {"aws-sdk-go-v2/1.48.0 ua/2.1 os/linux lang/go#1.26", "", 0, report.Answered},
		"Java":                 {"aws-sdk-java/2.41.0 md/io#sync", "", 0, report.Shed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, told := hold150(t, tt.agent, tt.fields)
				if n := strings.Count(got, interimText); n != tt.interim || !strings.HasPrefix(got, strings.Repeat(interimText, tt.interim)+"HTTP/1.1 ") {
					t.Errorf("%d interim answers, want %d: %q", n, tt.interim, got)
				}
				if told.Result != tt.result || tt.result == report.Answered && told.Held.Truncate(offRound) != held+offRound {
					t.Errorf("told of %+v", told)
				}
			})
		})
	}
}

// When the grace is over, an attempt that is held ends with it: not at the watchman's next round.
func TestHeldEndsWithGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{
			Policy: &quota.Policy{}, Tenants: map[string]string{"team": "secret"}, Grace: 1300 * time.Millisecond,
			gov: &scripted{wait: func(ctx context.Context, _ botorate.Attempt) error { <-ctx.Done(); return ctx.Err() }},
		}
		var err error
		if s.Authority, err = ca.New(time.Now(), []string{"amazonaws.com"}); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		ln, served := newPipeListener(), make(chan error)
		go func() { served <- s.Serve(ctx, ln) }()
		here, there := net.Pipe()
		ln.conns <- there
		io.WriteString(here, "CONNECT "+ec2Host+":443 HTTP/1.1\r\n"+auth+"\r\n")
		readHead(t, here)
		c := tls.Client(here, &tls.Config{ServerName: ec2Host, RootCAs: rootsOf(s.Authority), MaxVersion: tls.VersionTLS12})
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: "+ec2Host+"\r\n\r\n")
		synctest.Wait()
		stopped := time.Now()
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if took := time.Since(stopped); took != s.Grace {
			t.Errorf("Serve returned after %v, want %v", took, s.Grace)
		}
		here.Close()
	})
}
