package daemon

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/botorate/botorate/internal/childenv"
)

// bypassEvery is how often we look for connections that go past the proxy. A shorter one may be missed.
const bypassEvery = 250 * time.Millisecond

// A bypass is a program of the command that connects to an HTTPS port itself, not through the proxy.
type bypass struct {
	program string // its name, and its script's if it is an interpreter
	pid     int
	to      netip.AddrPort
}

func (b *bypass) String() string { return fmt.Sprintf("%s (pid %d) to %v", b.program, b.pid, b.to) }

// watchBypass tells, once for each program, of those that go past the proxy. The returned function ends it and says which did.
func (c *Command) watchBypass(d *Daemon) (stop func() []string) {
	scan := newBypassScan(childenv.Marker + "=" + d.Addr.String())
	quit := make(chan struct{})
	found := make(chan []string, 1)
	go func() {
		var all []string
		defer func() { found <- all }()
		told := make(map[string]bool)
		ticker := time.NewTicker(bypassEvery)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				return
			case <-ticker.C:
			}
			for _, b := range scan.look() {
				if told[b.program] {
					continue
				}
				told[b.program] = true
				all = append(all, b.String())
				c.tellBypass(&b)
			}
		}
	}()
	return func() []string {
		close(quit)
		return <-found
	}
}

func (c *Command) tellBypass(b *bypass) {
	if c.Quiet {
		return
	}
	if f, ok := c.Stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		_, _ = io.WriteString(f, clearLine) // the status line stands there
	}
	c.say(fmt.Sprintf("warning: %s (pid %d) connects to %v past botorate: if that is AWS, its calls are not paced", b.program, b.pid, b.to))
	reason := programReason([]string{b.program})
	if reason == "" {
		reason = "a proxy, NO_PROXY or HTTP client in its own code or config beats the HTTPS_PROXY that botorate sets; docs/clients.md says what to set for which client"
	}
	c.say("hint: " + reason)
}
