// Package config is the strict configuration file and the values that its keys and the flags share.
// docs/config.md describes the file.
package config

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/botorate/botorate/quota"
)

// A File is what a configuration file says; flags can be put into one too. The zero value of a field means that it is not said.
type File struct {
	Share          float64       // the part of every quota that is ours
	Hold           time.Duration // the longest hold
	Name           string        // the tenant's name
	Rules          []quota.Rule  // limits, quotas and shares, in the file's order; Source is file:line
	DoNotIntercept []string      // hosts, with `*`, that are tunnelled unseen
	Report         string        // where the report goes
	Learnt         string        // where what is learnt of limits goes; "off" for nowhere
	Quiet          *bool
}

// MaxHold is the longest hold that can be asked for: AWS refuses a signature at five minutes.
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html, read 2026-11-23.
const MaxHold = 4 * time.Minute

const maxSize = 1 << 20

// Load reads a file. The error is of type [LineErrors] when the file was read and is wrong.
func Load(path string) (*File, error) {
	f, err := os.Open(path) //nolint:gosec // the user names the file
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("%s: larger than a megabyte", path)
	}
	return Parse(path, data)
}

// With returns what f and the flags say together. Flags win: a value replaces the file's; a rule replaces the file's rules of
// the same kind and match, also those for one account or Region; the share replaces those of whole accounts and Regions.
// Otherwise the most specific rule wins, wherever it is said ([quota.Rule]).
func (f File) With(flags File) File {
	if flags.Share != 0 {
		f.Share = flags.Share
	}
	if flags.Hold != 0 {
		f.Hold = flags.Hold
	}
	if flags.Name != "" {
		f.Name = flags.Name
	}
	if flags.Report != "" {
		f.Report = flags.Report
	}
	if flags.Learnt != "" {
		f.Learnt = flags.Learnt
	}
	if flags.Quiet != nil {
		f.Quiet = flags.Quiet
	}
	replaced := func(r quota.Rule) bool {
		if flags.Share != 0 && r.Share != 0 && r.Match == (quota.Match{}) {
			return true
		}
		return slices.ContainsFunc(flags.Rules, func(by quota.Rule) bool { return sameStatement(by, r) })
	}
	f.Rules = append(slices.DeleteFunc(slices.Clone(f.Rules), replaced), flags.Rules...)
	f.DoNotIntercept = slices.Concat(f.DoNotIntercept, flags.DoNotIntercept)
	return f
}

// sameStatement reports whether two rules say the same kind of thing of the same actions. A rule of a file has one kind.
func sameStatement(a, b quota.Rule) bool {
	return (a.Pace != nil) == (b.Pace != nil) && (a.Quota != nil) == (b.Quota != nil) && (a.Share != 0) == (b.Share != 0) &&
		strings.EqualFold(a.Match.String(), b.Match.String())
}

// ToSettings returns what concerns quotas, for [quota.NewPolicy].
func (f File) ToSettings() quota.Settings {
	return quota.Settings{Share: f.Share, Rules: f.Rules}
}
