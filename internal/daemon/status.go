package daemon

import (
	"fmt"
	"io"
	"os"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/botorate/botorate"
)

// statusEvery is how often the status line is drawn anew.
const statusEvery = 250 * time.Millisecond

const clearLine = "\r\x1b[K"

// showStatus shows what is held, in one line of the terminal, while something is. The returned function ends and clears it.
func (c *Command) showStatus(d *Daemon) (stop func()) {
	terminal, ok := c.Stderr.(*os.File)
	if c.Quiet || !ok || !term.IsTerminal(int(terminal.Fd())) {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(statusEvery)
		defer ticker.Stop()
		drawStatus(terminal, d, ticker.C, quit)
	}()
	return func() {
		close(quit)
		<-done
	}
}

// drawStatus draws at each tick, and leaves the terminal clean when nothing is held and at the end.
func drawStatus(terminal *os.File, d *Daemon, ticks <-chan time.Time, quit <-chan struct{}) {
	shown := false
	draw := func(text string) {
		if shown || text != "" {
			_, _ = io.WriteString(terminal, clearLine+text) // a terminal that went away needs no line
			shown = text != ""
		}
	}
	for {
		select {
		case <-quit:
			draw("")
			return
		case now := <-ticks:
			held := d.Held()
			if held == 0 {
				draw("")
				continue
			}
			answered, throttles := d.Report.Totals()
			width, _, err := term.GetSize(int(terminal.Fd()))
			if err != nil {
				width = 80
			}
			draw(clip(statusLine(now, held, answered, throttles, d.Governor.Snapshot()), width-1))
		}
	}
}

// statusLine tells what is held, behind which bucket most of it waits, and when that lets the next out.
func statusLine(now time.Time, held int64, answered, throttles uint64, s botorate.Snapshot) string {
	text := fmt.Sprintf("botorate: %d held", held)
	busiest := busiestBucket(s.Buckets)
	if busiest != nil {
		text += fmt.Sprintf(" · %s %.1f/s", busiest.ID.Quota, busiest.Rate)
	}
	text += fmt.Sprintf(" · %d answered · %d throttles", answered, throttles)
	if busiest != nil {
		text += fmt.Sprintf(" · next in %.1f s", untilNext(now, busiest).Seconds())
	}
	return text
}

// busiestBucket returns the bucket that most attempts wait for, the slowest of equals, or nil.
func busiestBucket(buckets []botorate.BucketState) *botorate.BucketState {
	var busiest *botorate.BucketState
	for i := range buckets {
		b := &buckets[i]
		if b.Waiting == 0 {
			continue
		}
		if busiest == nil || b.Waiting > busiest.Waiting || b.Waiting == busiest.Waiting && b.Rate < busiest.Rate {
			busiest = b
		}
	}
	return busiest
}

// untilNext returns how long the bucket takes until it can give a token.
func untilNext(now time.Time, b *botorate.BucketState) time.Duration {
	wait := max(b.PausedUntil.Sub(now), 0)
	if missing := b.Limit.Floor + 1 - b.Level; missing > 0 && b.Rate > 0 {
		wait = max(wait, time.Duration(missing/b.Rate*float64(time.Second)))
	}
	return wait
}

// clip cuts text to width characters.
func clip(text string, width int) string {
	if width <= 0 || utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:width-1]) + "…"
}
