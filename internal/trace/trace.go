// Package trace is a record of a program's attempts: when each came, and what it asked for; no credential, no parameter, no body.
//
// A trace is lines of JSON: a [Header], and a [Record] for each attempt, in the order in which they ended. docs/lab.md describes it.
package trace

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/botorate/botorate/internal/report"
)

// Format names the format and its version.
const Format = "botorate-trace/1"

// A Header is the first line.
type Header struct {
	Trace   string    `json:"trace"` // Format
	Started time.Time `json:"started"`
}

// A Record is one attempt.
type Record struct {
	At         float64 `json:"at"` // seconds since the start when it came to botorate
	Service    string  `json:"service"`
	Operation  string  `json:"operation"`
	API        string  `json:"api,omitempty"`
	Method     string  `json:"method,omitempty"`
	Account    string  `json:"account"` // or what stands for a key whose account can't be told
	Region     string  `json:"region"`
	Unfiltered bool    `json:"unfiltered,omitempty"`
	Resources  float64 `json:"resources,omitempty"`
	Attempt    int     `json:"attempt,omitempty"` // of its call, from 1; 0 if the client doesn't say
	Held       float64 `json:"held,omitempty"`    // seconds
	Result     string  `json:"result"`
	Draws      []Draw  `json:"draws"`
}

// A Draw is what the attempt took from one bucket.
type Draw struct {
	Quota  string  `json:"quota"`
	Scope  string  `json:"scope"`
	Tokens float64 `json:"tokens"`
}

// A Writer writes a trace. It is safe for concurrent use.
type Writer struct {
	started time.Time

	mu  sync.Mutex
	out *bufio.Writer
	enc *json.Encoder
	err error // the first
}

// NewWriter begins a trace.
func NewWriter(w io.Writer, started time.Time) *Writer {
	t := &Writer{started: started, out: bufio.NewWriter(w)}
	t.enc = json.NewEncoder(t.out)
	t.err = t.enc.Encode(Header{Format, started.UTC()})
	return t
}

// Observe writes down an attempt that ended.
func (t *Writer) Observe(a report.Attempt) {
	c := &a.Asked
	r := Record{
		At: max(0, c.Arrived.Sub(t.started).Seconds()), Service: c.Service, Operation: c.Operation, API: c.API, Method: c.Method,
		Account: a.Account, Region: a.Region, Unfiltered: c.Unfiltered, Resources: c.Resources,
		Attempt: c.Number, Held: a.Held.Seconds(), Result: resultName(a.Result),
	}
	for _, d := range a.Draws {
		r.Draws = append(r.Draws, Draw{d.Bucket.Quota, d.Bucket.Scope, d.Tokens})
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = t.enc.Encode(r)
	}
}

func resultName(r report.Result) string {
	switch r {
	case report.Answered:
		return "answered"
	case report.Throttled:
		return "throttled"
	case report.Shed:
		return "shed"
	case report.Failed:
		return "failed"
	case report.Gone:
	}
	return "gone"
}

// Close writes what is left, and returns the first error.
func (t *Writer) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.out.Flush(); t.err == nil {
		t.err = err
	}
	return t.err
}

// A LineError is what is wrong in a trace, and in which line, from 1.
type LineError struct {
	Line    int
	Problem string
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Problem) }

// longest is the longest line that is read.
const longest = 1 << 20

// Read reads a trace. The error is a *[LineError].
func Read(data []byte) ([]Record, error) {
	var records []Record
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, longest)
	number := 0
	for lines.Scan() {
		number++
		if number == 1 {
			var h Header
			if err := json.Unmarshal(lines.Bytes(), &h); err != nil || h.Trace != Format {
				return nil, &LineError{1, fmt.Sprintf("want a trace that begins with {\"trace\":%q}", Format)}
			}
			continue
		}
		var r Record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, &LineError{number, err.Error()}
		}
		if r.Service == "" || r.Operation == "" || !(r.At >= 0 && r.At < 1e7) || !(r.Resources >= 0 && r.Resources < 1e9) {
			return nil, &LineError{number, "want at, service and operation"}
		}
		records = append(records, r)
	}
	if err := lines.Err(); err != nil {
		return nil, &LineError{number + 1, err.Error()}
	}
	if len(records) == 0 {
		return nil, &LineError{max(1, number), "the trace has no attempts"}
	}
	return records, nil
}
