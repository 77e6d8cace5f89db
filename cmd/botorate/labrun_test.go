package main

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestLabBar: the bar comes after a second, on a terminal only, says how far what is, and leaves an empty line.
func TestLabBar(t *testing.T) {
	for _, terminal := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var out strings.Builder
			b := newLabBar(t.Context(), &out)
			if b.seen {
				t.Error("a builder of strings is no terminal")
			}
			b.seen = terminal
			if b.update("none", 0.1); out.Len() > 0 {
				t.Errorf("after no time it shows %q", out.String())
			}
			time.Sleep(1100 * time.Millisecond)
			b.update("latency tuned", 0.5)
			time.Sleep(time.Second)
			b.update("botorate 80%", 0.75)
			shown := out.String()
			if got := strings.Contains(shown, "latency tuned") && strings.Contains(shown, "50%") && strings.Contains(shown, "botorate 80%") &&
				strings.Contains(shown, "75%"); got != terminal || !terminal && shown != "" {
				t.Errorf("terminal %v: it shows %q", terminal, shown)
			}
			b.end()
			if left := lastLine(out.String()); left != "" || strings.Contains(out.String(), "\n") {
				t.Errorf("terminal %v: it leaves %q of %q", terminal, left, out.String())
			}
		})
	}
}

// lastLine is what a terminal shows of the line that was written last.
func lastLine(s string) string {
	line := s[strings.LastIndex(s, "\r")+1:]
	return strings.TrimSpace(strings.TrimPrefix(line, "\x1b[K"))
}

// TestLabBarEnds: a run is told to end when its context does, also without a terminal.
func TestLabBarEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := newLabBar(ctx, new(strings.Builder))
	if !b.update("none", 0.1) {
		t.Error("it ends the run before the context")
	}
	cancel()
	if b.update("none", 0.2) {
		t.Error("the run goes on after the context's end")
	}
}
