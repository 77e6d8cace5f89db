package bench

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/botorate/botorate/internal/ca"
)

// playLooped is playAWS in one thread, for small requests only.
func playLooped(ln net.Listener) ([]byte, error) {
	authority, err := ca.New(time.Now(), []string{"amazonaws.com"})
	if err != nil {
		return nil, err
	}
	l, err := newLoop()
	if err != nil {
		return nil, err
	}
	go func() { _ = l.run(func() bool { return false }) }()
	go l.accept(ln, serverConfig(authority), func(c *looped) error {
		_, err := c.Write(response)
		return err
	})
	return authority.RootPEM(), nil
}

// accept adds who comes and speaks TLS.
func (l *loop) accept(ln net.Listener, config *tls.Config, message func(*looped) error) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			t := tls.Server(&socket{Conn: c}, config)
			err := t.Handshake()
			if err == nil {
				_, err = l.add(t, message)
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, "the upstream lost a client:", err)
			}
		}()
	}
}

// playAwake keeps the processors from sleeping for as long as the part lives, two minutes at most. Threads of the class
// SCHED_IDLE give way to whoever has something to do.
func playAwake() {
	runtime.GOMAXPROCS(runtime.NumCPU() + 1)
	for range runtime.NumCPU() {
		go func() {
			runtime.LockOSThread()
			if err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}, 0); err != nil {
				fmt.Fprintln(os.Stderr, "the processors may sleep:", err)
				return
			}
			for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
			}
		}()
	}
}

// A run is what the rounds of one way measured.
type run struct {
	rate, cpu, allocs []float64 // requests a second; of the proxy per request: µs and allocations
	latency           []time.Duration
}

// A load is clients that send one request after the other, each on a connection of its own.
type load struct {
	loop  *loop
	conns []*looped
	sent  []time.Time
	until time.Time
	busy  int
	took  []time.Duration
}

func newLoad(tb testing.TB, w way, clients int) *load {
	tb.Helper()
	l := &load{sent: make([]time.Time, clients)}
	var err error
	if l.loop, err = newLoop(); err != nil {
		tb.Fatal(err)
	}
	for i := range clients {
		c, err := l.loop.add(w.secure(tb, &socket{Conn: w.dial(tb, host)}, host), l.answered)
		if err != nil {
			tb.Fatal(err)
		}
		c.index = i
		l.conns = append(l.conns, c)
		tb.Cleanup(func() { _ = c.socket.Close() })
	}
	return l
}

// answered sends the client's next request.
func (l *load) answered(c *looped) error {
	if !bytes.HasPrefix(c.buf[:c.n], []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("answered %q", c.buf[:c.n])
	}
	now := time.Now()
	l.took = append(l.took, now.Sub(l.sent[c.index]))
	if now.After(l.until) {
		l.busy--
		return nil
	}
	return l.ask(c, now)
}

func (l *load) ask(c *looped, now time.Time) error {
	l.sent[c.index] = now
	_, err := c.Write(request)
	return err
}

// measure lets all clients send for a while.
func (l *load) measure(tb testing.TB, w way, d time.Duration, r *run) {
	tb.Helper()
	var before usage
	if w.proxy != nil {
		before = w.proxy.usage(tb, "usage")
	}
	begin := time.Now()
	l.until, l.busy, l.took = begin.Add(d), len(l.conns), l.took[:0]
	for _, c := range l.conns {
		if err := l.ask(c, time.Now()); err != nil {
			tb.Fatal(err)
		}
	}
	late := begin.Add(d + 10*time.Second)
	err := l.loop.run(func() bool { return l.busy == 0 || time.Now().After(late) })
	if err != nil || l.busy > 0 {
		tb.Fatalf("%s: %d clients got no answer: %v", w.name, l.busy, err)
	}
	n := float64(len(l.took))
	r.rate = append(r.rate, n/time.Since(begin).Seconds())
	r.latency = append(r.latency, l.took...)
	if w.proxy != nil {
		after := w.proxy.usage(tb, "usage")
		r.cpu = append(r.cpu, float64((after.CPU-before.CPU).Microseconds())/n)
		r.allocs = append(r.allocs, float64(after.Mallocs-before.Mallocs)/n)
	}
}

// BenchmarkKeepAlive compares the ways at 1 and at 50 clients in interleaved rounds of half a second, and prints medians: those
// that compare two ways are of the ratios of each round, so that what the machine does besides hits both.
func BenchmarkKeepAlive(b *testing.B) {
	b.Run("clients=1", func(b *testing.B) { benchmarkKeepAlive(b, 1) })
	b.Run("clients=50", func(b *testing.B) { benchmarkKeepAlive(b, 50) })
}

func benchmarkKeepAlive(b *testing.B, clients int) {
	b.Helper()
	if clients == 1 { // else it is the system's time to wake a processor that is measured
		start(b, "awake", settings{})
	}
	all := ways(b, "aws-loop")
	loads := make([]*load, len(all))
	for i, w := range all {
		loads[i] = newLoad(b, w, clients)
		loads[i].measure(b, w, 200*time.Millisecond, new(run)) // to warm up
	}
	runs := make([]run, len(all))
	for b.Loop() {
		for i, w := range all {
			loads[i].measure(b, w, 500*time.Millisecond, &runs[i])
		}
	}
	b.ReportMetric(0, "ns/op")
	for i, w := range all {
		w.report(b, &runs[i])
	}
	b.ReportMetric(ratio(runs[1].rate, runs[2].rate), "×goproxy-rate")
	b.ReportMetric(ratio(runs[2].cpu, runs[1].cpu), "÷goproxy-cpu")
}

func (w way) report(b *testing.B, r *run) {
	b.Helper()
	b.ReportMetric(median(r.rate), w.name+"-req/s")
	b.ReportMetric(float64(median(r.latency).Microseconds()), w.name+"-p50-µs")
	if w.proxy != nil {
		b.ReportMetric(median(r.cpu), w.name+"-cpu-µs/req")
		b.ReportMetric(median(r.allocs), w.name+"-allocs/req")
	}
}
