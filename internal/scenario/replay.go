package scenario

import (
	"bytes"
	"errors"
	"strconv"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/botorate/botorate/internal/trace"
)

// An event is a call of a trace.
type event struct {
	at     time.Duration
	action action
	where  [2]string // account and Region
}

// parseTrace reads a trace. Repeated attempts are left out: the lab's SDK repeats by its own rules.
func parseTrace(data []byte) ([]event, error) {
	records, err := trace.Read(data)
	if err != nil {
		return nil, err
	}
	var events []event
	for i := range records {
		r := &records[i]
		if r.Attempt > 1 {
			continue
		}
		a := action{service: r.Service, operation: r.Operation, api: r.API, method: r.Method, unfiltered: r.Unfiltered, resources: r.Resources}
		events = append(events, event{time.Duration(r.At * 1e9), a, [2]string{r.Account, r.Region}})
	}
	if len(events) == 0 {
		return nil, &trace.LineError{Line: 1, Problem: "every attempt of the trace is a repeated one"}
	}
	return events, nil
}

const traceHint = "a line is one attempt, a whole JSON object, as docs/lab.md shows it; a trace can be played without the lines that are damaged"

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
		if bad, ok := errors.AsType[*trace.LineError](err); ok {
			return &ParseError{File: r.file, Line: linesBefore(f.archive, i) + bad.Line, Problem: w.Trace + ": " + bad.Problem, hint: traceHint}
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

// FromTrace returns a scenario file around a trace: it is played unpaced, and by botorate with two shares. The report is about the action
// that is called most. The error is a *[ParseError]; name is for it.
func FromTrace(name string, data []byte) ([]byte, error) {
	events, err := parseTrace(data)
	if bad, ok := errors.AsType[*trace.LineError](err); ok {
		return nil, &ParseError{File: name, Line: bad.Line, Problem: bad.Problem, hint: traceHint}
	}
	counts := map[string]int{}
	watch := ""
	for i := range events {
		name := events[i].action.name()
		counts[name]++
		if n := counts[name]; n > counts[watch] || n == counts[watch] && name < watch {
			watch = name
		}
	}
	settings := "title: A trace\nwatch: " + strconv.Quote(watch) + "\nworkloads: [{name: trace, kind: trace, trace: trace.jsonl, workers: 100}]\n" +
		"pacing: [none, botorate 50%, botorate 80%]\n"
	return txtar.Format(&txtar.Archive{Files: []txtar.File{
		{Name: settingsName, Data: []byte(settings)},
		{Name: "trace.jsonl", Data: data},
	}}), nil
}

// IsTrace reports whether a file is a trace rather than a scenario.
func IsTrace(data []byte) bool { return bytes.HasPrefix(data, []byte(`{"trace":`)) }
