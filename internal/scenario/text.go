package scenario

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// WriteText writes the result for a person: a table for each workload, a line for each way of pacing.
func (r *Result) WriteText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s (seed %d)\n", r.Scenario, r.Seed)
	for i := range r.Ways[0].Workloads {
		r.workload(&b, i)
	}
	if len(r.Checks) > 0 {
		b.WriteString("\nWhat must hold:\n")
	}
	for _, c := range r.Checks {
		mark := "  ok   "
		if !c.Held {
			mark = "  FAIL "
		}
		fmt.Fprintf(&b, "%s%s  (%s)\n", mark, c.Assertion, c.Got)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// A column is one number of a workload. It is left out where no way has any.
type column struct {
	title string
	text  func(*WayResult, *WorkloadResult) string
}

const nothing = "-"

func count(of func(*WorkloadResult) int) func(*WayResult, *WorkloadResult) string {
	return func(_ *WayResult, w *WorkloadResult) string { return strconv.Itoa(of(w)) }
}

func lasting(of func(*WorkloadResult) time.Duration) func(*WayResult, *WorkloadResult) string {
	return func(_ *WayResult, w *WorkloadResult) string { return seconds(of(w)) }
}

// seconds writes a duration with as many decimals as are of interest.
func seconds(d time.Duration) string {
	switch {
	case d == 0:
		return nothing
	case d < 10*time.Second:
		return strconv.FormatFloat(math.Round(d.Seconds()*100)/100, 'f', 2, 64) + " s"
	}
	return strconv.FormatFloat(math.Round(d.Seconds()*10)/10, 'f', 1, 64) + " s"
}

func columns() []column {
	return []column{
		{"time", lasting(func(w *WorkloadResult) time.Duration { return w.Ended })},
		{"least", func(r *WayResult, w *WorkloadResult) string {
			if w.Neighbour || w.Ended == 0 {
				return nothing
			}
			return seconds(r.Least)
		}},
		{"critical", func(r *WayResult, w *WorkloadResult) string {
			if w.Neighbour || w.Ended == 0 {
				return nothing
			}
			return seconds(r.Critical)
		}},
		{"calls", count(func(w *WorkloadResult) int { return w.Calls })},
		{"attempts", count(func(w *WorkloadResult) int { return w.Attempts })},
		{"throttled", count(func(w *WorkloadResult) int { return w.Throttles })},
		{"shed", count(func(w *WorkloadResult) int { return w.Shed })},
		{"calls lost", count(func(w *WorkloadResult) int { return w.Lost })},
		{"resources", count(func(w *WorkloadResult) int { return w.Resources })},
		{"missing", count(func(w *WorkloadResult) int { return w.Missing })},
		{"rounds", count(func(w *WorkloadResult) int { return w.Rounds })},
		{"late or failed", count(func(w *WorkloadResult) int { return w.Late })},
		{"longest round", lasting(func(w *WorkloadResult) time.Duration { return w.LongestRound })},
		{"longest call", lasting(func(w *WorkloadResult) time.Duration { return w.LongestCall })},
	}
}

// always reports whether a column is shown though it is empty: that nothing was throttled or lost is what one wants to know.
func always(title string) bool {
	return title == "calls" || title == "throttled" || title == "calls lost"
}

// table returns a workload's table: the head, and a row for each way.
func (r *Result) table(i int) [][]string {
	rows := make([][]string, 1+len(r.Ways))
	rows[0] = []string{r.Ways[0].Workloads[i].Name}
	for j := range r.Ways {
		rows[1+j] = []string{r.Ways[j].title()}
	}
	for _, c := range columns() {
		cells, any := make([]string, len(r.Ways)), false
		for j := range r.Ways {
			cells[j] = c.text(&r.Ways[j], &r.Ways[j].Workloads[i])
			any = any || cells[j] != "0" && cells[j] != nothing
		}
		if !any && !always(c.title) {
			continue
		}
		rows[0] = append(rows[0], c.title)
		for j, text := range cells {
			rows[1+j] = append(rows[1+j], text)
		}
	}
	return rows
}

// title names a way, with what was found for it.
func (r *WayResult) title() string {
	if r.Tuned > 0 {
		return r.Way + " (" + short(r.Tuned) + ")"
	}
	return r.Way
}

// titled is the table with a word on who isn't paced.
func (r *Result) titled(i int) [][]string {
	rows := r.table(i)
	if r.Ways[0].Workloads[i].Neighbour {
		rows[0][0] += ", not paced"
	}
	return rows
}

func (r *Result) workload(b *bytes.Buffer, i int) {
	rows := r.titled(i)
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for j, text := range row {
			width[j] = max(width[j], utf8.RuneCountInString(text))
		}
	}
	b.WriteByte('\n')
	for _, row := range rows {
		b.WriteString("  " + row[0] + strings.Repeat(" ", width[0]-utf8.RuneCountInString(row[0])))
		for j, text := range row[1:] {
			b.WriteString("  " + strings.Repeat(" ", width[j+1]-utf8.RuneCountInString(text)) + text)
		}
		b.WriteByte('\n')
	}
}

// WriteMarkdown writes the tables as Markdown, for a README.
func (r *Result) WriteMarkdown(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s:\n", r.Scenario)
	for i := range r.Ways[0].Workloads {
		rows := r.titled(i)
		b.WriteByte('\n')
		for j, row := range rows {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
			if j == 0 {
				fmt.Fprintf(&b, "|---%s|\n", strings.Repeat("|---:", len(row)-1))
			}
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}
