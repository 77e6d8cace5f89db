package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A LineError is one thing that is wrong in a file.
type LineError struct {
	File    string
	Line    int // 0 when it concerns the whole file
	Problem string
	hint    string
}

func (e *LineError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Problem
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem)
}

// Hint says how to put it right, or nothing.
func (e *LineError) Hint() string { return e.hint }

// LineErrors is all that is wrong in a file, in the order of its lines. It has at least one.
type LineErrors []*LineError

func (e LineErrors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the errors one by one.
func (e LineErrors) Unwrap() []error {
	errs := make([]error, len(e))
	for i := range e {
		errs[i] = e[i]
	}
	return errs
}

// Hint returns the hint of a single error; of several, a line for each that has one, with its place.
func (e LineErrors) Hint() string {
	if len(e) == 1 {
		return e[0].hint
	}
	var lines []string
	for _, one := range e {
		if one.hint != "" {
			lines = append(lines, fmt.Sprintf("line %d: %s", one.Line, one.hint))
		}
	}
	return strings.Join(lines, "\n")
}

func (e LineErrors) sort() {
	slices.SortStableFunc(e, func(a, b *LineError) int { return cmp.Compare(a.Line, b.Line) })
}

// suggest returns `did you mean "share"?` for the nearest of the known words, or all of them if none is near.
func suggest(word string, known []string) string {
	if best := Closest(word, known); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return "known here: " + strings.Join(known, ", ")
}

// Closest returns the known word, in lower case, that word is likely meant to be, or an empty string.
func Closest(word string, known []string) string {
	best, distance := "", 1+max(1, len(word)/3)
	for _, k := range known {
		if d := levenshtein(strings.ToLower(word), k); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// levenshtein returns how many letters must be changed, added or removed to make b of a.
func levenshtein(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
