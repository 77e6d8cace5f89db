package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/botorate/botorate/internal/demo"
	"github.com/botorate/botorate/quota"
)

func newDemo() *cobra.Command {
	var share string
	var snapshots int
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show what botorate is for, in a minute, without AWS",
		Long: `Scan an account of 600 snapshots twice, first unpaced, then through botorate, while a neighbour in the same account
calls the same action 20 times every 5 seconds. The account is a stand-in in this process, which throttles by AWS's
published limits; TLS, signatures, the AWS SDK for Go and its retries are real. Nothing leaves this machine.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			part, err := quota.ParseShare(share)
			if err != nil {
				return usage(err)
			}
			if snapshots < 1 {
				return &usageError{fmt.Errorf("--snapshots %d: nothing to scan", snapshots), "say how many, such as 600"}
			}
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			shown := newProgress(cmd.ErrOrStderr())
			r, err := demo.Run(ctx, demo.Options{Share: part, Snapshots: snapshots, Progress: shown.update})
			shown.end()
			if err != nil {
				return err
			}
			return writeDemo(cmd.OutOrStdout(), r)
		},
	}
	cmd.Flags().StringVar(&share, "share", "80%", "let botorate use this `PART` of the limit")
	cmd.Flags().IntVar(&snapshots, "snapshots", 600, "own `N` snapshots")
	return cmd
}

// progress shows how far the scans are: a bar each on a terminal, else a line each.
type progress struct {
	w        io.Writer
	terminal bool
	begun    bool
	paced    bool
	bar      *progressbar.ProgressBar
}

func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

func (p *progress) update(now demo.Progress) {
	next := !p.begun || p.paced != now.Paced
	p.begun, p.paced = true, now.Paced
	switch {
	case !p.terminal && next:
		fmt.Fprintf(p.w, "scanning %d snapshots: %s\n", now.Total, strings.TrimSpace(scanName(now.Paced)))
		return
	case !p.terminal:
		return
	case next:
		p.end()
		p.bar = progressbar.NewOptions(now.Total,
			progressbar.OptionSetWriter(p.w),
			progressbar.OptionSetDescription(scanName(now.Paced)),
			progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetWidth(40),
		)
	}
	_ = p.bar.Set(now.Answered + now.Lost) // it fails only past its end
}

// end leaves the bar where it is and goes on below it.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Exit()
		fmt.Fprintln(p.w)
	}
}

func scanName(paced bool) string {
	if paced {
		return "botorate"
	}
	return "unpaced "
}

// writeDemo writes both scans side by side.
func writeDemo(w io.Writer, r demo.Result) error {
	paced := fmt.Sprintf("botorate, share %.0f%%", r.Share*100)
	tw := tabwriter.NewWriter(w, 0, 1, 3, ' ', tabwriter.AlignRight)
	row := func(name string, of func(demo.Scan) string) {
		fmt.Fprintf(tw, "%s\t%s\t%s\t\n", name, of(r.Unpaced), of(r.Paced))
	}
	fmt.Fprintf(tw, "\nscan of %d snapshots\tunpaced\t%s\t\n", r.Snapshots, paced)
	row("time", func(s demo.Scan) string { return fmt.Sprintf("%.1f s", s.Took.Seconds()) })
	row("answered", func(s demo.Scan) string { return fmt.Sprint(s.Answered) })
	row("lost", func(s demo.Scan) string { return fmt.Sprint(s.Lost) })
	row("throttles", func(s demo.Scan) string { return fmt.Sprint(s.Throttles) })
	row("neighbour refused", func(s demo.Scan) string {
		return fmt.Sprintf("%d of %d", s.NeighbourRefused, s.NeighbourCalls)
	})
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	_, err := fmt.Fprintf(w, "\nThe least possible with that share of a bucket of %.0f, refilled at %.0f/s, is %.1f s.\n",
		r.Capacity, r.Refill, r.Least().Seconds())
	return err
}
