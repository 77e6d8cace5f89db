// Command interop runs real AWS clients, with and without botorate, in a world that no request can leave: one network
// namespace a scenario with only loopback, where every AWS name resolves to 127.0.0.1 and `botorate lab serve` plays AWS.
//
//	go run ./interop [-run REGEXP] [-list] [-install]
//
// It needs Linux, root, Go, Python 3 with venv, and Debian's packages or the same programs already there. It prints one table
// and exits 1 if any scenario broke its promise.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"
)

// A row is one line of the table: one client's run.
type row struct {
	client, version     string
	pacing              string
	requests, throttled int // as the endpoint logged them for this client
	answered, lost      int // as the client says
	neighbour, refused  int // the neighbour's calls, and how many AWS refused
	invalid             int // signatures that did not verify
	took                time.Duration
}

// A scenario runs clients in a world of its own and says what it saw. An error is a broken promise.
type scenario struct {
	name, about string
	needs       []string // what must be installed
	when        phase
	asks        []string // names that its clients look up besides AWS's; any other name is an error
	run         func(context.Context, *world) ([]row, error)
}

// A phase says what a scenario bears beside it.
type phase int

const (
	pooled  phase = iota // a few at a time
	timed                // its promise is a time: only other timed ones run beside it, and waiting ones
	waiting              // waits more than it computes: runs from the beginning, beside all others
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == neighbourCommand {
		if err := beNeighbour(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "neighbour:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 2 && os.Args[1] == goSDKCommand {
		if err := beGoSDK(ctx, os.Args[2], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, goSDKCommand+":", err)
			stop()
			os.Exit(1)
		}
		return
	}
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("interop", flag.ContinueOnError)
	match := flags.String("run", "", "run only the scenarios whose name matches this `regexp`")
	list := flags.Bool("list", false, "list the scenarios and exit")
	installOnly := flags.Bool("install", false, "install what the scenarios need and exit")
	if err := flags.Parse(args); err != nil {
		return err
	}
	re, err := regexp.Compile(*match)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	var chosen []scenario
	for _, s := range scenarios() {
		if re.MatchString(s.name) {
			chosen = append(chosen, s)
		}
	}
	if *list {
		for _, s := range chosen {
			fmt.Fprintf(stdout, "%-12s %s\n", s.name, s.about)
		}
		return nil
	}
	needs := []string{"main"}
	for _, s := range chosen {
		needs = append(needs, s.needs...)
	}
	tools, err := prepare(ctx, needs)
	if err != nil {
		return err
	}
	defer tools.remove()
	if *installOnly {
		return nil
	}
	return runAll(ctx, tools, chosen, stdout)
}

// A result is what became of a scenario.
type result struct {
	rows []row
	took time.Duration
	err  error
}

// atOnce is how many scenarios are run at a time, but for those that only wait: each keeps a client, botorate and emulators busy.
const atOnce = 3

// runAll runs the scenarios side by side, each in its own namespace, as far as they bear it.
func runAll(ctx context.Context, t *tools, chosen []scenario, stdout io.Writer) error {
	results := make([]result, len(chosen))
	of := func(when phase, limit int) *sync.WaitGroup {
		var group sync.WaitGroup
		turns := make(chan struct{}, limit)
		for i, s := range chosen {
			if s.when != when {
				continue
			}
			group.Go(func() {
				turns <- struct{}{}
				defer func() { <-turns }()
				results[i] = runOne(ctx, t, s)
			})
		}
		return &group
	}
	waits := of(waiting, len(chosen))
	of(timed, len(chosen)).Wait()
	of(pooled, atOnce).Wait()
	waits.Wait()
	return show(stdout, chosen, results)
}

// runOne runs one scenario in a new world.
func runOne(ctx context.Context, t *tools, s scenario) (r result) {
	began := time.Now()
	defer func() {
		r.took = time.Since(began)
		fmt.Fprintf(os.Stderr, "%-12s %3.0f s  %s\n", s.name, r.took.Seconds(), map[bool]string{true: "ok", false: "FAILED"}[r.err == nil])
	}()
	w, err := newWorld(ctx, t, s.name)
	if err != nil {
		return result{err: err}
	}
	defer w.close()
	r.rows, err = s.run(ctx, w)
	if err == nil {
		err = w.checkNames(s.asks)
	}
	if err != nil {
		r.err = fmt.Errorf("%s: %w\n%s", s.name, err, w.logs())
	}
	return r
}

// show prints the table and returns what went wrong.
func show(stdout io.Writer, chosen []scenario, results []result) error {
	table := tabwriter.NewWriter(stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "scenario\tclient\tversion\tpacing\tattempts\tthrottled\tanswered\tlost\tneighbour\trefused\tbad signatures\ttime\t")
	errs := make([]error, 0, len(chosen))
	for i, s := range chosen {
		for _, r := range results[i].rows {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f s\t\n", s.name, r.client, r.version, r.pacing,
				r.requests, r.throttled, r.answered, r.lost, r.neighbour, r.refused, r.invalid, r.took.Seconds())
		}
		errs = append(errs, results[i].err)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%d passed, 0 failed\n", len(chosen))
	return nil
}
