package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/botorate/botorate/internal/scenario"
)

// labFlags are the flags of the lab's commands that run scenarios.
type labFlags struct {
	set      []string
	seed     int
	json     bool
	markdown bool
	html     string
	ways     []string
}

func newLabRun() *cobra.Command {
	var f labFlags
	cmd := &cobra.Command{
		Use:   "run [flags] SCENARIO…",
		Short: "Play scenarios in a simulated AWS, in virtual time",
		Long: `Play scenarios in a simulated AWS, in virtual time: hours take seconds. A scenario is a file, or the name of one that is
shipped (see botorate lab list), or a trace that botorate run --record wrote; docs/lab.md describes the formats. The same seed gives the same result on every machine.

The exit code is 1 if anything that the scenario asserts does not hold.`,
		Example: `  botorate lab run seeds-experiment
  botorate lab run --html page.html --set workloads.scan.workers=100 reference-scan
  botorate lab run my.txtar
  botorate lab run trace.jsonl`,
		Args: scenarios,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	f.register(cmd)
	return cmd
}

func newLabCompare() *cobra.Command {
	var f labFlags
	cmd := &cobra.Command{
		Use:   "compare [flags] SCENARIO…",
		Short: "Play scenarios under ways of pacing of your own",
		Long: `Play scenarios under the ways of pacing that you name, instead of those in the file; what the file asserts is left out.

The ways: none; latency D or latency tuned (on every packet, as Network Link Conditioner); interval D (a fixed interval for each
service, as the first botorate); max-rate N and max-workers N (ScoutSuite's flags); adaptive (the SDKs' adaptive mode);
bucket R/s burst N (for each service, by hand); botorate S and botorate S unknown (with a share, and without being told limits).`,
		Example: `  botorate lab compare --pacing none --pacing 'botorate 50%' --pacing 'botorate 80% unknown' reference-scan`,
		Args:    scenarios,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(f.ways) == 0 {
				return &usageError{errors.New("no way of pacing to compare"), "name each with --pacing, such as --pacing none --pacing 'botorate 80%'"}
			}
			list, err := json.Marshal(f.ways) // JSON is YAML
			if err != nil {
				return err
			}
			f.set = append(f.set, "pacing="+string(list), "assert=[]")
			return f.run(cmd, args)
		},
	}
	f.register(cmd)
	cmd.Flags().StringArrayVar(&f.ways, "pacing", nil, "a `WAY` of pacing; repeatable")
	return cmd
}

func newLabList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the scenarios that are shipped",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range scenario.Names() {
				f, err := parseScenario(name, nil)
				if err != nil {
					return err
				}
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%-28s %s\n", name, f.Title); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// scenarios refuses a command line that names none.
func scenarios(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return &usageError{errors.New("no scenario to play"), "name a file or one of: " + strings.Join(scenario.Names(), ", ")}
	}
	return nil
}

func (f *labFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.set, "set", nil, "change a setting `KEY=VALUE`, such as workloads.scan.workers=100; repeatable")
	flags.IntVar(&f.seed, "seed", 0, "use this `N` for all randomness instead of the file's")
	flags.BoolVar(&f.json, "json", false, "print the results as JSON")
	flags.BoolVar(&f.markdown, "markdown", false, "print the tables as Markdown")
	flags.StringVar(&f.html, "html", "", "write a page with pictures to `FILE`")
}

// A failedError tells that a scenario came out otherwise than it asserts.
type failedError struct{ failed int }

func (e *failedError) Error() string {
	if e.failed == 1 {
		return "1 assertion does not hold"
	}
	return fmt.Sprintf("%d assertions do not hold", e.failed)
}

// check refuses what can't be meant, and passes the seed on.
func (f *labFlags) check(cmd *cobra.Command) error {
	switch {
	case f.json && f.markdown:
		return &usageError{errors.New("both --json and --markdown"), "name one of them"}
	case !cmd.Flags().Changed("seed"):
		return nil
	case f.seed < 1:
		return &usageError{fmt.Errorf("--seed %d: want a whole number above 0", f.seed), "leave it out for the file's own"}
	}
	f.set = append(f.set, fmt.Sprintf("seed=%d", f.seed))
	return nil
}

func (f *labFlags) run(cmd *cobra.Command, args []string) error {
	if err := f.check(cmd); err != nil {
		return err
	}
	ctx, stop := untilSignal(cmd.Context())
	defer stop()
	var results []*scenario.Result
	failed := 0
	for _, name := range args {
		file, err := parseScenario(name, f.set)
		if err != nil {
			return err
		}
		bar := newLabBar(ctx, cmd.ErrOrStderr())
		r, err := scenario.Run(file, scenario.Options{Series: f.html != "" || f.json, Progress: bar.update})
		bar.end()
		if err != nil {
			return err
		}
		for _, c := range r.Checks {
			if !c.Held {
				failed++
			}
		}
		results = append(results, r)
	}
	if err := f.show(cmd.OutOrStdout(), results); err != nil {
		return err
	}
	if failed > 0 {
		return &failedError{failed}
	}
	return nil
}

func (f *labFlags) show(w io.Writer, results []*scenario.Result) error {
	var out bytes.Buffer
	for i, r := range results {
		var err error
		switch {
		case f.json:
			err = r.WriteJSON(&out)
		case f.markdown:
			err = r.WriteMarkdown(&out)
		default:
			err = r.WriteText(&out)
		}
		if err == nil && !f.json && i+1 < len(results) {
			out.WriteByte('\n')
		}
		if err != nil {
			return err
		}
	}
	if f.html != "" {
		var page bytes.Buffer
		if err := scenario.WriteHTML(&page, results); err != nil {
			return err
		}
		if err := os.WriteFile(f.html, page.Bytes(), 0o644); err != nil { //nolint:gosec // a page is to be shown
			return fmt.Errorf("write the page: %w", err)
		}
	}
	_, err := w.Write(out.Bytes())
	return err
}

// parseScenario reads a file, which may be a trace, or a scenario that is shipped.
func parseScenario(name string, set []string) (*scenario.File, error) {
	data, err := os.ReadFile(name) //nolint:gosec // the user names the file
	if errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(name, `/\.`) {
		data, err = scenario.Shipped(name)
	}
	if err == nil && scenario.IsTrace(data) {
		if data, err = scenario.FromTrace(name, data); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	return scenario.Parse(name, data, set...)
}

// A labBar shows on a terminal how far a run is, once that takes longer than a second.
type labBar struct {
	ctx   context.Context //nolint:containedctx // it ends the run that the bar belongs to
	w     io.Writer
	seen  bool // by a person
	began time.Time
	drawn time.Time
	bar   *progressbar.ProgressBar
}

func newLabBar(ctx context.Context, w io.Writer) *labBar {
	f, ok := w.(*os.File)
	return &labBar{ctx: ctx, w: w, seen: ok && term.IsTerminal(int(f.Fd())), began: time.Now()}
}

const (
	barSteps = 1000
	barEvery = 50 * time.Millisecond
)

func (b *labBar) update(way string, part float64) bool {
	if now := time.Now(); b.seen && now.Sub(b.began) > time.Second && now.Sub(b.drawn) >= barEvery {
		b.drawn = now
		if b.bar == nil {
			b.bar = progressbar.NewOptions(barSteps, progressbar.OptionSetWriter(b.w), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30),
				progressbar.OptionSetElapsedTime(false), progressbar.OptionSetPredictTime(false)) // it would count from its first picture
		}
		b.bar.Describe(way)
		_ = b.bar.Set(int(part * barSteps)) // a picture that can't be drawn is none
	}
	return b.ctx.Err() == nil
}

func (b *labBar) end() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}
