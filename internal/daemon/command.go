package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/botorate/botorate/internal/childenv"
	"github.com/botorate/botorate/internal/report"
	"github.com/botorate/botorate/internal/wire"
	"github.com/botorate/botorate/quota"
)

// A Command is a program to run behind a proxy of its own.
type Command struct {
	Args    []string      // the program and its arguments
	Environ []string      // what it would have without us
	Policy  *quota.Policy // which part of each quota is ours
	Rules   []quota.Rule  // what it was made of, to tell which matched nothing; optional
	Tenant  string        // its name among those who share; letters, digits, '.', '_' and '-'
	Hold    time.Duration // no attempt is held longer; zero leaves it to what is known of the client
	// DoNotIntercept are hosts, with `*`, that are tunnelled unseen although they are AWS's API.
	DoNotIntercept []string
	Report         string // a file for the summary as JSON; empty for none
	Learnt         string // a file for what is learnt of limits that nobody published; empty for none
	Record         string // a file for a trace of the attempts; empty for none
	Quiet          bool   // print nothing but errors

	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Run runs the command to its end and returns its exit code: 128 and the signal's number if a signal ended it. The error is a
// *[StartError] when it did not start; any other is of our own, and goes beside a code only when the report could not be
// written.
func (c *Command) Run(ctx context.Context) (int, error) {
	program, err := findProgram(c.Args[0])
	if err != nil {
		return 0, err
	}
	if c.Report != "" {
		if err := report.CheckFile(c.Report); err != nil {
			return 0, reportHint(err)
		}
	}
	signals, stopSignals := catchSignals() // until the files are gone, whatever the user presses
	defer stopSignals()
	in := c.inherit()
	memory := remember(ctx, c.Learnt)
	rec, err := c.startRecording()
	if err != nil {
		return 0, err
	}
	d, env, cleanup, err := c.prepare(in, memory, rec.observe())
	if err != nil {
		return 0, errors.Join(err, rec.close())
	}
	defer cleanup()
	c.warn(in)

	started := time.Now()
	stopKeeping := memory.keep(ctx, d.Governor.Learnt)
	stopWatch := c.watchBypass(d)
	code, err := c.supervise(ctx, d, program, env, signals)
	bypassed := stopWatch()
	stopErr := d.Stop()
	stopKeeping()
	recErr := rec.close()
	if err != nil {
		return 0, err
	}
	return code, errors.Join(stopErr, recErr, unlessStuck(signals, func() error { return c.conclude(d, memory, started, code, bypassed) }))
}

// unlessStuck runs f to its end. Only when it blocks, on a pipe that nobody reads, can a signal end the wait.
func unlessStuck(signals <-chan os.Signal, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-signals:
	}
	select {
	case err := <-done:
		return err
	case <-time.After(grace):
		return errors.New("write the summary: interrupted while nobody read it")
	}
}

func (c *Command) inherit() *childenv.Inherited {
	home, _ := os.UserHomeDir() // without one there is no config file to read
	return childenv.Inherit(childenv.Source{
		Environ: c.Environ, Home: home, System: systemRoots(), Domains: wire.Domains(),
		ReadFile: os.ReadFile, FoldCase: runtime.GOOS == "windows",
	})
}

// prepare starts the proxy and makes the environment that leads to it. cleanup removes the files.
func (c *Command) prepare(in *childenv.Inherited, m *memory, observe func(report.Attempt)) (d *Daemon, env []string, cleanup func(), err error) {
	parent, err := in.Parent()
	if err != nil {
		return nil, nil, nil, &hinted{err, "botorate goes through the proxy that is set already: correct or unset HTTPS_PROXY"}
	}
	password := rand.Text()
	d, err = Start(time.Now(), Settings{
		Policy: c.Policy, Learnt: m.learnt, Hold: c.Hold, Grace: grace, Bypass: c.bypass, Roots: upstreamRoots(in.Roots), Parent: parent,
		Tenants: map[string]string{c.Tenant: password}, Tenant: c.Tenant, SameUser: runtime.GOOS == "linux", Observe: observe,
	})
	if err != nil {
		return nil, nil, nil, err
	}
	dir, err := privateDir()
	if err != nil {
		return nil, nil, nil, errors.Join(err, d.Stop())
	}
	cleanup = func() { _ = os.RemoveAll(dir) } // what is left of it, the system's own cleaning takes
	env, files := in.Child(childenv.Proxy{
		URL: &url.URL{Scheme: "http", User: url.UserPassword(c.Tenant, password), Host: d.Addr.String()},
		CA:  d.Authority.RootPEM(), Dir: dir, JavaKey: runtime.GOOS != "linux",
	})
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600); err != nil {
			cleanup()
			return nil, nil, nil, errors.Join(fmt.Errorf("write the files for the command: %w", err), d.Stop())
		}
	}
	return d, env, cleanup, nil
}

// grace is how long the proxy goes on after the command's end, for what the command left running.
const grace = time.Second

// bypass reports whether the user wants a host's connections passed on unseen.
func (c *Command) bypass(host string) bool {
	return slices.ContainsFunc(c.DoNotIntercept, func(pattern string) bool {
		ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(host))
		return ok && err == nil
	})
}

// privateDir makes a folder that only this user reads.
//
// Its name is absolute: the command may go elsewhere.
func privateDir() (string, error) {
	if runtimeDir := os.Getenv("XDG_RUNTIME_DIR"); runtimeDir != "" {
		if dir, err := tempDir(runtimeDir); err == nil {
			return dir, nil
		}
	}
	dir, err := tempDir(os.TempDir())
	if err != nil {
		return "", &hinted{
			fmt.Errorf("make a folder for the command's certificates: %w", err),
			"set TMPDIR to a folder that exists and that you can write to, or unset it",
		}
	}
	return dir, nil
}

func tempDir(parent string) (string, error) {
	parent, err := filepath.Abs(parent)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(parent, "botorate-")
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = fmt.Errorf("%s: %w", parent, pe.Err) // not the random name
	}
	return dir, err
}

// warn tells what of the user's own could not be followed.
func (c *Command) warn(in *childenv.Inherited) {
	if c.Quiet {
		return
	}
	if in.Nested {
		c.say("warning: already under another botorate: both pace, the slower decides")
	}
	for _, w := range in.Warnings {
		c.say("warning: " + w.What)
		c.say("hint: " + w.Hint)
	}
}

func (c *Command) say(line string) { fmt.Fprintf(c.Stderr, "botorate: %s\n", line) }

// supervise runs the program to its end, passes signals on, and shows a status line while attempts are held.
func (c *Command) supervise(ctx context.Context, d *Daemon, program string, env []string, signals <-chan os.Signal) (int, error) {
	if code, stop := stopped(signals); stop {
		return code, nil
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Args = c.Args
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, c.Stdout, c.Stderr
	send := isolate(cmd)
	cmd.Cancel = func() error { return send(terminate) }
	runtime.LockOSThread() // the kernel signals the command when the thread that started it ends
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return 0, notStarted(c.Args[0], err)
	}
	ended := make(chan struct{})
	aside := make(chan struct{})
	go func() {
		defer close(aside)
		passOn(signals, send, ended)
	}()
	stopStatus := c.showStatus(d)
	err := cmd.Wait()
	close(ended)
	<-aside
	stopStatus()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited && ctx.Err() == nil {
		return 0, fmt.Errorf("wait for %s: %w", c.Args[0], err)
	}
	return exitCode(cmd.ProcessState), nil
}

// stopped reports whether we were told to end before there was a command to pass that on to, and the exit code for it.
func stopped(signals <-chan os.Signal) (code int, stop bool) {
	for {
		select {
		case s := <-signals:
			switch s {
			case syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP:
				number, _ := s.(syscall.Signal)
				return 128 + int(number), true
			}
		default:
			return 0, false
		}
	}
}

// conclude writes the report, which matters more, and then the summary.
func (c *Command) conclude(d *Daemon, m *memory, started time.Time, code int, bypassed []string) error {
	s := d.Summary()
	s.Command = strings.Join(c.Args[:1], " ")
	s.Started, s.Wall, s.ExitCode = started.UTC(), report.Seconds(time.Since(started)), code
	s.Bypassed = bypassed
	if s.Total.Attempts == 0 {
		s.NoRequest = whyNoRequest(c.Args, c.Environ, &s)
	}
	var err error
	if c.Report != "" {
		err = s.WriteFile(c.Report)
	}
	if c.Quiet {
		return err
	}
	// Whoever closed standard error wants no summary.
	_ = s.WriteText(c.Stderr, "botorate: ")
	for _, reason := range s.NoRequest {
		c.say("hint: " + reason)
	}
	for _, line := range unmatched(c.Rules, &s) {
		c.say(line)
	}
	for _, warning := range m.told() {
		c.say("warning: " + warning)
	}
	return err
}

// reportHint says what to do about a report that can't be written.
func reportHint(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &hinted{err, "make the folder first, or name another file with --report"}
	case errors.Is(err, fs.ErrPermission):
		return &hinted{err, "name a file in a folder that you can write to with --report"}
	}
	return err
}

// hinted is an error with advice.
type hinted struct {
	error
	hint string
}

func (h *hinted) Hint() string  { return h.hint }
func (h *hinted) Unwrap() error { return h.error }
