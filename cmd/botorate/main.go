// Command botorate runs AWS tools as fast as a share of the account's API limits allows, and leaves the rest to everyone else.
package main

import (
	"context"
	"io"
	"os"
	"runtime/debug"
)

// gcPercent lets a fifth of what is in use be garbage. Held attempts are many and live long: at Go's 100 their number would
// cost twice the memory (bench/ holds 10,000 of them).
const gcPercent = 20

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run runs one command line and returns the exit code: 0; 1 for an error; 2 for wrong usage; what `botorate run` ran may have
// any code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return tell(stderr, root.ExecuteContext(ctx))
}
