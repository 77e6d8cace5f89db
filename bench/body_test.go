//go:build linux

package bench

import (
	"crypto/tls"
	"fmt"
	"io"
	"testing"
	"time"
)

// transfer sends or gets one body of that size and returns how long it took.
func transfer(tb testing.TB, c *tls.Conn, method string, size int64) time.Duration {
	tb.Helper()
	begin := time.Now()
	if err := exchange(c, method, size); err != nil {
		tb.Fatal(err)
	}
	return time.Since(begin)
}

func exchange(c *tls.Conn, method string, size int64) error {
	buf := make([]byte, 64<<10)
	if method == "GET" {
		fmt.Fprintf(c, "GET /%d HTTP/1.1\r\nHost: %s\r\n\r\n", size, s3Host)
	} else {
		fmt.Fprintf(c, "PUT /k HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", s3Host, size)
		if _, err := io.CopyBuffer(struct{ io.Writer }{c}, io.LimitReader(zeros{}, size), buf); err != nil {
			return err
		}
	}
	n := 0
	for messageSize(buf[:n]) == 0 {
		k, err := c.Read(buf[n:])
		if err != nil {
			return err
		}
		n += k
	}
	_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.LimitReader(c, int64(messageSize(buf[:n])-n)), buf)
	return err
}

// BenchmarkBody compares the ways at an upload and a download of 256 MB, in interleaved rounds.
func BenchmarkBody(b *testing.B) {
	for _, method := range []string{"PUT", "GET"} {
		b.Run(method, func(b *testing.B) { benchmarkBody(b, method) })
	}
}

func benchmarkBody(b *testing.B, method string) {
	b.Helper()
	const size = 256 << 20
	all := ways(b, "aws")
	speed, cpu := make([][]float64, len(all)), make([][]float64, len(all))
	for b.Loop() {
		for i, w := range all {
			c := w.openTo(b, s3Host)
			before := w.spent(b)
			speed[i] = append(speed[i], size/1e6/transfer(b, c, method, size).Seconds())
			cpu[i] = append(cpu[i], float64((w.spent(b) - before).Milliseconds()))
			_ = c.Close()
		}
	}
	b.ReportMetric(0, "ns/op")
	for i, w := range all {
		b.ReportMetric(median(speed[i]), w.name+"-MB/s")
		if w.proxy != nil {
			b.ReportMetric(median(cpu[i]), w.name+"-cpu-ms")
			b.ReportMetric(float64(w.proxy.usage(b, "usage").Peak)/1e6, w.name+"-peak-MB")
		}
	}
	b.ReportMetric(ratio(speed[1], speed[2]), "×goproxy-speed")
}

// spent is the processor time of the proxy so far.
func (w way) spent(tb testing.TB) time.Duration {
	tb.Helper()
	if w.proxy == nil {
		return 0
	}
	return w.proxy.usage(tb, "usage").CPU
}

// TestBodyMemory passes 2 GB each way and says how much memory the proxy had at most. It must stay within 30 MB, however
// large a body is.
func TestBodyMemory(t *testing.T) {
	const size, most = 2 << 30, 30 << 20
	aws := start(t, "aws", settings{})
	for _, method := range []string{"PUT", "GET"} {
		p := start(t, "botorate", settings{AWS: aws.Addr, RootPEM: aws.RootPEM})
		idle := p.usage(t, "usage").RSS
		took := transfer(t, way{"botorate", p, aws}.openTo(t, s3Host), method, size)
		peak := p.usage(t, "usage").Peak
		t.Logf("%s of %d MB: %.0f MB/s, %.1f MB resident at most, %.1f MB before", method, size>>20, size/1e6/took.Seconds(), float64(peak)/1e6, float64(idle)/1e6)
		if peak > most {
			t.Errorf("that is more than %d MB", most>>20)
		}
	}
}
