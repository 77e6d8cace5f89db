// Command conformance checks package wire against botocore itself: the requests that botocore makes for every operation of
// every service, in every protocol and kind of host, are identified; every throttle that a model declares is told in its
// protocol; our own refusals are read by botocore's parsers; and the embedded table is what the pinned botocore gives.
//
//	go run ./interop/conformance
//	go run ./interop/conformance -generate  # writes the table anew, and no more
//
// It needs Python 3 with venv, and no network but for installing requirements.txt. It exits 1 if anything is not as it should be,
// and also if a twin that twins.txt excuses is told apart by now.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	generate := flag.Bool("generate", false, "write internal/wire/apis.txt anew from the pinned botocore")
	flag.Parse()
	if err := run(ctx, *generate, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		stop()
		os.Exit(1)
	}
}

// run runs every check, also after one failed.
func run(ctx context.Context, generate bool, stdout io.Writer) error {
	py, err := newPython(ctx)
	if err != nil {
		return err
	}
	if generate {
		return writeTable(ctx, py)
	}
	var errs []error
	for _, check := range []func(context.Context, *python, io.Writer) error{checkTable, checkErrors, checkRequests} {
		began := time.Now()
		if err := check(ctx, py, stdout); err != nil {
			errs = append(errs, err)
		}
		fmt.Fprintf(stdout, "\t%.0f s\n", time.Since(began).Seconds())
	}
	return errors.Join(errs...)
}
