package daemon

import (
	"os"
	"os/signal"
)

// catchSignals begins to catch Ctrl-C, which must not end us before the command has ended.
func catchSignals() (signals chan os.Signal, stop func()) {
	signals = make(chan os.Signal, 16)
	signal.Notify(signals, os.Interrupt)
	return signals, func() { signal.Stop(signals) }
}

// passOn waits until ended closes: the console sends Ctrl-C to the command by itself.
func passOn(signals <-chan os.Signal, _ *os.Process, ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case <-signals:
		}
	}
}

// terminate ends the command: Windows knows no request to end.
func terminate(command *os.Process) error { return command.Kill() }

func exitCode(state *os.ProcessState) int { return state.ExitCode() }
