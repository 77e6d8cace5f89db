package quota

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// failed returns error and hint as one text, or an empty one.
func failed(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var input *InputError
	if !errors.As(err, &input) {
		t.Errorf("%v is a %T, want *InputError", err, err)
		return err.Error()
	}
	return err.Error() + "; " + input.Hint()
}

func TestParseRate(t *testing.T) {
	tests := []struct {
		in   string
		want Pace
		err  string
	}{
		{in: "100ms", want: Pace{10, 1}},
		{in: "2s", want: Pace{0.5, 1}},
		{in: "100ms,burst=5", want: Pace{10, 5}},
		{in: "10/s", want: Pace{10, 10}},
		{in: "0.5/s", want: Pace{0.5, 1}},
		{in: "600/m", want: Pace{10, 10}},
		{in: "36000/h", want: Pace{10, 10}},
		{in: " 10 / s , burst=2.5 ", want: Pace{10, 2.5}},
		{in: "fast", err: `rate "fast": neither a rate nor an interval`},
		{in: "", err: `rate "": neither a rate nor an interval`},
		{in: "10", err: `rate "10": a number alone does not tell the unit of time`},
		{in: "10/d", err: `rate "10/d": the unit of time after the slash is s, m or h`},
		{in: "x/s", err: `rate "x/s": no number before the slash`},
		{in: "0/s", err: `rate "0/s": a rate is more than nothing and at most a million a second`},
		{in: "1e9/s", err: `rate "1e9/s": no number before the slash`},
		{in: "-1/s", err: `rate "-1/s": no number before the slash`},
		{in: "10000000/s", err: `rate "10000000/s": a rate is more than nothing and at most a million a second`},
		{in: "-100ms", err: `rate "-100ms": an interval is from one microsecond to eleven days`},
		{in: "0s", err: `rate "0s": an interval is from one microsecond to eleven days`},
		{in: "10/s,5", err: `rate "10/s,5": after the comma comes burst=N`},
		{in: "10/s,burst=0", err: `rate "10/s,burst=0": a burst is a number from 1 to a million`},
		{in: "10/s,burst=many", err: `rate "10/s,burst=many": a burst is a number from 1 to a million`},
	}
	for _, tt := range tests {
		got, err := ParseRate(tt.in)
		if tt.err != "" {
			tt.err += "; " + rateHint
		}
		if got != tt.want || failed(t, err) != tt.err {
			t.Errorf("ParseRate(%q) = %v, %s; want %v, %s", tt.in, got, failed(t, err), tt.want, tt.err)
		}
	}
}

func TestParseShare(t *testing.T) {
	tests := []struct {
		in   string
		want float64
		err  string
	}{
		{in: "80%", want: 0.8},
		{in: "0.8", want: 0.8},
		{in: "100 %", want: 1},
		{in: "1", want: 1},
		{in: "12.5%", want: 0.125},
		{in: "0%", err: `share "0%": nothing could leave with a share of nothing; ` + shareHint},
		{in: "120%", err: `share "120%": more than all of the quota; ` + shareHint},
		{in: "80", err: `share "80": more than all of the quota; is 80% meant?`},
		{in: "1.5", err: `share "1.5": more than all of the quota; is 1.5% meant?`},
		{in: "-5%", err: `share "-5%": not a percentage; ` + shareHint},
		{in: "", err: `share "": not a percentage; ` + shareHint},
		{in: "half", err: `share "half": not a percentage; ` + shareHint},
		{in: "NaN", err: `share "NaN": not a percentage; ` + shareHint},
		{in: "0.00001%", err: `share "0.00001%": less than 0.01%; ` + shareHint},
	}
	for _, tt := range tests {
		got, err := ParseShare(tt.in)
		if got != tt.want || failed(t, err) != tt.err {
			t.Errorf("ParseShare(%q) = %v, %s; want %v, %s", tt.in, got, failed(t, err), tt.want, tt.err)
		}
	}
}

func TestParseMatch(t *testing.T) {
	tests := []struct {
		in   string
		want Match
		err  string
	}{
		{in: "*"},
		{in: "*:*"},
		{in: "ec2", want: Match{Service: "ec2"}},
		{in: "EC2:*", want: Match{Service: "ec2"}},
		{in: " ec2:DescribeSnapshots ", want: Match{"ec2", "DescribeSnapshots"}},
		{in: "iam:Get**", want: Match{"iam", "Get*"}},
		{in: "lambda:control-plane", want: Match{"lambda", "control-plane"}},
		{in: "ec2:RunInstances resources", want: Match{"ec2", "RunInstances resources"}},
		{in: "", err: `match "": empty; ` + matchHint},
		{in: "ec2:", err: `match "ec2:": no operation after the colon; ` + matchHint},
		{in: ":Get", err: `match ":Get": not the name of a service; ` + matchHint},
		{in: "*:Get*", err: `match "*:Get*": a service is named in full; ` + matchHint},
		{in: "ec2,rds", err: `match "ec2,rds": not the name of a service; ` + matchHint},
		{in: "ec2:a:b", err: `match "ec2:a:b": not the name of an operation; ` + matchHint},
		{in: "monitoring", err: `match "monitoring": IAM calls this service cloudwatch; say cloudwatch`},
		{in: "elbv2:Describe*", err: `match "elbv2:Describe*": IAM calls this service elasticloadbalancing; say elasticloadbalancing:Describe*`},
	}
	for _, tt := range tests {
		got, err := ParseMatch(tt.in)
		if got != tt.want || failed(t, err) != tt.err {
			t.Errorf("ParseMatch(%q) = %v, %s; want %v, %s", tt.in, got, failed(t, err), tt.want, tt.err)
		}
	}
}

func TestParseLimit(t *testing.T) {
	got, err := ParseLimit("iam:Get*=10/s,burst=3", "--limit")
	want := Rule{Match: Match{"iam", "Get*"}, Pace: &Pace{10, 3}, Source: "--limit"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	for in, want := range map[string]string{
		"ec2":       `limit "ec2": want MATCH=RATE; say ec2=10/s or 'iam:Get*=100ms'`,
		"ec2=fast":  `rate "fast": neither a rate nor an interval; ` + rateHint,
		"=10/s":     `match "": empty; ` + matchHint,
		"ec2 =10/s": "",
	} {
		if _, err := ParseLimit(in, ""); failed(t, err) != want {
			t.Errorf("ParseLimit(%q): %s; want %s", in, failed(t, err), want)
		}
	}
}

func TestGlob(t *testing.T) {
	tests := []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "a", true},
		{"Get*", "GetRole", true},
		{"get*", "GETROLE", true},
		{"Get*", "ListGet", false},
		{"*Snapshot*", "DescribeSnapshotAttribute", true},
		{"a*b*c", "aXbYbZc", true},
		{"a*b*c", "aXbYbZ", false},
		{"Get*", "Get*", true},
		{"GetX*", "Get*", false},
		{"*", "Describe*", true},
		{"a*", "b", false},
		{"ab", "a", false},
	}
	for _, tt := range tests {
		if got := glob(tt.pattern, tt.s); got != tt.want {
			t.Errorf("glob(%q, %q) = %v", tt.pattern, tt.s, got)
		}
	}
}

func TestBadTable(t *testing.T) {
	const head = "service x\nscope region\nsource https://example.com 2026-01-02\n"
	tests := []struct{ in, want string }{
		{"each refill=1:\n", "first comes a service"},
		{"service x\n", "no scope"},
		{"service x\nscope nowhere\n", "a scope is global or region"},
		{head + "service x\n", "there already"},
		{"service x\nscope region\neach refill=1:\n    A\n", "has a source"},
		{head + "each refill=1\n", "ends in a colon"},
		{head + "each refill=1:\n", "no members"},
		{head + "each A:\n", "every entry has fields"},
		{head + "each name refill=1:\n    A\n", "only a shared bucket has a name"},
		{head + "shared refill=1:\n    A\n", "only a shared bucket has a name"},
		{head + "each capacity=1:\n    A\n", "has a refill"},
		{head + "each refill=0:\n    A\n", "positive number"},
		{head + "each refill=1e3:\n    A\n", "positive number"},
		{head + "each refill=1 speed=2:\n    A\n", `unknown field "speed"`},
		{head + "each refill=1 scope=moon:\n    A\n", "field scope"},
		{head + "each refill=1 when=tired:\n    A\n", "field when"},
		{head + "each refill=1 api=:\n    A\n", "field api"},
		{head + "speed 3\n", `unknown word "speed"`},
		{head + "    A\n", "members without an entry"},
		{head + "step soon\n", "invalid duration"},
		{head + "source https://example.com yesterday\n", "a URL and a date"},
		{head + "source example.com 2026-01-02\n", "a URL and a date"},
		{head + "layer a\nlayer a\n", "there already"},
		{head + "layer a\nlayer b\nlayer c\nlayer d\nlayer e\n", "one too many"},
	}
	for _, tt := range tests {
		err := (&table{services: map[string]*service{}}).parse("x.txt", tt.in)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "x.txt:") {
			t.Errorf("%q: %v; want %s", tt.in, err, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"100ms", "10/s,burst=5", "80%", "iam:Get*", "ec2=10/s", "*", "1/h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := ParseRate(s); err == nil && !(p.Rate > 0 && p.Burst >= 1 && p.Rate <= maxRate && p.Burst <= maxRate) {
			t.Errorf("ParseRate(%q) = %v", s, p)
		}
		if share, err := ParseShare(s); err == nil && !validShare(share) {
			t.Errorf("ParseShare(%q) = %v", s, share)
		}
		if r, err := ParseLimit(s, ""); err == nil {
			if _, err := NewPolicy(Settings{Rules: []Rule{r}}); err != nil {
				t.Errorf("ParseLimit(%q): %v", s, err)
			}
		}
	})
}

func FuzzMatch(f *testing.F) {
	for _, s := range []string{"iam:Get*", "*", "ec2", "ec2:RunInstances resources", "a:*a*b"} {
		f.Add(s, "GetRole")
	}
	f.Fuzz(func(t *testing.T, s, operation string) {
		m, err := ParseMatch(s)
		if err != nil {
			return
		}
		if again, err := ParseMatch(m.String()); again != m || err != nil {
			t.Errorf("ParseMatch(%q) = %v, which reads as %v, %v", s, m, again, err)
		}
		if m.exact() && m.Matches(m.Service, operation) != strings.EqualFold(m.Operation, operation) && isOperationName(operation) {
			t.Errorf("%v matches %q otherwise than by its name", m, operation)
		}
	})
}
