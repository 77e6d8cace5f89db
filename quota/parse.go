package quota

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Pace is a rate of the user's own, taken as said: no share is taken of it.
type Pace struct {
	Rate  float64 // attempts per second
	Burst float64 // how many may leave at once
}

const rateHint = "say 10/s, 600/m or 36000/h, or 100ms for one call per interval, each with an optional ,burst=N"

// ParseRate reads `100ms` (one call per interval, with a burst of 1 unless said) or `10/s`, `600/m`, `36000/h` (with a burst of
// one second's worth, at least 1, unless said), each with an optional `,burst=N`. Errors are of type *[InputError].
func ParseRate(s string) (Pace, error) {
	text, burst, withBurst := strings.Cut(s, ",")
	p, problem := parsePace(strings.TrimSpace(text))
	if problem == "" && withBurst {
		p.Burst, problem = parseBurst(strings.TrimSpace(burst))
	}
	if problem != "" {
		return Pace{}, &InputError{What: "rate", Given: s, Problem: problem, hint: rateHint}
	}
	return p, nil
}

func parsePace(s string) (p Pace, problem string) {
	count, unit, isRate := strings.Cut(s, "/")
	if !isRate {
		return parseInterval(s)
	}
	var per float64
	switch strings.TrimSpace(unit) {
	case "s":
		per = 1
	case "m":
		per = 60
	case "h":
		per = 3600
	default:
		return Pace{}, "the unit of time after the slash is s, m or h"
	}
	n, ok := parseNumber(strings.TrimSpace(count))
	switch {
	case !ok:
		return Pace{}, "no number before the slash"
	case n/per < minRate || n/per > maxRate:
		return Pace{}, "a rate is more than nothing and at most a million a second"
	}
	return Pace{Rate: n / per, Burst: max(1, n/per)}, ""
}

// Limits of what a user may say. They keep the arithmetic of tokens exact enough, and catch slips.
const (
	minRate = 1e-6
	maxRate = 1e6
)

func parseInterval(s string) (p Pace, problem string) {
	d, err := time.ParseDuration(s)
	if err != nil {
		if _, ok := parseNumber(s); ok {
			return Pace{}, "a number alone does not tell the unit of time"
		}
		return Pace{}, "neither a rate nor an interval"
	}
	rate := 1 / d.Seconds()
	if d <= 0 || rate < minRate || rate > maxRate {
		return Pace{}, "an interval is from one microsecond to eleven days"
	}
	return Pace{Rate: rate, Burst: 1}, ""
}

func parseBurst(s string) (burst float64, problem string) {
	text, ok := strings.CutPrefix(s, "burst=")
	if !ok {
		return 0, "after the comma comes burst=N"
	}
	n, ok := parseNumber(text)
	if !ok || n < 1 || n > maxRate {
		return 0, "a burst is a number from 1 to a million"
	}
	return n, ""
}

// parseNumber reads a plain decimal number: no sign, exponent, hex, infinity or underscore.
func parseNumber(s string) (float64, bool) {
	if s == "" || strings.Trim(s, "0123456789.") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil && !math.IsInf(n, 0)
}

const shareHint = "say a part of the quota, such as 80% or 0.8"

// ParseShare reads `80%` or `0.8`. A share is more than nothing and at most all. Errors are of type *[InputError].
func ParseShare(s string) (float64, error) {
	text, percent := strings.CutSuffix(strings.TrimSpace(s), "%")
	n, ok := parseNumber(strings.TrimSpace(text))
	if percent {
		n /= 100
	}
	problem := ""
	switch {
	case !ok:
		problem = "not a percentage"
	case n == 0:
		problem = "nothing could leave with a share of nothing"
	case n > 1 && !percent && n <= 100:
		return 0, &InputError{What: "share", Given: s, Problem: "more than all of the quota", hint: "is " + strings.TrimSpace(text) + "% meant?"}
	case n > 1:
		problem = "more than all of the quota"
	case n < 1e-4:
		problem = "less than 0.01%"
	default:
		return n, nil
	}
	return 0, &InputError{What: "share", Given: s, Problem: problem, hint: shareHint}
}

// ParseLimit reads MATCH=RATE, as the flag --limit has it, into a rule with a [Pace]. source says where it was given.
// Errors are of type *[InputError].
func ParseLimit(s, source string) (Rule, error) {
	match, rate, ok := strings.Cut(s, "=")
	if !ok {
		return Rule{}, &InputError{What: "limit", Given: s, Problem: "want MATCH=RATE", hint: "say ec2=10/s or 'iam:Get*=100ms'"}
	}
	m, err := ParseMatch(match)
	if err != nil {
		return Rule{}, err
	}
	p, err := ParseRate(rate)
	if err != nil {
		return Rule{}, err
	}
	return Rule{Match: m, Pace: &p, Source: source}, nil
}

// ParseLimits reads a dictionary of matches and rates, such as {"ec2": "10/s", "iam:Get*": "100ms"}, into rules with a [Pace], as
// [ParseLimit] does one of them. source says where it was given. Errors are of type *[InputError].
func ParseLimits(limits map[string]string, source string) ([]Rule, error) {
	rules := make([]Rule, 0, len(limits))
	for _, match := range slices.Sorted(maps.Keys(limits)) {
		r, err := ParseLimit(match+"="+limits[match], source)
		if err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	return rules, nil
}
