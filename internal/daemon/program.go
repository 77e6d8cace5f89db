package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A StartError tells that the command could not be started.
type StartError struct {
	Name string
	Code int // 127: not found; 126: found but can't be run; as shells have it
	Err  error
	hint string
}

func (e *StartError) Error() string { return fmt.Sprintf("run %s: %v", e.Name, e.Err) }

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.Err }

// Hint says what to do about it.
func (e *StartError) Hint() string { return e.hint }

// ExitCode is what a shell would exit with.
func (e *StartError) ExitCode() int { return e.Code }

var (
	errNotFound      = errors.New("command not found")
	errNotExecutable = errors.New("not executable")
)

// findProgram finds what a shell would start by that name.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path, nil
	case errors.Is(err, exec.ErrDot):
		return "", &StartError{name, 127, errNotFound, "it is in this folder: write ./" + name}
	case errors.Is(err, fs.ErrPermission):
		return "", notExecutable(name, name)
	case isDir(name) && strings.ContainsRune(name, filepath.Separator):
		return "", &StartError{name, 126, errors.New("is a folder"), "name a program in it"}
	}
	if !strings.ContainsRune(name, filepath.Separator) {
		for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
			candidate := filepath.Join(dir, name)
			info, err := os.Stat(candidate) //nolint:gosec // the user's own PATH
			if err == nil && info.Mode().IsRegular() {
				return "", notExecutable(name, candidate)
			}
		}
	}
	hint := "check the spelling, and that it is installed and in PATH"
	if first, _, words := strings.Cut(name, " "); words {
		hint = fmt.Sprintf("give the words apart, without quotes around all: botorate run -- %s …", first)
	}
	return "", &StartError{name, 127, errNotFound, hint}
}

func notExecutable(name, path string) error {
	return &StartError{name, 126, errNotExecutable, "chmod +x " + path + ", or name its interpreter first: botorate run -- python3 " + path}
}

// notStarted explains why a program that was found did not start.
func notStarted(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &StartError{name, 127, err, "is the interpreter in its #! line installed?"}
	case errors.Is(err, fs.ErrPermission):
		return &StartError{name, 126, err, "is its file system mounted noexec?"}
	default:
		return &StartError{name, 126, err, "is it built for this system, or a script without a #! line?"}
	}
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}
