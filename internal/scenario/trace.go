package scenario

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// A Record is one line of a trace: an attempt that `botorate run --record` saw. It holds neither credentials nor bodies. docs/lab.md
// describes the format; it is versioned by its first line.
type Record struct {
	At         float64 `json:"at"` // seconds since the trace began, when the attempt came to botorate
	Service    string  `json:"service"`
	Operation  string  `json:"operation"`
	Account    string  `json:"account"`
	Region     string  `json:"region"`
	Unfiltered bool    `json:"unfiltered,omitempty"`
	Resources  float64 `json:"resources,omitempty"`
	Attempt    int     `json:"attempt,omitempty"` // of its call, from 1; 0 if the client doesn't say
}

// A TraceHeader is the first line of a trace.
type TraceHeader struct {
	Trace   string `json:"trace"` // TraceFormat
	Started string `json:"started,omitempty"`
}

// TraceFormat names the format and its version.
const TraceFormat = "botorate-trace/1"

// An event is a call of a trace.
type event struct {
	at     time.Duration
	action action
	where  [2]string // account and Region
}

// parseTrace reads a trace. Repeated attempts are left out: the lab's SDK repeats by its own rules.
func parseTrace(data []byte) ([]event, error) {
	var events []event
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for number := 1; lines.Scan(); number++ {
		if number == 1 {
			var h TraceHeader
			if err := json.Unmarshal(lines.Bytes(), &h); err != nil || h.Trace != TraceFormat {
				return nil, &traceError{1, fmt.Sprintf("want a trace that begins with {\"trace\":%q}", TraceFormat)}
			}
			continue
		}
		var r Record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, &traceError{number, err.Error()}
		}
		if r.Service == "" || r.Operation == "" || !(r.At >= 0 && r.At < 1e7) {
			return nil, &traceError{number, "want at, service and operation"}
		}
		if r.Attempt > 1 {
			continue
		}
		events = append(events, event{
			time.Duration(r.At * 1e9),
			action{service: r.Service, operation: r.Operation, unfiltered: r.Unfiltered, resources: r.Resources},
			[2]string{r.Account, r.Region},
		})
	}
	if err := lines.Err(); err != nil {
		return nil, &traceError{1, err.Error()}
	}
	if len(events) == 0 {
		return nil, &traceError{1, "the trace has no calls"}
	}
	return events, nil
}

// A traceError is in a line of a trace, from 1.
type traceError struct {
	line    int
	problem string
}

func (e *traceError) Error() string { return e.problem }

// completeTrace reads the trace of a workload.
func (f *File) completeTrace(r *reader, w *Workload) error {
	if w.Kind != kindTrace {
		return nil
	}
	var names []string
	for i, t := range f.archive.Files {
		names = append(names, t.Name)
		if t.Name != w.Trace {
			continue
		}
		events, err := parseTrace(t.Data)
		if bad, ok := err.(*traceError); ok { //nolint:errorlint // it is ours, as it is
			return &ParseError{File: r.file, Line: linesBefore(f.archive, i) + bad.line, Problem: w.Trace + ": " + bad.problem}
		}
		w.trace = events
		return nil
	}
	return r.fail(r.line(w), suggest(w.Trace, names), "the archive has no file %q", w.Trace)
}

// A replay makes a trace's calls: at their times, but never more at once than there are workers, as the program that was recorded could not.
type replay struct {
	*load
	client *client
	idle   int
	left   int
	queue  fifo[*target]
}

func newReplay(l *load) *replay {
	return &replay{load: l, client: l.w.client(l, accountName(0)), idle: l.Workers, left: len(l.trace)}
}

func (r *replay) run() {
	for i := range r.trace {
		e := &r.trace[i]
		to := r.w.target(e.action, e.where[0], e.where[1])
		r.w.loop.After(r.Start.Duration()+e.at, func() {
			r.queue.push(to)
			r.drain()
		})
	}
}

func (r *replay) drain() {
	for r.idle > 0 && !r.queue.empty() {
		r.idle--
		r.client.do(r.queue.pop(), func(bool) {
			r.idle++
			if r.left--; r.left == 0 {
				r.finish()
			}
			r.drain()
		})
	}
}
