package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"botorate": main,
		"awstool":  awstool,
		"dienow":   dieNow,
	})
}

// The scripts are the command line's tests: one for each feature and each bad input. In each, the user's environment holds a
// proxy behind which every host is the lab's stand-in for AWS, and the certificate to trust; more such proxies are in
// $PARENT_….
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			w, err := newWorld(env.WorkDir)
			if err != nil {
				return err
			}
			env.Defer(w.close)
			env.Setenv("HTTPS_PROXY", w.aws.url())
			env.Setenv("AWS_CA_BUNDLE", w.bundle)
			env.Setenv("PARENT_REFUSES", w.refuses.url())
			env.Setenv("PARENT_BADCERT", w.badCert.url())
			env.Setenv("PARENT_SILENT", w.silent.url())
			env.Setenv("LAB_PORT", w.labPort())
			env.Values["world"] = w
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":     code,
			"connects": connects,
		},
	})
}

// code N CMD ARG… runs a command that must exit with that code.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command [args…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		got = e.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// connects [!] says whether any connection came to the parent proxy before AWS since the last time.
func connects(ts *testscript.TestScript, neg bool, _ []string) {
	w, _ := ts.Value("world").(*world)
	if n := w.aws.connects.Swap(0); (n == 0) != neg {
		ts.Fatalf("%d connections through the user's own proxy", n)
	}
}

// dieNow ends by a signal that can't be caught.
func dieNow() {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	fmt.Println(err)
	select {}
}
