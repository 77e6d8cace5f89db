package pacers

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

var (
	withTable = flag.Bool("table", false, "print the table: some minutes")
	rounds    = flag.Int("rounds", 5, "measure this often, and print medians")
)

// A table has a column for each peer.
type table struct {
	columns []string
	rows    []row
}

// A row is one thing that was measured. What a peer can't do is NaN.
type row struct {
	name   string
	format string // of a value
	ratio  bool   // ours is printed as a part of x/time/rate's, too
	values map[string]float64
}

func (tab *table) add(name, format string, ratio bool, values map[string]float64) {
	tab.rows = append(tab.rows, row{name, format, ratio, values})
}

func (tab *table) write(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 1, 1, ' ', 0)
	fmt.Fprintln(w, "| |\t"+strings.Join(tab.columns, " |\t")+" |")
	fmt.Fprintln(w, "|---"+strings.Repeat("|\t---", len(tab.columns))+"|")
	for _, r := range tab.rows {
		fmt.Fprint(w, "| "+r.name+" |")
		for _, name := range tab.columns {
			fmt.Fprint(w, "\t"+r.cell(name)+" |")
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush()
}

func (r row) cell(name string) string {
	v, ok := r.values[name]
	if !ok || math.IsNaN(v) {
		return "–"
	}
	text := fmt.Sprintf(r.format, v)
	if base := r.values[xtime]; r.ratio && name != xtime && base > 0 {
		text += fmt.Sprintf(" (%.2f×)", v/base)
	}
	return text
}

// byPeer measures every peer once in each round, one after another, and returns medians.
func byPeer(all []peer, n int, measure func(peer) float64) map[string]float64 {
	values := map[string][]float64{}
	for range n {
		for _, p := range all {
			values[p.name] = append(values[p.name], measure(p))
		}
	}
	out := map[string]float64{}
	for name, v := range values {
		out[name] = median(v)
	}
	return out
}

// TestTable prints what every peer does at the same work, in one run: see ../README.md.
func TestTable(t *testing.T) {
	if !*withTable {
		t.Skip("some minutes; ask for it with -table")
	}
	tab := &table{}
	for _, p := range peers() {
		tab.columns = append(tab.columns, p.name)
	}
	start := time.Now()
	tab.free()
	tab.waiting(t)
	tab.behaviour(t)
	tab.rates()
	tab.write(os.Stdout)
	m := inProcess(t, million)
	fmt.Printf("\nbotorate with 1,000,000 waiting: %.0f B of heap, %.0f B of stack, %.0f B resident each; enqueued in %.1f µs of processor time each; all let out in %.1f s\n",
		m.Heap, m.Stack, m.RSS, m.Enqueue/1000, m.Drained)
	fmt.Printf("%s, %d processors, medians of %d interleaved rounds, in %v\n", runtime.Version(), runtime.NumCPU(), *rounds, time.Since(start).Round(time.Second))
}

func (tab *table) free() {
	const n, rounds = 200_000, 21
	three := peer{name: "three", make: func(r float64, burst int) pacer { return newGovernor(r, burst, 3) }}
	for _, goroutines := range []int{1, 8, 1000} {
		values := byPeer(append(peers(), three), rounds, func(p peer) float64 { return spent(p.make(freeRate, freeBurst), goroutines, n) })
		name := fmt.Sprintf("free, goroutines: %d, ns", goroutines)
		tab.add(name, "%.0f", true, values)
		tab.add(name+", three buckets", "%.0f", false, map[string]float64{ours: values["three"]})
	}
	tab.add("free, allocations", "%.0f", false, byPeer(peers(), 1, func(p peer) float64 { return allocations(p.make(freeRate, freeBurst)) }))
}

func (tab *table) waiting(t *testing.T) {
	t.Helper()
	found := map[string][]footprint{}
	for range *rounds {
		found[parked] = append(found[parked], inProcess(t, parked))
		for _, p := range paced() {
			found[p.name] = append(found[p.name], inProcess(t, p.name))
		}
	}
	of := func(name string, get func(footprint) float64) float64 {
		var v []float64
		for _, f := range found[name] {
			v = append(v, get(f))
		}
		return median(v)
	}
	for _, r := range []struct {
		name  string
		get   func(footprint) float64
		above bool
	}{
		{"heap, B", func(f footprint) float64 { return f.Heap }, true},
		{"stack, B", func(f footprint) float64 { return f.Stack }, true},
		{"resident, B", func(f footprint) float64 { return f.RSS }, true},
		{"to enqueue, ns of processor", func(f footprint) float64 { return f.Enqueue }, false},
		{"to cancel, ns of processor", func(f footprint) float64 { return f.Cancel }, false},
	} {
		base := of(parked, r.get)
		values, format, name := map[string]float64{}, "%.0f", fmt.Sprintf("100,000 waiting: %s (parked: %.0f)", r.name, base)
		if r.above {
			format, name = "%+.0f", fmt.Sprintf("100,000 waiting: %s above parked (%.0f)", r.name, base)
		}
		for _, p := range paced() {
			v := of(p.name, r.get)
			switch {
			case v < 0:
				v = math.NaN()
			case r.above:
				v -= base
			}
			values[p.name] = v
		}
		tab.add(name, format, !r.above, values)
	}
}

// behaviour is exact: one round is enough.
func (tab *table) behaviour(t *testing.T) {
	t.Helper()
	for _, b := range []struct {
		name, format string
		find         func(*testing.T, peer) float64
	}{
		{"newcomer after a cancelled backlog of 10 s, ms", "%.0f", newcomer},
		{"last survivor of 90 % cancelled, × ideal", "%.2f", survivors},
		{"10/s → 1,000/s, 49 waiting: gone after, ms", "%.0f", faster},
		{"1,000/s → 10/s, 1,900 waiting: left in a second", "%.0f", slower},
		{"a deadline that can't be met is refused after, ms", "%.0f", hopeless},
		{"100,000 at once, 20,000/s, virtual time: s (ideal 5.00)", "%.2f", drained},
	} {
		tab.add(b.name, b.format, false, byPeer(paced(), 1, func(p peer) float64 { return b.find(t, p) }))
	}
}

func (tab *table) rates() {
	const while = 500 * time.Millisecond
	for _, callers := range []int{1, 8, 1000} {
		tab.add(fmt.Sprintf("rate kept at 10,000/s, callers: %d, %%", callers), "%.1f", false,
			byPeer(paced(), *rounds, func(p peer) float64 { return 100 * kept(p.make(10_000, 1), 10_000, callers, while) }))
	}
	tab.add("rate kept at 1,000/s, callers: 1,000, 8 goroutines spinning, %", "%.1f", false,
		byPeer(paced(), *rounds, func(p peer) float64 { return 100 * starved(p.make(1000, 1), 1000, 1000, 2*while) }))
	const n, perSecond = 100_000, 20_000.0
	seconds, over := map[string][]float64{}, map[string][]float64{}
	for range *rounds {
		for _, p := range paced() {
			s, o := flood(p.make(perSecond, 1), n, perSecond)
			seconds[p.name], over[p.name] = append(seconds[p.name], s), append(over[p.name], o)
		}
	}
	fastest, most := map[string]float64{}, map[string]float64{}
	for name := range seconds {
		fastest[name], most[name] = median(seconds[name]), 100*slices.Max(over[name])
	}
	tab.add("100,000 at once, 20,000/s: s (ideal 5.00)", "%.2f", false, fastest)
	tab.add("– let out of what may leave, worst round, %", "%.1f", false, most)
}

// A limiter that lets its first attempt wait would make every other measurement wrong.
func TestPeersStartFull(t *testing.T) {
	for _, p := range peers() {
		start := time.Now()
		if err := p.make(0.001, 1).Wait(context.Background()); err != nil || time.Since(start) > time.Minute {
			t.Errorf("%s: %v after %v", p.name, err, time.Since(start))
		}
	}
}
