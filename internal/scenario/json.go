package scenario

import (
	"encoding/json"
	"io"
)

// WriteJSON writes the result for a program, as one JSON value. Times are nanoseconds, but in the series seconds.
func (r *Result) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
