package learnt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/botorate/botorate"
)

const (
	version = 1
	// maxSize is more than maxEntries of the longest names take.
	maxSize = 8 << 20
	// maxName is the length in bytes of the longest quota or scope.
	maxName = 512
	about   = "Limits that botorate found by itself. You may edit or delete entries, or the file."
)

// A file is the file's JSON.
type file struct {
	Version int     `json:"version"`
	About   string  `json:"about"`
	Buckets []entry `json:"buckets"`
}

// An entry is a bucket in the file.
type entry struct {
	Quota  string    `json:"quota"`
	Scope  string    `json:"scope"`
	Rate   float64   `json:"rate"`
	Burst  float64   `json:"burst"`
	Steady duration  `json:"steady"`
	At     time.Time `json:"at"`
}

func newEntry(id botorate.BucketID, l botorate.Learnt) entry {
	return entry{id.Quota, id.Scope, round(l.Rate), round(l.Burst), duration(l.Steady.Round(time.Millisecond)), l.At.UTC().Truncate(time.Second)}
}

func (e *entry) reading() (botorate.BucketID, botorate.Learnt) {
	return botorate.BucketID{Quota: e.Quota, Scope: e.Scope},
		botorate.Learnt{Rate: e.Rate, Burst: e.Burst, Steady: time.Duration(e.Steady), At: e.At}
}

// round keeps six digits: more is not known, and nobody wants to read it.
func round(f float64) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 6, 64), 64)
	if err != nil {
		return f
	}
	return rounded
}

// check returns what is wrong with an entry.
func (e *entry) check() error {
	switch {
	case e.Quota == "" || !isName(e.Quota) || !isName(e.Scope):
		return fmt.Errorf("%.50q in %.50q is not the name of a bucket", e.Quota, e.Scope)
	case !(e.Rate > 0) || math.IsInf(e.Rate, 0):
		return fmt.Errorf("%s: rate %v: want more than nothing", e.Quota, e.Rate)
	case !(e.Burst >= 0) || math.IsInf(e.Burst, 0):
		return fmt.Errorf("%s: burst %v: want nothing or more", e.Quota, e.Burst)
	case e.Steady < 0:
		return fmt.Errorf("%s: steady %v: want nothing or more", e.Quota, time.Duration(e.Steady))
	case e.At.Year() < 2000 || e.At.Year() > 9999:
		return fmt.Errorf("%s: at: want when that was, such as 2026-11-23T20:00:00Z", e.Quota)
	}
	return nil
}

func isName(s string) bool {
	return len(s) <= maxName && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// A duration is written as 1m30s.
type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

// A damagedError tells that a file is not one that we understand. kind is "corrupt", or "newer" if a newer botorate may.
type damagedError struct {
	kind string
	err  error
}

func (e *damagedError) Error() string { return e.err.Error() }
func (e *damagedError) Unwrap() error { return e.err }

func corrupt(err error) error { return &damagedError{"corrupt", fmt.Errorf("not understood: %w", err)} }

// decode reads a file. The error is a *damagedError.
func decode(data []byte) ([]entry, error) {
	if len(data) > maxSize {
		return nil, corrupt(fmt.Errorf("larger than %d MB", maxSize>>20))
	}
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, corrupt(place(data, err))
	}
	if head.Version > version {
		return nil, &damagedError{"newer", fmt.Errorf("written by a newer botorate, in version %d; this one reads %d", head.Version, version)}
	}
	if head.Version < 1 {
		return nil, corrupt(errors.New("no version"))
	}
	var f file
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, corrupt(place(data, err))
	}
	for i := range f.Buckets {
		if err := f.Buckets[i].check(); err != nil {
			return nil, corrupt(err)
		}
	}
	return f.Buckets, nil
}

// place says in which line an error of encoding/json is, for whom has edited the file.
func place(data []byte, err error) error {
	var at int64
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = e.Offset
	} else if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		at = e.Offset
	} else if !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if at <= 0 || at > int64(len(data)) {
		return err
	}
	return fmt.Errorf("line %d: %w", 1+bytes.Count(data[:at], []byte("\n")), err)
}

// encode writes a file, a line for each bucket. The entries must be as check wants them.
func encode(entries []entry) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n  \"version\": %d,\n  \"about\": %q,\n  \"buckets\": [", version, about)
	for i := range entries {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n    ")
		line := json.NewEncoder(&b)
		line.SetEscapeHTML(false)
		_ = line.Encode(&entries[i]) // checked: nothing in it can't be written
		b.Truncate(b.Len() - 1)      // the line's end
	}
	if len(entries) > 0 {
		b.WriteString("\n  ")
	}
	b.WriteString("]\n}\n")
	return b.Bytes()
}
