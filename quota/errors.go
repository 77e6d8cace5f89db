package quota

import "fmt"

// An InputError tells what is wrong with a value that a user gave.
type InputError struct {
	What, Given, Problem string // such as "share", "120%", "more than all of the quota"
	hint                 string
}

func (e *InputError) Error() string { return fmt.Sprintf("%s %q: %s", e.What, e.Given, e.Problem) }

// Hint returns an example of how to say it, or an empty string.
func (e *InputError) Hint() string { return e.hint }
