//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// withoutTerminal starts botorate as the leader of a session without a terminal. It returns the lines of its standard output.
func withoutTerminal(t *testing.T, env []string, args ...string) (*exec.Cmd, *bufio.Scanner, *strings.Builder) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Args = append([]string{"botorate"}, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stderr := new(strings.Builder)
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // in case the test failed
	return cmd, bufio.NewScanner(out), stderr
}

func kill(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatal(err)
	}
}

// However often a signal comes after the command's end, the summary, the report and the cleanup come too.
func TestSignalsAfterTheEnd(t *testing.T) {
	w, err := newWorld(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	tool := filepath.Join(dir, "awstool")
	if err := os.Symlink(self, tool); err != nil {
		t.Fatal(err)
	}
	temp := filepath.Join(dir, "temp")
	if err := os.Mkdir(temp, 0o700); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "r.json")
	env := []string{
		"HTTPS_PROXY=" + w.silent.url(), "https_proxy=", "NO_PROXY=", "no_proxy=", "AWS_CA_BUNDLE=" + w.bundle,
		"TMPDIR=" + temp, "XDG_RUNTIME_DIR=",
	}
	// What the command leaves running makes botorate wait for its grace.
	cmd, lines, stderr := withoutTerminal(t, env, "run", "--report", name, "--",
		"sh", "-c", tool+" -attempts 1 -timeout 20s >&2 & sleep 1; echo over")
	if !lines.Scan() || lines.Text() != "over" {
		t.Fatalf("got %q", lines.Text())
	}
	for range 20 {
		time.Sleep(10 * time.Millisecond) // an instant in the grace can't be awaited
		_ = cmd.Process.Signal(syscall.SIGINT)
	}
	_ = cmd.Wait() // the code tells
	if code := cmd.ProcessState.ExitCode(); code < 0 {
		t.Errorf("ended by %v", cmd.ProcessState)
	}
	if !strings.Contains(stderr.String(), "botorate: 1 attempt in ") {
		t.Errorf("no summary, but %q", stderr)
	}
	data, err := os.ReadFile(name)
	if err != nil || !json.Valid(data) {
		t.Errorf("the report is %q, %v", data, err)
	}
	if left, _ := os.ReadDir(temp); len(left) > 0 {
		t.Errorf("left behind %v", left)
	}
}

// A report that nobody reads does not make botorate deaf for ever.
func TestSignalWhileStuck(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, lines, stderr := withoutTerminal(t, nil, "run", "--report", name, "--", "echo", "over")
	lines.Scan()
	time.AfterFunc(500*time.Millisecond, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	lost := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer lost.Stop()
	_ = cmd.Wait() // the code tells
	if code := cmd.ProcessState.ExitCode(); code != 1 && code != 143 {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

// What is sent to the whole process group comes to the command once.
func TestGroupSignalComesOnce(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			cmd, lines, _ := withoutTerminal(t, nil, "run", "-q", "--", "sh", "-c",
				`trap 'n=$((n+1))' TERM INT HUP; echo ready; i=0; while test $i -lt 20; do sleep 0.05; i=$((i+1)); done; echo "$n"`)
			lines.Scan()
			kill(t, -cmd.Process.Pid, s)
			lines.Scan()
			_ = cmd.Wait() // the line tells
			if got := lines.Text(); got != "1" {
				t.Errorf("the command got %q signals", got)
			}
		})
	}
}

// When botorate's whole group is killed, the command is told to end.
func TestKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells a process of its parent's end")
	}
	cmd, lines, _ := withoutTerminal(t, nil, "run", "-q", "--", "sh", "-c",
		`trap 'echo told; exit' TERM; echo ready; i=0; while test $i -lt 200; do sleep 0.05; i=$((i+1)); done; echo forgotten`)
	lines.Scan()
	kill(t, -cmd.Process.Pid, syscall.SIGKILL)
	lines.Scan()
	if got := lines.Text(); got != "told" {
		t.Errorf("the command says %q", got)
	}
	_ = cmd.Wait() // killed
}
