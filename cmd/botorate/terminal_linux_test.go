package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A terminal is the user's side of a pseudo terminal: what programs on it wrote, and a keyboard.
type terminal struct {
	master *os.File
	cmd    *exec.Cmd
	read   chan struct{} // closed when all programs have left it

	mu   sync.Mutex
	text strings.Builder
}

// onTerminal starts botorate as the leader of a session on a terminal of its own.
func onTerminal(t *testing.T, env []string, args ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 132}); err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{master: master, read: make(chan struct{})}
	x.cmd = exec.Command(self)
	x.cmd.Args = append([]string{"botorate"}, args...)
	x.cmd.Env = append(os.Environ(), env...)
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = slave, slave, slave
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	go func() {
		defer close(x.read)
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			x.mu.Lock()
			x.text.Write(buf[:n])
			x.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = x.cmd.Process.Kill() // in case the test failed
		_ = master.Close()
	})
	return x
}

func (x *terminal) shown() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return strings.ReplaceAll(x.text.String(), "\r\n", "\n")
}

// await waits until the terminal shows something.
func (x *terminal) await(t *testing.T, pattern string) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(30 * time.Second); !re.MatchString(x.shown()); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the terminal never shows %s, but\n%s", pattern, x.shown())
		}
	}
}

func (x *terminal) press(t *testing.T, key byte) {
	t.Helper()
	if _, err := x.master.Write([]byte{key}); err != nil {
		t.Fatal(err)
	}
}

// end waits for botorate's end and returns its exit code.
func (x *terminal) end(t *testing.T) int {
	t.Helper()
	_ = x.cmd.Wait() // the code tells
	select {
	case <-x.read:
	case <-time.After(30 * time.Second):
		t.Fatal("botorate ended, and something still holds its terminal")
	}
	return x.cmd.ProcessState.ExitCode()
}

const ctrlC = 3

// Ctrl-C stops the command first, which gets it once, from the terminal; then comes the summary, and the report is written.
func TestCtrlC(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "r.json")
	x := onTerminal(t, nil, "run", "--report", name, "--", "sh", "-c",
		`trap 'n=$((n+1)); echo "interrupted $n"' INT; echo ready; while test "$n" != 2; do sleep 0.05; done; sleep 0.2; echo "in all $n"; exit 9`)
	x.await(t, "ready")
	x.press(t, ctrlC)
	x.await(t, "interrupted 1")
	x.press(t, ctrlC)
	if code := x.end(t); code != 9 {
		t.Errorf("exit code %d, want the command's 9", code)
	}
	if got := x.shown(); !regexp.MustCompile(`(?s)in all 2\n.*botorate: no AWS request of "sh" came through`).MatchString(got) {
		t.Errorf("the terminal shows\n%s", got)
	}
	if _, err := os.Stat(name); err != nil {
		t.Error(err)
	}
}

// Without a terminal, SIGINT comes to botorate alone: it is passed on.
func TestInterruptWithoutTerminal(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Args = []string{"botorate", "run", "-q", "--", "sh", "-c", `trap 'echo interrupted; exit 7' INT; echo ready; for i in $(seq 100); do sleep 0.05; done`}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	lines.Scan()
	_ = cmd.Wait() // the code tells
	if got := lines.Text(); got != "interrupted" || cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("got %q, exit code %d; want the command interrupted, and its code", got, cmd.ProcessState.ExitCode())
	}
}

// While attempts are held, one line says so; it is gone in the end.
func TestStatusLine(t *testing.T) {
	w, err := newWorld(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	env := []string{"HTTPS_PROXY=" + w.aws.url(), "https_proxy=", "NO_PROXY=", "no_proxy=", "AWS_CA_BUNDLE=" + w.bundle}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tool := filepath.Join(t.TempDir(), "awstool")
	if err := os.Symlink(self, tool); err != nil {
		t.Fatal(err)
	}
	x := onTerminal(t, env, "run", "--limit", "ec2=10/s,burst=1", "--", tool, "-n", "12")
	x.await(t, `\r\x1b\[Kbotorate: \d+ held · ec2\S* 10\.0/s · \d+ answered · 0 throttles · next in 0\.[01] s`)
	if code := x.end(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	got := x.shown()
	rest := got[strings.LastIndex(got, "\x1b[K")+len("\x1b[K"):]
	if !strings.Contains(got, "12 answered, 0 failed") || !strings.HasPrefix(rest, "botorate: 12 attempts") && !strings.HasPrefix(rest, "12 answered") {
		t.Errorf("the terminal shows\n%q", got)
	}
}

// TestLabBarOnTerminal runs the lab where a person sees it, who sees how far it is, and ends it.
func TestLabBarOnTerminal(t *testing.T) {
	x := onTerminal(t, nil, "lab", "run", "hundred-accounts")
	x.await(t, `(none|botorate 50%) +[0-9]+% \|`)
	x.press(t, ctrlC)
	if code := x.end(t); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if said := lastLine(strings.TrimSuffix(x.shown(), "\n")); !strings.Contains(said, "the lab was interrupted") || strings.Contains(said, "|") {
		t.Errorf("the last line is %q of %q", said, x.shown())
	}
}
