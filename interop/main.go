// Command interop runs real AWS clients, with and without botorate, in a world that no request can leave: one network
// namespace a scenario with only loopback, where every AWS name resolves to 127.0.0.1 and `botorate lab serve` plays AWS.
//
//	go run ./interop [-run REGEXP] [-list]
//
// It needs Linux, root, Python 3 with venv, and Debian's packages or the same programs already there. It prints one table
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
	client, pacing      string
	requests, throttled int // as the endpoint logged them for this client
	answered, lost      int // as the client says
	neighbour, refused  int // the neighbour's calls, and how many AWS refused
	invalid             int // signatures that did not verify
	took                time.Duration
}

// A scenario runs clients in a world of its own and says what it saw. An error is a broken promise.
type scenario struct {
	name, about string
	run         func(context.Context, *world) ([]row, error)
}

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
	tools, err := prepare(ctx)
	if err != nil {
		return err
	}
	defer tools.remove()
	return runAll(ctx, tools, chosen, stdout)
}

// runAll runs the scenarios side by side: each has its own namespace, and most of their time is waiting.
func runAll(ctx context.Context, t *tools, chosen []scenario, stdout io.Writer) error {
	type result struct {
		rows []row
		err  error
	}
	results := make([]result, len(chosen))
	var all sync.WaitGroup
	for i, s := range chosen {
		all.Go(func() {
			w, err := newWorld(ctx, t, s.name)
			if err != nil {
				results[i].err = err
				return
			}
			defer w.close()
			results[i].rows, results[i].err = s.run(ctx, w)
			if results[i].err != nil {
				results[i].err = fmt.Errorf("%s: %w\n%s", s.name, results[i].err, w.logs())
			}
		})
	}
	all.Wait()
	table := tabwriter.NewWriter(stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "scenario\tclient\tpacing\tattempts\tthrottled\tanswered\tlost\tneighbour\trefused\tbad signatures\ttime\t")
	errs := make([]error, 0, len(chosen))
	for i, s := range chosen {
		for _, r := range results[i].rows {
			fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f s\t\n", s.name, r.client, r.pacing,
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
