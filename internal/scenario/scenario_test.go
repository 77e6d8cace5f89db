package scenario

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the expected reports")

// TestScenarios plays every scenario that is shipped: its assertions hold, and its report is the expected one to the byte.
func TestScenarios(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			playShipped(t, name)
		})
	}
}

func playShipped(t *testing.T, name string) {
	t.Helper()
	data, err := Shipped(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(name, data)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(f, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Checks {
		if !c.Held {
			t.Errorf("%s: %s", c.Assertion, c.Got)
		}
	}
	if len(r.Checks) == 0 {
		t.Error("nothing is asserted")
	}
	var got bytes.Buffer
	if err := r.WriteText(&got); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(filepath.Join("scenarios", name+".txtar"), f.WithReport(got.Bytes()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(f.Report), got.String()); diff != "" {
		t.Errorf("the report (-want +got; -update writes it):\n%s", diff)
	}
}

// TestReadme: the README shows what `botorate lab run --markdown seeds-experiment` prints.
func TestReadme(t *testing.T) {
	const name = "../../README.md"
	readme, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data, err := Shipped("seeds-experiment")
	if err != nil {
		t.Fatal(err)
	}
	var printed bytes.Buffer
	if err := played(t, string(data)).WriteMarkdown(&printed); err != nil {
		t.Fatal(err)
	}
	_, tables, _ := bytes.Cut(printed.Bytes(), []byte("\n\n"))
	if bytes.Contains(readme, tables) {
		return
	}
	start, end := bytes.Index(readme, []byte("| scan | time |")), bytes.Index(readme, []byte("\n\nIn the scan of a whole account"))
	if !*update || start < 0 || end < start {
		t.Fatalf("the README doesn't show this (-update writes it):\n%s", tables)
	}
	if err := os.WriteFile(name, slices.Concat(readme[:start], bytes.TrimSpace(tables), readme[end:]), 0o600); err != nil {
		t.Fatal(err)
	}
}
