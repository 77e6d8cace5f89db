package demo

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

func sample() Result {
	return Result{
		Share: 0.8, Snapshots: 600, Capacity: 100, Refill: 20,
		Unpaced: Scan{Took: 23900 * time.Millisecond, Answered: 490, Lost: 110, Throttles: 414, NeighbourCalls: 100, NeighbourRefused: 66},
		Paced:   Scan{Took: 33810 * time.Millisecond, Answered: 600, NeighbourCalls: 140},
	}
}

func TestText(t *testing.T) {
	broken := sample()
	broken.Paced.Answered, broken.Paced.Lost, broken.Paced.Throttles, broken.Paced.NeighbourRefused = 599, 1, 4, 2
	small := Result{
		Share: 0.5, Snapshots: 30, Capacity: 100, Refill: 20,
		Unpaced: Scan{Took: time.Second / 8, Answered: 30}, Paced: Scan{Took: time.Second / 7, Answered: 30, NeighbourCalls: 1},
	}
	for _, tt := range []struct {
		name   string
		result Result
		paint  palette
	}{
		{"kept", sample(), false},
		{"colour", sample(), true},
		{"broken", broken, false},
		{"small", small, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			if err := writeIntro(&b, Options{Share: tt.result.Share, Snapshots: tt.result.Snapshots}, tt.paint); err != nil {
				t.Fatal(err)
			}
			if err := writeResult(&b, tt.result, tt.paint); err != nil {
				t.Fatal(err)
			}
			golden(t, tt.name, b.String())
			if tt.paint {
				return
			}
			for line := range strings.Lines(b.String()) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
					t.Errorf("%d columns: %s", n, line)
				}
			}
		})
	}
}

// TestPlainProgress: without a terminal, a line for each quarter of each scan.
func TestPlainProgress(t *testing.T) {
	var b strings.Builder
	s := screen{w: &b}
	for _, paced := range []bool{false, true} {
		for n := range 100 {
			lost := 0
			if !paced {
				lost = n / 10
			}
			s.update(Progress{Paced: paced, Answered: n + 1 - lost, Lost: lost, Total: 100, Elapsed: time.Duration(n) * time.Second})
		}
	}
	s.end()
	golden(t, "progress", b.String())
}

func TestErr(t *testing.T) {
	r := sample()
	if err := r.Err(); err != nil {
		t.Errorf("a clean scan: %v", err)
	}
	r.Paced.Lost, r.Paced.Throttles = 1, 2
	want := "the scan through botorate lost 1 snapshot, met 2 throttles, and had 0 calls of its neighbour's refused"
	if err := r.Err(); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
