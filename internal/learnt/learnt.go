// Package learnt remembers, from one run to the next, what was learnt of limits that nobody published: a small file in the
// user's state directory that several processes share.
//
// A file is replaced as a whole, so that whoever reads it or is killed meanwhile finds the old or the new one. Who writes holds a lock
// and merges: of two readings of a bucket the newer is kept, and no reading of another process is lost. A file that is damaged, or
// that a newer botorate wrote, is renamed and told of, and a new one begun. docs/config.md describes the file for its user.
package learnt

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/botorate/botorate"
)

const (
	// maxAge is how long a reading is of use without being confirmed: what AWS grants an account changes seldom, and the
	// first throttles correct what did.
	maxAge = 30 * 24 * time.Hour
	// maxEntries bounds the file; the readings confirmed last are kept.
	maxEntries = 4096
	// clockSkew is how far ahead of our clock a reading's date is believed.
	clockSkew = 5 * time.Minute
)

// DefaultPath returns where the user's file is: learnt.json in botorate's folder of XDG_STATE_HOME, else of the platform's
// place for such files. The error tells that the user has no home.
func DefaultPath(getenv func(string) string) (string, error) {
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) { // the specification has relative ones ignored
		return filepath.Join(dir, "botorate", "learnt.json"), nil
	}
	if dir := getenv("LocalAppData"); runtime.GOOS == "windows" && filepath.IsAbs(dir) {
		return filepath.Join(dir, "botorate", "learnt.json"), nil
	}
	home, place := getenv("HOME"), filepath.Join(".local", "state")
	switch runtime.GOOS {
	case "windows":
		home, place = getenv("USERPROFILE"), filepath.Join("AppData", "Local")
	case "darwin":
		place = filepath.Join("Library", "Application Support")
	}
	if !filepath.IsAbs(home) {
		return "", errors.New("no state directory: neither XDG_STATE_HOME nor a home directory is set")
	}
	return filepath.Join(home, place, "botorate", "learnt.json"), nil
}

// A Store is one file. Any number of them, in any number of processes, may be used for the same file at once.
type Store struct {
	Path string
}

// Readings are what was learnt, by bucket.
type Readings = map[botorate.BucketID]botorate.Learnt

// A SetAsideError tells that a file could not be understood and was renamed. What it is returned with has succeeded.
type SetAsideError struct {
	Path string
	To   string // its new name
	Err  error  // what is wrong with it
}

func (e *SetAsideError) Error() string {
	return fmt.Sprintf("%s: %v; it is kept as %s, and a new one begun", e.Path, e.Err, filepath.Base(e.To))
}

func (e *SetAsideError) Unwrap() error { return e.Err }

// Load returns what the file has that isn't too old at now: nothing if there is no file. The readings are good whatever the error
// is. ctx bounds how long it waits for processes that write.
func (s *Store) Load(ctx context.Context, now time.Time) (Readings, error) {
	if _, err := os.Stat(s.Path); errors.Is(err, fs.ErrNotExist) {
		return Readings{}, nil
	}
	unlock, lockErr := lock(ctx, s.Path+".lock")
	if lockErr == nil {
		defer unlock()
	}
	entries, _, err := s.read()
	var damaged *damagedError
	if lockErr == nil && errors.As(err, &damaged) {
		err = s.setAside(now, damaged)
	}
	out := Readings{}
	for id, l := range newest(now, entries) {
		if now.Sub(l.At) <= maxAge {
			out[id] = l
		}
	}
	return out, wrap("read what was learnt", err)
}

// Save adds the readings to the file: of a bucket that it has, the reading that was confirmed last is kept. What is too old at now is dropped,
// and, beyond 4,096 buckets, the oldest. Buckets whose names are no text of a reasonable length are not kept.
// After a [SetAsideError] the readings are saved. ctx bounds how long it waits for others that write.
func (s *Store) Save(ctx context.Context, now time.Time, readings Readings) error {
	return wrap("save what was learnt", s.save(ctx, now, readings))
}

func (s *Store) save(ctx context.Context, now time.Time, readings Readings) error {
	if err := os.MkdirAll(filepath.Dir(s.Path), 0o700); err != nil {
		return err
	}
	unlock, err := lock(ctx, s.Path+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	entries, old, err := s.read()
	var aside error
	if damaged, ok := errors.AsType[*damagedError](err); ok {
		aside = s.setAside(now, damaged)
		if _, done := errors.AsType[*SetAsideError](aside); !done {
			return aside
		}
	} else if err != nil {
		return err
	}
	for id, l := range readings {
		if e := newEntry(id, l); e.check() == nil {
			entries = append(entries, e)
		}
	}
	data := encode(keep(now, newest(now, entries)))
	if bytes.Equal(data, old) {
		return aside
	}
	return errors.Join(aside, s.replace(data))
}

// newest returns the newest entry of each bucket. A date in the future, left by a clock that was wrong, would be the newest for ever: it is
// replaced by one half-way to too old, so that any that is new wins, and from when on it ages.
func newest(now time.Time, entries []entry) Readings {
	out := make(Readings, len(entries))
	for _, e := range entries {
		id, l := e.reading()
		if l.At.After(now.Add(clockSkew)) {
			l.At = now.Add(-maxAge / 2)
		}
		if have, ok := out[id]; !ok || l.At.After(have.At) {
			out[id] = l
		}
	}
	return out
}

// keep returns the readings to write, by scope and quota.
func keep(now time.Time, readings Readings) []entry {
	var out []entry
	for id, l := range readings {
		if now.Sub(l.At) <= maxAge {
			out = append(out, newEntry(id, l))
		}
	}
	byName := func(a, b entry) int { return cmp.Or(cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Quota, b.Quota)) }
	if len(out) > maxEntries {
		slices.SortFunc(out, func(a, b entry) int {
			return cmp.Or(b.At.Compare(a.At), byName(a, b))
		})
		out = out[:maxEntries]
	}
	slices.SortFunc(out, byName)
	return out
}

// read returns the file's entries and text: none if there is no file. The error is a *damagedError if it is not understood.
func (s *Store) read() ([]entry, []byte, error) {
	info, err := os.Stat(s.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	case !info.Mode().IsRegular():
		return nil, nil, &fs.PathError{Op: "open", Path: s.Path, Err: errors.New("not a file")}
	}
	f, err := os.Open(s.Path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, nil, err
	}
	entries, err := decode(data)
	if err != nil {
		return nil, data, err
	}
	return entries, data, nil
}

// setAside renames the file. It must be called under the lock. The error is a *SetAsideError if that was done.
func (s *Store) setAside(now time.Time, damaged *damagedError) error {
	base := s.Path + "." + damaged.kind + "-" + now.UTC().Format("20060102T150405Z")
	to := base
	for n := 2; ; n++ {
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return errors.Join(damaged, err)
		}
		to = fmt.Sprintf("%s.%d", base, n)
	}
	if err := os.Rename(s.Path, to); err != nil {
		return errors.Join(damaged, err)
	}
	return &SetAsideError{Path: s.Path, To: to, Err: damaged}
}

// replace writes a new file beside the old one, and puts it in its place when it is on the disk. It must be called under the lock: then what
// has the new one's name is left of a process that was killed.
func (s *Store) replace(data []byte) (err error) {
	name := s.Path + ".new"
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // beside the file that the user names
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(name, s.Path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(name))
	}
	if dir, err := os.Open(filepath.Dir(s.Path)); err == nil { // where a folder can be synced
		_ = dir.Sync()
		_ = dir.Close()
	}
	return nil
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
