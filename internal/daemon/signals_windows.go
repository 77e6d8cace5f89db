package daemon

import (
	"os"
	"os/exec"
	"os/signal"
)

// catchSignals begins to catch Ctrl-C, which must not end us before the command has ended.
func catchSignals() (signals chan os.Signal, stop func()) {
	signals = make(chan os.Signal, 16)
	signal.Notify(signals, os.Interrupt)
	return signals, func() { signal.Stop(signals) }
}

// passOn waits until ended closes: the console sends Ctrl-C to the command by itself.
func passOn(signals <-chan os.Signal, _ func(os.Signal) error, ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case <-signals:
		}
	}
}

// isolate changes nothing: the command is on our console. send can only end it.
func isolate(cmd *exec.Cmd) (send func(os.Signal) error) {
	return func(s os.Signal) error { return cmd.Process.Signal(s) }
}

// terminate ends the command: Windows knows no request to end.
//
//nolint:gochecknoglobals // a constant
var terminate = os.Kill

func exitCode(state *os.ProcessState) int { return state.ExitCode() }
