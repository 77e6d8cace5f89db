package daemon

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/learnt"
)

// What is found while a command runs is in the file a minute later, and all of it at the end, though the run was ended.
func TestMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "learnt.json")
	id := botorate.BucketID{Quota: "iam:GetRole", Scope: "123456789012"}
	rate := func(m *memory) float64 { return m.known[id].Rate }
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m := remember(ctx, path)
		var now atomic.Int64
		stop := m.keep(ctx, func() learnt.Readings {
			return learnt.Readings{id: {Rate: float64(now.Load()), At: time.Now()}}
		})
		now.Store(10)
		time.Sleep(rememberEvery - time.Second)
		if got := rate(remember(ctx, path)); got != 0 {
			t.Errorf("saved %v within the first minute", got)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := rate(remember(ctx, path)); got != 10 {
			t.Errorf("a minute later the file has %v, want 10", got)
		}
		now.Store(20)
		cancel()
		stop()
		if got := rate(remember(t.Context(), path)); got != 20 {
			t.Errorf("at the end the file has %v, want 20", got)
		}
		if told := m.told(); len(told) != 0 {
			t.Errorf("warnings %q", told)
		}
	})
}

// A failure that comes again and again is told once.
func TestMemoryWarnsOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m := remember(t.Context(), filepath.Join(dir, "learnt.json"))
	for range 3 {
		m.save(t.Context(), learnt.Readings{botorate.BucketID{Quota: "q"}: {Rate: 1, At: time.Now()}})
	}
	saves := 0
	for _, w := range m.told() {
		if strings.HasPrefix(w, "save what was learnt: ") {
			saves++
		}
	}
	if saves != 1 {
		t.Errorf("warnings %q, want one of saving", m.told())
	}
}

func TestNoMemory(t *testing.T) {
	m := remember(t.Context(), "")
	m.keep(t.Context(), func() learnt.Readings { t.Error("asked for nothing"); return nil })()
	if _, ok := m.learnt(botorate.BucketID{}); ok || len(m.told()) != 0 {
		t.Errorf("known %v, warnings %q", ok, m.told())
	}
}

// The report says that a limit was found, by which run and when.
func TestBucketsFound(t *testing.T) {
	at := time.Date(2026, 11, 20, 23, 0, 0, 0, time.UTC)
	earlier, now := botorate.BucketID{Quota: "earlier"}, botorate.BucketID{Quota: "now"}
	d := &Daemon{learnt: remember(t.Context(), "").learnt}
	if _, ok := d.found(&botorate.BucketState{ID: now, Limit: botorate.Limit{Unknown: true}}, nil); ok {
		t.Error("found what nobody did")
	}
	d.learnt = (&memory{known: learnt.Readings{earlier: {Rate: 1, At: at}, now: {Rate: 1, At: at}}}).learnt
	found := learnt.Readings{now: {Rate: 2, At: at}}
	for id, want := range map[botorate.BucketID]float64{earlier: 1, now: 2} {
		if l, ok := d.found(&botorate.BucketState{ID: id, Limit: botorate.Limit{Unknown: true}}, found); !ok || l.Rate != want {
			t.Errorf("%s: %v, %v; want a rate of %v", id.Quota, l, ok, want)
		}
		if _, ok := d.found(&botorate.BucketState{ID: id}, found); ok {
			t.Errorf("%s has a limit that is published, and was found", id.Quota)
		}
	}
}
