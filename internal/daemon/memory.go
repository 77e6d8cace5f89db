package daemon

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/learnt"
)

const (
	// rememberEvery is how often what was learnt is saved while a command runs: what a crash can lose.
	rememberEvery = time.Minute
	// rememberWait is how long other processes that write the file are waited for.
	rememberWait = 2 * time.Second
)

// A memory is what was learnt of limits that nobody published, in earlier runs and in this one. What goes wrong with its file
// costs no run anything but a warning.
type memory struct {
	store learnt.Store // without a path nothing is remembered
	known learnt.Readings

	mu       sync.Mutex
	warnings []string // each once
}

// remember reads what earlier runs learnt.
func remember(ctx context.Context, path string) *memory {
	m := &memory{store: learnt.Store{Path: path}}
	if path == "" {
		return m
	}
	ctx, cancel := context.WithTimeout(ctx, rememberWait)
	defer cancel()
	var err error
	m.known, err = m.store.Load(ctx, time.Now())
	m.warn(err)
	return m
}

// learnt is what a governor asks: [botorate.Options].Learnt.
func (m *memory) learnt(id botorate.BucketID) (botorate.Learnt, bool) {
	l, ok := m.known[id]
	return l, ok
}

// keep saves what is known now, from time to time and once more when the returned function is called, which returns when that is done.
func (m *memory) keep(ctx context.Context, now func() learnt.Readings) (stop func()) {
	if m.store.Path == "" {
		return func() {}
	}
	ctx = context.WithoutCancel(ctx) // what a run that was ended has learnt is true, too
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(rememberEvery)
		defer ticker.Stop()
		for more := true; more; {
			select {
			case <-quit:
				more = false
			case <-ticker.C:
			}
			m.save(ctx, now())
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

func (m *memory) save(ctx context.Context, readings learnt.Readings) {
	if len(readings) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, rememberWait)
	defer cancel()
	m.warn(m.store.Save(ctx, time.Now(), readings))
}

func (m *memory) warn(err error) {
	if err == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if text := err.Error(); !slices.Contains(m.warnings, text) {
		m.warnings = append(m.warnings, text)
	}
}

// told returns the warnings so far.
func (m *memory) told() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.warnings)
}
