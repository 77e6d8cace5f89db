package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// How much the text shows; the JSON has all.
const (
	textActions = 12
	textBuckets = 6
)

// WriteText writes the summary for a person: each line begins with prefix.
func (s *Summary) WriteText(w io.Writer, prefix string) error {
	var b strings.Builder
	fmt.Fprintln(&b, s.headline())
	if s.Total.Attempts > 0 {
		s.writeActions(&b)
		s.writeBuckets(&b)
	}
	if n := len(s.Tunnelled); n > 0 {
		fmt.Fprintf(&b, "passed on unseen: %s\n", hostList(s.Tunnelled))
	}
	if n := len(s.Unpaced); n > 0 {
		fmt.Fprintf(&b, "NOT paced, since the client speaks only HTTP/2: %s\n", hostList(s.Unpaced))
	}
	if n := len(s.Distrusted); n > 0 {
		fmt.Fprintf(&b, "a client does not trust botorate's certificate, for %s: its own CA option must name the file in $AWS_CA_BUNDLE\n", hostList(s.Distrusted))
	}
	for line := range strings.Lines(b.String()) {
		if _, err := io.WriteString(w, prefix+strings.TrimRight(line, " \n")+"\n"); err != nil {
			return fmt.Errorf("write summary: %w", err)
		}
	}
	return nil
}

// headline says in one line what there was to do, what it took, and whether the result is whole.
func (s *Summary) headline() string {
	if s.Total.Attempts == 0 {
		return fmt.Sprintf("no AWS request of %q came through in %s", s.Command, seconds(s.Wall))
	}
	text := fmt.Sprintf("%s in %s, %d held", plural(s.Total.Attempts, "attempt"), seconds(s.Wall), s.Total.Held)
	if s.Total.Held > 0 {
		text += fmt.Sprintf(" (longest %s)", seconds(s.Total.LongestHold))
	}
	if n := s.Total.Absorbed; n > 0 {
		text += fmt.Sprintf(", %s absorbed", plural(n, "throttle"))
	}
	switch s.Complete {
	case Yes:
		return text + ": complete, every call got its answer"
	case No:
		least := ""
		if s.AtLeast {
			least = "at least "
		}
		return text + fmt.Sprintf(": NOT complete, %s%s got no answer", least, plural(s.Lost, "call"))
	default:
		return text + ": perhaps not complete: " + s.Reason
	}
}

// writeActions writes a line for each action, with the columns that have something to tell.
func (s *Summary) writeActions(w io.Writer) {
	columns := []struct {
		name string
		of   func(Counts) string
		show bool
	}{
		{"attempts", func(c Counts) string { return number(c.Attempts) }, true},
		{"answered", func(c Counts) string { return number(c.Answered) }, true},
		{"held", func(c Counts) string { return number(c.Held) }, true},
		{"longest", func(c Counts) string { return seconds(c.LongestHold) }, s.Total.Held > 0},
		{"absorbed", func(c Counts) string { return number(c.Absorbed) }, s.Total.Absorbed > 0},
		{"throttled", func(c Counts) string { return number(c.Throttled) }, true},
		{"shed", func(c Counts) string { return number(c.Shed) }, s.Total.Shed > 0},
		{"failed", func(c Counts) string { return number(c.Failed) }, s.Total.Failed > 0},
		{"gone", func(c Counts) string { return number(c.Gone) }, s.Total.Gone > 0},
	}
	scoped := s.manyScopes()
	tw := tabwriter.NewWriter(w, 0, 1, 2, ' ', 0)
	cell := func(text string) { fmt.Fprint(tw, text, "\t") }
	cell("  action")
	if scoped {
		cell("where")
	}
	for _, c := range columns {
		if c.show {
			cell(c.name)
		}
	}
	for _, a := range s.shownActions() {
		fmt.Fprintln(tw)
		cell("  " + a.Action)
		if scoped {
			cell(strings.Trim(a.Account+"/"+a.Region, "/"))
		}
		for _, c := range columns {
			if c.show {
				cell(c.of(a.Counts))
			}
		}
	}
	fmt.Fprintln(tw)
	_ = tw.Flush() // into a strings.Builder
	if rest := len(s.Actions) - textActions; rest > 0 {
		fmt.Fprintf(w, "  … and %s, without trouble or rarer\n", plural(uint64(rest), "more action"))
	}
}

// shownActions returns those with trouble first, then the most frequent.
func (s *Summary) shownActions() []Action {
	trouble := func(a Action) bool { return a.Attempts > a.Answered }
	out := slices.Clone(s.Actions)
	slices.SortStableFunc(out, func(a, b Action) int {
		switch {
		case trouble(a) == trouble(b):
			return 0
		case trouble(a):
			return -1
		default:
			return 1
		}
	})
	return out[:min(len(out), textActions)]
}

func (s *Summary) manyScopes() bool {
	return slices.ContainsFunc(s.Actions, func(a Action) bool {
		return a.Account != s.Actions[0].Account || a.Region != s.Actions[0].Region
	})
}

// writeBuckets names the limits that mattered most.
func (s *Summary) writeBuckets(w io.Writer) {
	buckets := slices.Clone(s.Buckets)
	slices.SortStableFunc(buckets, func(a, b Bucket) int {
		return -cmp.Or(cmp.Compare(a.Throttled, b.Throttled), cmp.Compare(a.Attempts, b.Attempts))
	})
	several := severalScopes(buckets)
	for _, b := range buckets[:min(len(buckets), textBuckets)] {
		fmt.Fprintln(w, "  "+b.text(several[b.Quota]))
	}
	if rest := len(buckets) - textBuckets; rest > 0 {
		fmt.Fprintf(w, "  … and %s (--report has all)\n", plural(uint64(rest), "more limit"))
	}
}

// severalScopes returns the quotas of which there is more than one bucket.
func severalScopes(buckets []Bucket) map[string]bool {
	several := make(map[string]bool)
	for _, b := range buckets {
		_, seen := several[b.Quota]
		several[b.Quota] = seen
	}
	return several
}

// text says what let the attempts of one bucket out, and by whose word.
func (b *Bucket) text(scoped bool) string {
	text := "limit " + b.Quota
	if where := strings.Trim(b.Scope, "/"); scoped && where != "" {
		text += " in " + where
	}
	if math.IsInf(float64(b.Rate), 1) {
		return text + ": none (" + b.provenance() + ")"
	}
	text += fmt.Sprintf(": %s/s, burst %s", figure(float64(b.Rate)), figure(float64(b.Burst)))
	text += " ("
	if b.Share < 1 { // the burst can be less than its share: AWS refills in steps
		text += fmt.Sprintf("%s %% of %s/s, capacity %s; ", figure(b.Share*100), figure(float64(b.Refill)), figure(b.Capacity))
	}
	text += b.provenance() + ")"
	if b.Cuts > 0 {
		text += fmt.Sprintf(", cut %s to %s/s", plural(b.Cuts, "time"), figure(float64(b.RateNow)))
	}
	return text
}

func (b *Bucket) provenance() string {
	text := b.Origin
	if b.Origin == "user" && b.Source != "" {
		text = b.Source
	}
	if b.Date != "" {
		text += " " + b.Date
	}
	return text
}

func hostList(hosts []Name) string {
	const show = 3
	var out []string
	for _, h := range hosts[:min(len(hosts), show)] {
		out = append(out, h.Name)
	}
	text := strings.Join(out, ", ")
	if rest := len(hosts) - show; rest > 0 {
		text += fmt.Sprintf(" and %s", plural(uint64(rest), "more host"))
	}
	return text
}

func plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

// figure writes a rate or size to three digits or as a whole number.
func figure(f float64) string {
	if f >= 100 {
		return fmt.Sprintf("%.0f", f)
	}
	return fmt.Sprintf("%.3g", f)
}

func seconds(s Seconds) string {
	d := time.Duration(s)
	switch {
	case d == 0:
		return "-"
	case d < 10*time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}
