package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Show runs a demo and shows it to a person: how far it is on progress, and the result on out. Terminals get bars and, unless
// NO_COLOR is set, colours. The error is Run's, or says how the paced scan broke the promise.
func Show(ctx context.Context, o Options, out, progress io.Writer) error {
	o = o.withDefaults()
	paint := colours(out)
	if err := writeIntro(out, o, paint); err != nil {
		return err
	}
	s := screen{w: progress, terminal: isTerminal(progress), share: o.Share}
	o.Progress = s.update
	r, err := Run(ctx, o)
	s.end()
	if err != nil {
		return err
	}
	if err := writeResult(out, r, paint); err != nil {
		return err
	}
	return r.Err()
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// A palette says whether to colour.
type palette bool

// colours follows https://no-color.org.
func colours(w io.Writer) palette { return palette(isTerminal(w) && os.Getenv("NO_COLOR") == "") }

func (p palette) bold(s string) string  { return p.sgr("1", s) }
func (p palette) dim(s string) string   { return p.sgr("2", s) }
func (p palette) good(s string) string  { return p.sgr("32", s) }
func (p palette) bad(s string) string   { return p.sgr("31", s) }
func (p palette) plain(s string) string { return s }

func (p palette) sgr(code, s string) string {
	if !p {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// A screen shows how far the scans are: a bar each on a terminal, else a line for each quarter.
type screen struct {
	w        io.Writer
	terminal bool
	share    float64

	bar      *progressbar.ProgressBar
	paced    bool
	begun    bool
	quarters int // lines written for this scan
}

// barWidth leaves room in 80 columns for the name before it, and for counts and time after it.
const barWidth = 32

func (s *screen) update(p Progress) {
	if !s.begun || s.paced != p.Paced {
		s.end()
		s.begun, s.paced, s.quarters = true, p.Paced, 0
		if s.terminal {
			s.bar = s.newBar(p)
		}
	}
	done := p.Answered + p.Lost
	if s.bar != nil {
		s.bar.Describe(s.name(p))
		_ = s.bar.Set(done) // fails only beyond its end
		return
	}
	if q := 4 * done / p.Total; q > s.quarters {
		s.quarters = q
		fmt.Fprintf(s.w, "%s %s: %d of %d asked about, %d lost\n", clock(p.Elapsed), strings.TrimSpace(s.label()), done, p.Total, p.Lost)
	}
}

func (s *screen) newBar(p Progress) *progressbar.ProgressBar {
	return progressbar.NewOptions(p.Total,
		progressbar.OptionSetWriter(s.w),
		progressbar.OptionSetDescription(s.name(p)),
		progressbar.OptionSetWidth(barWidth),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "━", SaucerPadding: "·"}),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionThrottle(100*time.Millisecond),
	)
}

// name stands before the bar.
func (s *screen) name(p Progress) string { return fmt.Sprintf("  %s %3d lost ", s.label(), p.Lost) }

func (s *screen) label() string {
	if s.paced {
		return "botorate"
	}
	return "unpaced "
}

// end leaves the bar as it is and goes on below it.
func (s *screen) end() {
	if s.bar == nil {
		return
	}
	_ = s.bar.Exit() // fails only if the terminal is gone
	fmt.Fprintln(s.w)
	s.bar = nil
}

func clock(d time.Duration) string { return fmt.Sprintf("%5.1f s", d.Seconds()) }
