//go:build unix

package daemon

import (
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// catchSignals begins to catch what must not end us before the command has ended. A signal that we were started to ignore
// stays ignored, for the command too (nohup).
func catchSignals() (signals chan os.Signal, stop func()) {
	all := []os.Signal{
		syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2,
		syscall.SIGPIPE, // a closed standard error fails our write instead
	}
	all = slices.DeleteFunc(all, signal.Ignored)
	signals = make(chan os.Signal, 16)
	if len(all) > 0 { // Notify without a list means every signal
		signal.Notify(signals, all...)
	}
	return signals, func() { signal.Stop(signals) }
}

// isolate decides, before the command starts, who gets its signals, and returns how to send one.
//
// On a terminal the command stays in our process group, as a shell expects who stops and continues it; the terminal's keys
// reach it by themselves. Without one, what is sent to our whole group (timeout, a CI's cancel) would reach the command twice:
// from the sender, and from us. So it gets a group of its own, and each signal comes from us, once, to all of that group.
func isolate(cmd *exec.Cmd) (send func(os.Signal) error) {
	if hasTerminal() {
		return func(s os.Signal) error { return cmd.Process.Signal(s) }
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithUs(cmd.SysProcAttr)
	return func(s os.Signal) error {
		if err := cmd.Process.Signal(syscall.Signal(0)); err != nil {
			return err // ended: its number may be another's
		}
		number, _ := s.(syscall.Signal)
		return syscall.Kill(-cmd.Process.Pid, number)
	}
}

// passOn sends the command the signals that only we got, until ended closes.
func passOn(signals <-chan os.Signal, send func(os.Signal) error, ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case s := <-signals:
			fromKeyboard := s == syscall.SIGINT || s == syscall.SIGQUIT
			if s == syscall.SIGPIPE || fromKeyboard && inForeground() {
				continue
			}
			_ = send(s) // it fails when the command has just ended
		}
	}
}

// hasTerminal reports whether we have a controlling terminal.
func hasTerminal() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDONLY|syscall.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	_ = tty.Close() // opened for reading
	return true
}

// inForeground reports whether our process group is the one that the terminal's keys send signals to: the command, being in
// it, has then got the signal by itself.
func inForeground() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDONLY|syscall.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer tty.Close() //nolint:errcheck // opened for reading
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// terminate asks the command to end.
const terminate = syscall.SIGTERM

// exitCode is what a shell would tell of an ended process.
func exitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}
