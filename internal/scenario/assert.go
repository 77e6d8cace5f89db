package scenario

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Assert is what must come of a scenario: two sides with <=, >=, <, > or = between them. A side is numbers, times and metrics
// with * between them. A metric is `scan.time of botorate 80%`, or without a workload's name the sum of all. The way on the left may end in *:
// then it holds for each that begins so.
type Assert struct {
	Text        string
	left, right []factor
	compare     string
}

// A factor is a number, or a metric of a way.
type factor struct {
	number      float64
	metric, way string
}

// A Check is an assertion, and whether it held.
type Check struct {
	Assertion string `json:"assertion"`
	Held      bool   `json:"held"`
	Got       string `json:"got"`
}

func (a *Assert) parse(s string) error {
	a.Text = strings.Join(strings.Fields(s), " ")
	for _, op := range []string{"<=", ">=", "=", "<", ">"} {
		left, right, ok := strings.Cut(a.Text, " "+op+" ")
		if !ok {
			continue
		}
		a.compare = op
		var err error
		if a.left, err = parseSide(left); err != nil {
			return err
		}
		a.right, err = parseSide(right)
		return err
	}
	return fmt.Errorf("assertion %q: want two sides with <=, >=, <, > or = between them, such as scan.time of botorate 80%% <= 1.05 * 931s", s)
}

func parseSide(s string) ([]factor, error) {
	var factors []factor
	for part := range strings.SplitSeq(s, " * ") {
		if metric, way, ok := strings.Cut(part, " of "); ok {
			factors = append(factors, factor{metric: metric, way: way})
			continue
		}
		n, err := strconv.ParseFloat(part, 64)
		if err != nil {
			d, err := time.ParseDuration(part)
			if err != nil {
				return nil, fmt.Errorf("%q is neither a number, nor a time, nor METRIC of WAY", part)
			}
			n = d.Seconds()
		}
		factors = append(factors, factor{number: n})
	}
	return factors, nil
}

// check returns what is wrong with an assertion.
func (a *Assert) check(f *File) (problem, hint string) {
	var names, loads []string
	for _, w := range f.Ways {
		names = append(names, w.Name)
	}
	for _, w := range f.Workloads {
		loads = append(loads, w.Name)
	}
	for i, x := range slices.Concat(a.left, a.right) {
		if x.metric == "" {
			continue
		}
		head, open := strings.CutSuffix(x.way, "*")
		matches := func(n string) bool { return n == x.way || open && i == 0 && strings.HasPrefix(n, head) }
		if !slices.ContainsFunc(names, matches) {
			return fmt.Sprintf("no way of pacing is named %q", x.way), suggest(x.way, names)
		}
		if x.metric == "least" || x.metric == "critical" {
			continue
		}
		load, metric, ok := strings.Cut(x.metric, ".")
		if !ok {
			load, metric = "", load
		}
		if load != "" && !slices.Contains(loads, load) {
			return fmt.Sprintf("no workload is named %q", load), suggest(load, loads)
		}
		if metrics()[metric] == nil {
			return fmt.Sprintf("unknown metric %q", metric), suggest(metric, append(sortedKeys(metrics()), "critical", "least"))
		}
	}
	return "", ""
}

// hold tells whether the assertion holds.
func (a *Assert) hold(r *Result) Check {
	c := Check{Assertion: a.Text, Held: true}
	head, open := strings.CutSuffix(a.left[0].way, "*")
	if !open {
		c.Held, c.Got = a.compared(r, "")
		return c
	}
	var got []string
	for i := range r.Ways {
		if name := r.Ways[i].Way; strings.HasPrefix(name, head) {
			held, text := a.compared(r, name)
			c.Held = c.Held && held
			got = append(got, text)
		}
	}
	c.Got = strings.Join(got, ", ")
	return c
}

func (a *Assert) compared(r *Result, way string) (held bool, got string) {
	left, right := side(a.left, r, way), side(a.right, r, "")
	switch a.compare {
	case "<=":
		held = left <= right
	case ">=":
		held = left >= right
	case "<":
		held = left < right
	case ">":
		held = left > right
	default:
		held = left == right
	}
	return held, number(left) + " " + a.compare + " " + number(right)
}

// number writes at most three decimals.
func number(x float64) string {
	return strconv.FormatFloat(math.Round(x*1000)/1000, 'f', -1, 64)
}

func side(factors []factor, r *Result, way string) float64 {
	product := 1.0
	for i, x := range factors {
		n := x.number
		if x.metric != "" {
			name := x.way
			if i == 0 && way != "" {
				name = way
			}
			for j := range r.Ways {
				if r.Ways[j].Way == name {
					n = r.Ways[j].metric(x.metric)
				}
			}
		}
		product = float64(product * n)
	}
	return product
}
