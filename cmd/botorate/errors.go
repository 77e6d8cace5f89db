package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// A usageError is a command line that can't be meant so.
type usageError struct {
	error
	hint string
}

func (e *usageError) Hint() string  { return e.hint }
func (e *usageError) ExitCode() int { return 2 }
func (e *usageError) Unwrap() error { return e.error }

// A hintError is an error with advice.
type hintError struct {
	error
	hint string
}

func (e *hintError) Hint() string  { return e.hint }
func (e *hintError) Unwrap() error { return e.error }

// usage makes an error of the user's input one of usage; a hint of its own stays.
func usage(err error) error {
	e := &usageError{error: err}
	if h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		e.hint = h.Hint()
	}
	return e
}

// A codeError passes on the exit code of the command that was run; there is nothing to tell.
type codeError int

func (e codeError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }
func (e codeError) ExitCode() int { return int(e) }

// tell prints an error and its hint, and returns the exit code.
func tell(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	if code, ok := errors.AsType[codeError](err); ok {
		return int(code)
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(stderr, "botorate: %s\n", strings.TrimRight(line, "\n"))
	}
	if h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		for line := range strings.Lines(h.Hint()) {
			fmt.Fprintf(stderr, "botorate: hint: %s\n", strings.TrimRight(line, "\n"))
		}
	}
	if c, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err); ok {
		return c.ExitCode()
	}
	return 1
}
