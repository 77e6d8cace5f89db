package learnt

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/botorate/botorate"
)

var now = time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)

const account = "123456789012"

func id(quota string) botorate.BucketID { return botorate.BucketID{Quota: quota, Scope: account} }

func reading(rate float64, at time.Time) botorate.Learnt {
	return botorate.Learnt{Rate: rate, Burst: 40, Steady: 90 * time.Second, At: at}
}

func newStore(t *testing.T) *Store {
	t.Helper()
	return &Store{Path: filepath.Join(t.TempDir(), "state", "botorate", "learnt.json")}
}

func (s *Store) mustSave(t *testing.T, at time.Time, r Readings) {
	t.Helper()
	if err := s.Save(t.Context(), at, r); err != nil {
		t.Fatal(err)
	}
}

func (s *Store) mustLoad(t *testing.T, at time.Time) Readings {
	t.Helper()
	r, err := s.Load(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (s *Store) write(t *testing.T, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.Path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.Path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// files returns the names beside the store's, without the lock's.
func (s *Store) files(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(s.Path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "learnt.json.lock" {
			names = append(names, e.Name())
		}
	}
	return names
}

const text = `{
  "version": 1,
  "about": "Limits that botorate found by itself. You may edit or delete entries, or the file.",
  "buckets": [
    {"quota":"iam:Get<User>","scope":"123456789012","rate":19.8333,"burst":40,"steady":"1m30s","at":"2026-11-23T20:00:00Z"},
    {"quota":"rds:DescribeDBInstances","scope":"123456789012/eu-west-1","rate":4,"burst":0,"steady":"0s","at":"2026-11-23T19:00:00Z"}
  ]
}
`

func TestTheFileIsForPeopleToo(t *testing.T) {
	s := newStore(t)
	rds := botorate.BucketID{Quota: "rds:DescribeDBInstances", Scope: account + "/eu-west-1"}
	s.mustSave(t, now, Readings{
		rds:                 {Rate: 4, At: now.Add(-time.Hour)},
		id("iam:Get<User>"): reading(19.833333333, now.Add(123*time.Millisecond).In(time.FixedZone("", 3600))),
	})
	got, err := os.ReadFile(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text, string(got)); diff != "" {
		t.Errorf("the file (-want +got)\n%s", diff)
	}
	want := Readings{rds: {Rate: 4, At: now.Add(-time.Hour)}, id("iam:Get<User>"): reading(19.8333, now)}
	if diff := cmp.Diff(want, s.mustLoad(t, now)); diff != "" {
		t.Errorf("loaded (-want +got)\n%s", diff)
	}
	info, err := os.Stat(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode %v, want -rw-------", info.Mode())
	}
}

func TestWithoutAFile(t *testing.T) {
	s := newStore(t)
	if got := s.mustLoad(t, now); len(got) != 0 {
		t.Errorf("loaded %v from no file", got)
	}
	if _, err := os.Stat(filepath.Dir(s.Path)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder was made for nothing: %v", err)
	}
}

// What is already there is merged: by bucket, the reading confirmed last.
func TestMerge(t *testing.T) {
	tests := []struct {
		name             string
		had, saved, want Readings
	}{
		{
			"another bucket stays",
			Readings{id("a"): reading(1, now)},
			Readings{id("b"): reading(2, now)},
			Readings{id("a"): reading(1, now), id("b"): reading(2, now)},
		},
		{
			"a newer reading wins",
			Readings{id("a"): reading(1, now.Add(-time.Minute))},
			Readings{id("a"): reading(2, now)},
			Readings{id("a"): reading(2, now)},
		},
		{
			"an older one loses",
			Readings{id("a"): reading(1, now)},
			Readings{id("a"): reading(2, now.Add(-time.Minute))},
			Readings{id("a"): reading(1, now)},
		},
		{
			"what is too old is dropped",
			Readings{id("a"): reading(1, now.Add(-29*24*time.Hour))},
			Readings{id("b"): reading(2, now.Add(-31*24*time.Hour))},
			Readings{id("a"): reading(1, now.Add(-29*24*time.Hour))},
		},
		{
			"a date of a clock that was wrong does not win",
			Readings{id("a"): reading(1, now.Add(10*365*24*time.Hour))},
			Readings{id("a"): reading(2, now)},
			Readings{id("a"): reading(2, now)},
		},
		{
			"but is used while there is nothing else",
			Readings{id("a"): reading(1, now.Add(365*24*time.Hour))},
			nil,
			Readings{id("a"): reading(1, now.Add(-maxAge/2))},
		},
		{
			"a clock that is a little ahead is believed",
			Readings{id("a"): reading(1, now.Add(time.Minute))},
			Readings{id("a"): reading(2, now)},
			Readings{id("a"): reading(1, now.Add(time.Minute))},
		},
		{
			"a clock that stands in 1970 harms nothing",
			Readings{id("a"): reading(1, now)},
			Readings{id("a"): reading(2, time.Unix(100, 0)), id("b"): reading(2, time.Unix(100, 0))},
			Readings{id("a"): reading(1, now)},
		},
		{"what is no reading is not kept", nil, Readings{
			id("nan"): reading(math.NaN(), now), id("none"): reading(0, now), id("inf"): reading(math.Inf(1), now),
			id("undated"): reading(1, time.Time{}), id("line\nfeed"): reading(1, now), id("\xff"): reading(1, now),
			id(strings.Repeat("x", 513)): reading(1, now), id(""): reading(1, now), id("a"): reading(1, now),
		}, Readings{id("a"): reading(1, now)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore(t)
			s.mustSave(t, now, tt.had)
			s.mustSave(t, now, tt.saved)
			if diff := cmp.Diff(tt.want, s.mustLoad(t, now)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestTooOldIsNotLoaded(t *testing.T) {
	s := newStore(t)
	s.mustSave(t, now, Readings{id("a"): reading(1, now), id("b"): reading(2, now.Add(2*time.Minute))})
	later := now.Add(maxAge + time.Minute)
	if diff := cmp.Diff(Readings{id("b"): reading(2, now.Add(2*time.Minute))}, s.mustLoad(t, later)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// The number of buckets is bounded; the oldest go, and a future date is no way to stay.
func TestBounded(t *testing.T) {
	s := newStore(t)
	many := Readings{id("future"): reading(1, now.Add(365*24*time.Hour))}
	for i := range maxEntries + 9 {
		many[id(fmt.Sprintf("q%05d", i))] = reading(1, now.Add(-time.Duration(i)*time.Second))
	}
	s.mustSave(t, now, many)
	got := s.mustLoad(t, now)
	_, first := got[id("q00000")]
	_, last := got[id(fmt.Sprintf("q%05d", maxEntries-1))]
	_, over := got[id(fmt.Sprintf("q%05d", maxEntries))]
	_, future := got[id("future")]
	if len(got) != maxEntries || !first || !last || over || future {
		t.Errorf("kept %d buckets, the first %v, the last that fits %v, the next %v, the future one %v", len(got), first, last, over, future)
	}
}

// A clock that was years ahead dates nothing for years: what it left is too old in time, though nobody reads it anew.
func TestFutureAges(t *testing.T) {
	s := newStore(t)
	s.mustSave(t, now, Readings{id("a"): reading(1, now.Add(10*365*24*time.Hour))})
	later := now.Add(20 * 24 * time.Hour)
	s.mustSave(t, later, Readings{id("b"): reading(2, later)})
	if diff := cmp.Diff(Readings{id("b"): reading(2, later)}, s.mustLoad(t, later)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestUnchangedIsNotWritten(t *testing.T) {
	s := newStore(t)
	s.mustSave(t, now, Readings{id("a"): reading(1, now)})
	before, err := os.Stat(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	s.mustSave(t, now.Add(time.Minute), Readings{id("a"): reading(1, now)})
	if after, err := os.Stat(s.Path); err != nil || !os.SameFile(before, after) {
		t.Errorf("it was written anew, or is gone: %v", err)
	}
}

// A file that isn't understood is kept under another name and told of, and a new one is begun.
func TestSetAside(t *testing.T) {
	const line = `{"quota":"q","scope":"","rate":1,"burst":0,"steady":"0s","at":"2026-11-23T19:00:00Z"}`
	of := func(line string) string { return `{"version":1,"about":"","buckets":[` + line + `]}` }
	with := func(old, new string) string { return of(strings.Replace(line, old, new, 1)) }
	tests := []struct{ name, text, want string }{
		{"nothing", "", "corrupt"},
		{"half", text[:len(text)/2], "corrupt"},
		{"more behind", text + "{}", "corrupt"},
		{"bytes", "\x00\xff\x00", "corrupt"},
		{"another kind", `[]`, "corrupt"},
		{"null", `null`, "corrupt"},
		{"no version", `{}`, "corrupt"},
		{"newer", `{"version": 2, "limits": {}}`, "newer"},
		{"an unknown key", with("burst", "brust"), "corrupt"},
		{"no rate", with(`"rate":1`, `"rate":0`), "corrupt"},
		{"a negative rate", with(`"rate":1`, `"rate":-1`), "corrupt"},
		{"a huge rate", with(`"rate":1`, `"rate":1e999`), "corrupt"},
		{"a negative burst", with(`"burst":0`, `"burst":-1`), "corrupt"},
		{"a negative time", with(`"0s"`, `"-1s"`), "corrupt"},
		{"no time", with(`"0s"`, `"soon"`), "corrupt"},
		{"no date", with(`"2026-11-23T19:00:00Z"`, `"0001-01-01T00:00:00Z"`), "corrupt"},
		{"no name", with(`"q"`, `""`), "corrupt"},
		{"too large", text + strings.Repeat(" ", maxSize), "corrupt"},
		{"good", of(line), ""},
	}
	for _, how := range []string{"load", "save"} {
		for _, tt := range tests {
			t.Run(how+"/"+tt.name, func(t *testing.T) { testSetAside(t, how, tt.text, tt.want) })
		}
	}
}

func testSetAside(t *testing.T, how, text, kind string) {
	t.Helper()
	s := newStore(t)
	s.write(t, text)
	var err error
	want := []string{"learnt.json"}
	if how == "save" {
		err = s.Save(t.Context(), now, Readings{id("a"): reading(1, now)})
	} else {
		_, err = s.Load(t.Context(), now)
	}
	if kind == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if how == "load" {
		want = nil
	}
	want = append(want, "learnt.json."+kind+"-20261123T200000Z")
	var aside *SetAsideError
	if !errors.As(err, &aside) || !strings.Contains(err.Error(), "kept as "+want[len(want)-1]) {
		t.Fatalf("error %v, want that the file was set aside", err)
	}
	if diff := cmp.Diff(want, s.files(t)); diff != "" {
		t.Errorf("files (-want +got)\n%s", diff)
	}
	if kept, err := os.ReadFile(aside.To); err != nil || string(kept) != text {
		t.Errorf("what was kept is not what was there: %v", err)
	}
	if got := s.mustLoad(t, now); how == "save" && got[id("a")] != reading(1, now) {
		t.Errorf("after it was saved the file has %v", got)
	}
}

// Nothing set aside is written over, even in the same second.
func TestSetAsideAgain(t *testing.T) {
	s := newStore(t)
	for _, text := range []string{"one", "two", "three"} {
		s.write(t, text)
		if _, err := s.Load(t.Context(), now); err == nil {
			t.Fatal("no warning")
		}
	}
	const name = "learnt.json.corrupt-20261123T200000Z"
	if diff := cmp.Diff([]string{name, name + ".2", name + ".3"}, s.files(t)); diff != "" {
		t.Errorf("files (-want +got)\n%s", diff)
	}
}

func TestTheLineOfAMistake(t *testing.T) {
	for _, broken := range []string{strings.Replace(text, `"rate":4,`, `"rate":4,,`, 1), strings.Replace(text, `"rate":4`, `"rate":"4"`, 1)} {
		if _, err := decode([]byte(broken)); err == nil || !strings.Contains(err.Error(), "line 6: ") {
			t.Errorf("error %v, want one in line 6", err)
		}
	}
}

// What a process leaves that is killed while it writes: half of a new file, and a lock that nobody holds.
func TestLeftovers(t *testing.T) {
	s := newStore(t)
	s.mustSave(t, now, Readings{id("a"): reading(1, now)})
	for _, name := range []string{".new", ".lock"} {
		if err := os.WriteFile(s.Path+name, []byte(text[:40]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.mustLoad(t, now); len(got) != 1 {
		t.Errorf("loaded %v", got)
	}
	s.mustSave(t, now, Readings{id("b"): reading(1, now)})
	if got := s.mustLoad(t, now); len(got) != 2 {
		t.Errorf("loaded %v", got)
	}
	if diff := cmp.Diff([]string{"learnt.json"}, s.files(t)); diff != "" {
		t.Errorf("files (-want +got)\n%s", diff)
	}
}

// Where nothing can be written the error says so, nothing is harmed, and what is there can be read.
func TestUnwritable(t *testing.T) {
	t.Run("the folder is a file", func(t *testing.T) {
		s := &Store{Path: filepath.Join(t.TempDir(), "file", "learnt.json")}
		if err := os.WriteFile(filepath.Dir(s.Path), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.Save(t.Context(), now, Readings{id("a"): reading(1, now)}); err == nil {
			t.Error("saved")
		}
	})
	t.Run("the file is a folder", func(t *testing.T) {
		s := newStore(t)
		if err := os.MkdirAll(s.Path, 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := s.Load(t.Context(), now)
		if err == nil || s.Save(t.Context(), now, Readings{id("a"): reading(1, now)}) == nil {
			t.Errorf("loaded, or saved: %v", err)
		}
	})
	t.Run("the folder is only to be read", func(t *testing.T) {
		s := newStore(t)
		s.mustSave(t, now, Readings{id("a"): reading(1, now)})
		if err := os.Remove(s.Path + ".lock"); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Dir(s.Path), 0o500); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(filepath.Dir(s.Path), 0o700) })
		if f, err := os.Create(s.Path + ".probe"); err == nil {
			_ = f.Close()
			t.Skip("this user may write everywhere")
		}
		if got := s.mustLoad(t, now); len(got) != 1 {
			t.Errorf("loaded %v", got)
		}
		if err := s.Save(t.Context(), now, Readings{id("b"): reading(1, now)}); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("error %v, want that it may not", err)
		}
	})
}

func TestDefaultPath(t *testing.T) {
	dir := t.TempDir()
	tests := []struct {
		env  map[string]string
		want string // below dir
	}{
		{map[string]string{"XDG_STATE_HOME": dir, "HOME": "/nowhere", "USERPROFILE": "/nowhere"}, "botorate/learnt.json"},
		{map[string]string{"XDG_STATE_HOME": "relative"}, ""},
		{map[string]string{"HOME": "relative"}, ""},
		{nil, ""},
	}
	if runtime.GOOS == "linux" {
		tests = append(tests, tests[0])
		tests[len(tests)-1].env = map[string]string{"HOME": dir, "XDG_STATE_HOME": "relative"}
		tests[len(tests)-1].want = ".local/state/botorate/learnt.json"
	}
	for _, tt := range tests {
		got, err := DefaultPath(func(name string) string { return tt.env[name] })
		if tt.want == "" {
			if err == nil {
				t.Errorf("%v: %s, want an error", tt.env, got)
			}
			continue
		}
		if want := filepath.Join(dir, filepath.FromSlash(tt.want)); got != want || err != nil {
			t.Errorf("%v: %s, %v; want %s", tt.env, got, err, want)
		}
	}
}

// Whatever is in a file, it is understood or refused; what is understood is written as it was, and understood again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(text))
	f.Add([]byte(`{"version":1,"buckets":[{"quota":"a","rate":1e-7,"steady":"1h","at":"2026-11-23T20:00:00+01:00"}]}`))
	f.Add([]byte(`{"version":2}`))
	f.Add([]byte(`{"version":1,"buckets":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := decode(data)
		if err != nil {
			if _, ok := errors.AsType[*damagedError](err); !ok {
				t.Errorf("error %v of type %T", err, err)
			}
			return
		}
		kept := keep(now, newest(now, entries))
		again, err := decode(encode(kept))
		if err != nil {
			t.Fatalf("what was written is not understood: %v", err)
		}
		if diff := cmp.Diff(kept, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-written +read)\n%s", diff)
		}
		for _, e := range kept {
			if !slices.ContainsFunc(entries, func(old entry) bool { return old.Quota == e.Quota && old.Scope == e.Scope }) {
				t.Errorf("%v came from nowhere", e)
			}
		}
	})
}

// BenchmarkSave is what a run pays each minute while it learns.
func BenchmarkSave(b *testing.B) {
	for _, n := range []int{1, 100, maxEntries} {
		b.Run(fmt.Sprintf("buckets=%d", n), func(b *testing.B) {
			s := &Store{Path: filepath.Join(b.TempDir(), "learnt.json")}
			readings := Readings{}
			for i := range n {
				readings[id(fmt.Sprintf("q%05d", i))] = reading(1, now)
			}
			at := now
			for b.Loop() {
				at = at.Add(time.Second)
				readings[id("q00000")] = reading(1, at)
				if err := s.Save(b.Context(), at, readings); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
