//go:build linux

package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/elazarl/goproxy"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/ca"
	"github.com/botorate/botorate/internal/proxy"
	"github.com/botorate/botorate/internal/relay"
	"github.com/botorate/botorate/internal/report"
	"github.com/botorate/botorate/internal/wire"
	"github.com/botorate/botorate/quota"
)

// host is whom the small requests are for.
const host = "ec2.us-east-1.amazonaws.com"

// s3Host is whom the large bodies are for.
const s3Host = "b.s3.us-east-1.amazonaws.com"

// roleVariable makes the test binary play one part, in a process of its own: what it costs is then told from what the load costs.
const roleVariable = "BOTORATE_BENCH_ROLE"

// settings is what a part is told, and hello what it tells when it is ready.
type (
	settings struct {
		AWS     string // address of the upstream
		RootPEM []byte // that certifies it
	}
	hello struct {
		Addr    string
		RootPEM []byte
	}
	// usage is what a part has used so far. It is told for each line that the part reads.
	usage struct {
		CPU     time.Duration
		Mallocs uint64
		Bytes   uint64
		RSS     int // bytes
		Peak    int // the most that RSS ever was
	}
)

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" || strings.HasPrefix(role, "aws") {
		runtime.GOMAXPROCS(1) // a scheduler that looks for work on all processors would take them from the proxies
	}
	if role == "" {
		os.Exit(m.Run())
	}
	in := bufio.NewReader(os.Stdin)
	var s settings
	line, err := in.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s)
	}
	var ready hello
	if err == nil {
		ready, err = play(role, s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	out := json.NewEncoder(os.Stdout)
	for err = out.Encode(ready); err == nil; err = out.Encode(used()) {
		if line, err = in.ReadBytes('\n'); err != nil {
			return
		}
		if string(line) == "gc\n" {
			runtime.GC()
		}
	}
}

func used() usage {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	u := usage{CPU: time.Duration(r.Utime.Nano() + r.Stime.Nano()), Mallocs: m.Mallocs, Bytes: m.TotalAlloc}
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		u.RSS, u.Peak = kilobytes(string(status), "VmRSS:"), kilobytes(string(status), "VmHWM:")
	}
	return u
}

func kilobytes(status, field string) (bytes int) {
	_, rest, _ := strings.Cut(status, field)
	_, _ = fmt.Sscan(rest, &bytes) // 0 where the system does not say
	return bytes << 10
}

// play starts one part.
func play(role string, s settings) (hello, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return hello{}, err
	}
	h := hello{Addr: ln.Addr().String()}
	switch role {
	case "aws":
		h.RootPEM, err = playAWS(ln)
	case "aws-loop":
		h.RootPEM, err = playLooped(ln)
	case "awake":
		playAwake()
	case "botorate":
		h.RootPEM, err = playBotorate(ln, s, 0)
	case "botorate-held":
		h.RootPEM, err = playBotorate(ln, s, 3*time.Minute)
	case "goproxy":
		h.RootPEM, err = playGoproxy(ln, s)
	default:
		err = fmt.Errorf("no such part: %q", role)
	}
	return h, err
}

// playAWS answers every request with the same 0.4 KB, but for a GET, whose path says how many bytes it gets.
func playAWS(ln net.Listener) ([]byte, error) {
	authority, err := ca.New(time.Now(), []string{"amazonaws.com"})
	if err != nil {
		return nil, err
	}
	config := serverConfig(authority)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go answer(tls.Server(c, config))
		}
	}()
	return authority.RootPEM(), nil
}

func serverConfig(authority *ca.Authority) *tls.Config {
	return &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		return authority.TLSConfig(h.ServerName)
	}}
}

func answer(c net.Conn) {
	defer c.Close()
	buf, n := make([]byte, 32<<10), 0
	for {
		k, err := c.Read(buf[n:])
		if err != nil {
			return
		}
		n += k
		size := messageSize(buf[:n])
		if size == 0 {
			continue
		}
		if _, err := io.CopyN(io.Discard, c, int64(max(size-n, 0))); err != nil {
			return
		}
		if err := reply(c, buf); err != nil {
			return
		}
		n = copy(buf, buf[min(size, n):n])
	}
}

// reply answers the request at the beginning of buf, which it uses.
func reply(c net.Conn, buf []byte) error {
	var size int64
	if _, err := fmt.Sscanf(string(buf[:32]), "GET /%d", &size); err != nil {
		_, err := c.Write(response)
		return err
	}
	if _, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size); err != nil {
		return err
	}
	_, err := io.CopyBuffer(struct{ io.Writer }{c}, io.LimitReader(zeros{}, size), buf)
	return err
}

// zeros has no end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// messageSize is the size of the message at the beginning of p, or 0 if its head is not all there.
func messageSize(p []byte) int {
	end := bytes.Index(p, []byte("\r\n\r\n"))
	if end < 0 {
		return 0
	}
	size := end + 4
	if i := bytes.Index(p[:end], []byte("Content-Length: ")); i >= 0 {
		n := 0
		for _, c := range p[i+len("Content-Length: "):] {
			if c < '0' || c > '9' {
				break
			}
			n = 10*n + int(c-'0')
		}
		size += n
	}
	return size
}

// gcPercent is what the botorate command sets: what 10,000 held attempts take must not be half garbage.
const gcPercent = 20

// playBotorate is the whole data plane. With a pause it lets nothing out meanwhile.
func playBotorate(ln net.Listener, s settings, pause time.Duration) ([]byte, error) {
	authority, err := ca.New(time.Now(), []string{"amazonaws.com"})
	if err != nil {
		return nil, err
	}
	debug.SetGCPercent(gcPercent)
	counts, policy := new(report.Collector), new(quota.Policy)
	governor := botorate.New(botorate.Options{Limit: func(botorate.BucketID) botorate.Limit {
		return botorate.Limit{Rate: 1e9, Burst: 1e9}
	}})
	if pause > 0 {
		head, body, _ := bytes.Cut(request, []byte("\r\n\r\n"))
		var h relay.Head
		if err := h.ParseRequest(append(bytes.Clone(head), "\r\n\r\n"...)); err != nil {
			return nil, err
		}
		r := wire.Identify(&h, host, body)
		for _, d := range policy.Draws(quota.Call{Service: r.Service, Operation: r.Operation, Account: r.Account, Region: r.Region, Method: r.Method}) {
			governor.Pause(d.Bucket, time.Now().Add(pause))
		}
	}
	server := &proxy.Server{
		Governor:  governor,
		Policy:    policy,
		Authority: authority,
		SameUser:  true,
		Roots:     pool(s.RootPEM),
		Dial:      dial(s.AWS),
		Observe:   counts.Observe,
		Opened:    counts.Opened,
	}
	go func() { _ = server.Serve(context.Background(), ln) }()
	return authority.RootPEM(), nil
}

func dial(addr string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
}

func pool(rootPEM []byte) *x509.CertPool {
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(rootPEM)
	return p
}

// playGoproxy is goproxy at its best: an ECDSA authority, certificates kept, upstream connections kept, nothing logged.
func playGoproxy(ln net.Listener, s settings) ([]byte, error) {
	authority, rootPEM, err := ecdsaAuthority()
	if err != nil {
		return nil, err
	}
	p := goproxy.NewProxyHttpServer()
	p.Logger = quiet{}
	p.KeepAcceptEncoding = true
	p.CertStore = &certStore{certs: map[string]*tls.Certificate{}}
	p.Tr = &http.Transport{
		DialContext:         dial(s.AWS),
		TLSClientConfig:     &tls.Config{RootCAs: pool(s.RootPEM), ClientSessionCache: tls.NewLRUClientSessionCache(0)},
		DisableCompression:  true,
		MaxIdleConnsPerHost: 256,
	}
	mitm := &goproxy.ConnectAction{Action: goproxy.ConnectMitm, TLSConfig: goproxy.TLSConfigFromCA(authority)}
	p.OnRequest().HandleConnectFunc(func(host string, _ *goproxy.ProxyCtx) (*goproxy.ConnectAction, string) { return mitm, host })
	go func() { _ = (&http.Server{Handler: p, ReadHeaderTimeout: time.Minute}).Serve(ln) }()
	return rootPEM, nil
}

// quiet is a logger of goproxy's kind.
type quiet struct{}

func (quiet) Printf(string, ...any) {}

type certStore struct {
	mu    sync.Mutex
	certs map[string]*tls.Certificate
}

func (s *certStore) Fetch(host string, make func() (*tls.Certificate, error)) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.certs[host]; c != nil {
		return c, nil
	}
	c, err := make()
	if err == nil {
		s.certs[host] = c
	}
	return c, err
}

func ecdsaAuthority() (*tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "goproxy"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	cert := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	return cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
