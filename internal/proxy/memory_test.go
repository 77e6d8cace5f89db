package proxy

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// A connection that waits for its next attempt does not keep the body of its last.
func TestIdleConnectionsAreSmall(t *testing.T) {
	const clients, size = 50, 250 << 10
	w := newWorld(t, ok, nil)
	body := strings.Repeat("x", size)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for range clients {
		c := w.open(s3Host)
		fmt.Fprintf(c, "PUT /k HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", s3Host, size)
		io.WriteString(c, body)
		readN(t, c, len(okAnswer))
	}
	w.ended(clients)
	if got := heap() - before; got > clients*keptMemory {
		t.Errorf("%d idle connections keep %d KB each", clients, got/clients>>10)
	}
}
