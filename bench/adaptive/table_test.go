package adaptive

import (
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/botorate/botorate/internal/trial"
)

var (
	withTable = flag.Bool("table", false, "print the table: some minutes")
	seeds     = flag.Int("seeds", 10, "play each trial with this many seeds, and print means")
	heldOut   = flag.Bool("held-out", false, "the trials, too, that were not looked at while the adaptation was made")
)

// A column is a way of pacing.
type column struct {
	name string
	play func(*testing.T, trial.Scenario, uint64) trial.Score
}

func columns() []column {
	ours := func(limit func(trial.Scenario) trial.Pacer) func(*testing.T, trial.Scenario, uint64) trial.Score {
		return func(_ *testing.T, s trial.Scenario, seed uint64) trial.Score {
			return trial.Run(s, seed, func() trial.Pacer { return limit(s) })
		}
	}
	return []column{
		{"SDK adaptive", runSDK},
		{"AIMD", ours(func(trial.Scenario) trial.Pacer { return trial.NewAIMD() })},
		{"ours, limit unknown", ours(func(s trial.Scenario) trial.Pacer { return trial.NewGoverned(s.Unknown()) })},
		{"ours, known", ours(func(s trial.Scenario) trial.Pacer { return trial.NewGoverned(s.Known(share(s))) })},
	}
}

// share is the part of the limit that who knows it takes: all, but where there are others and a headroom for them.
func share(s trial.Scenario) float64 {
	if s.Name == trial.Within {
		return 0.8
	}
	return 1
}

// A mean is what the seeds of one trial showed. The longest wait is the longest of all.
type mean struct {
	n                                     float64
	throttled, use, refused, p99, longest float64
}

func (m *mean) add(s trial.Score) {
	m.n++
	m.throttled += s.ThrottledPercent()
	m.use += s.UsePercent()
	m.refused += s.RefusedPercent()
	m.p99 += s.P99Wait.Seconds()
	m.longest = math.Max(m.longest, s.MaxWait.Seconds())
}

func (m *mean) cell(others bool) string {
	refused := "–"
	if others {
		refused = fmt.Sprintf("%.2f", m.refused/m.n)
	}
	return fmt.Sprintf("%.2f / %.1f / %s / %.1f", m.throttled/m.n, m.use/m.n, refused, m.p99/m.n)
}

// TestTable plays every trial by every way of pacing, and prints one table: see ../README.md.
func TestTable(t *testing.T) {
	if !*withTable {
		t.Skip("some minutes; ask for it with -table")
	}
	var scenarios []trial.Scenario
	for _, s := range trial.Scenarios() {
		if !s.HeldOut || *heldOut {
			scenarios = append(scenarios, s)
		}
	}
	start, means := time.Now(), make([][]mean, len(scenarios))
	t.Run("trials", func(t *testing.T) {
		var mu sync.Mutex
		for i, s := range scenarios {
			means[i] = make([]mean, len(columns()))
			for j, c := range columns() {
				for seed := range *seeds {
					t.Run(fmt.Sprintf("%s/%s/%d", s.Name, c.name, seed+1), func(t *testing.T) {
						t.Parallel()
						score := c.play(t, s, uint64(seed+1))
						mu.Lock()
						defer mu.Unlock()
						means[i][j].add(score)
					})
				}
			}
		}
	})
	writeTable(os.Stdout, scenarios, means)
	fmt.Printf("\nOur throttled attempts %% / use of what is free %% / others' refused %% / p99 of a call's wait, s. %v of virtual time each, means of %d seeds. %s, in %v\n",
		trial.Length, *seeds, runtime.Version(), time.Since(start).Round(time.Second))
}

func writeTable(out io.Writer, scenarios []trial.Scenario, means [][]mean) {
	w := tabwriter.NewWriter(out, 0, 1, 1, ' ', 0)
	head, rule := "| |\t", "|---|\t"
	for _, c := range columns() {
		head, rule = head+c.name+" |\t", rule+"---|\t"
	}
	fmt.Fprintln(w, head)
	fmt.Fprintln(w, rule)
	for i, s := range scenarios {
		fmt.Fprintf(w, "| %s |\t", s.Name)
		for j := range means[i] {
			fmt.Fprint(w, means[i][j].cell(len(s.Others) > 0), " |\t")
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush()
}

// In the trials the SDK does what it is known for, so that they are fair to it: it uses what there is, and pays with throttles.
func TestSDK(t *testing.T) {
	s := trial.Scenarios()[0]
	sdk := runSDK(t, s, 1)
	if throttled, use := sdk.ThrottledPercent(), sdk.UsePercent(); throttled < 2 || throttled > 12 || use < 95 || sdk.P99Wait < 5*time.Second {
		t.Errorf("%s: %.2f %% throttled, %.1f %% used, p99 %v; it is known for about 6 %%, 99 %% and 25 s", s.Name, throttled, use, sdk.P99Wait)
	}
	for _, c := range columns()[2:] {
		ours := c.play(t, s, 1)
		if ours.ThrottledPercent() > sdk.ThrottledPercent()/10 || ours.P99Wait > sdk.P99Wait {
			t.Errorf("%s: %.2f %% throttled, p99 %v; the SDK %.2f %% and %v", c.name, ours.ThrottledPercent(), ours.P99Wait, sdk.ThrottledPercent(), sdk.P99Wait)
		}
	}
}
