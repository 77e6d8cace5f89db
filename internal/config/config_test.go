package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/botorate/botorate/quota"
)

func TestTheDocumentedFile(t *testing.T) {
	doc, err := os.ReadFile("../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(doc), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("docs/config.md has no example")
	}
	f, err := Parse("botorate.yaml", []byte(example))
	if err != nil {
		t.Fatal(err)
	}
	const account = "123456789012"
	quiet := false
	rule := func(line, match string, r quota.Rule) quota.Rule {
		r.Source = "botorate.yaml:" + line
		r.Match, err = quota.ParseMatch(match)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	want := &File{
		Share: 0.8, Hold: 25 * time.Second, Name: "nightly-scan", Report: "botorate.json", Learnt: "off", Quiet: &quiet,
		DoNotIntercept: []string{"*.s3.amazonaws.com", "signin.aws.amazon.com"},
		Rules: []quota.Rule{
			rule("6", "ec2:DescribeSnapshots", quota.Rule{Pace: &quota.Pace{Rate: 10, Burst: 10}}),
			rule("7", "iam:Get*", quota.Rule{Pace: &quota.Pace{Rate: 10, Burst: 1}}),
			rule("8", "rds", quota.Rule{Pace: &quota.Pace{Rate: 10, Burst: 20}}),
			rule("9", "ce", quota.Rule{Pace: &quota.Pace{Rate: 0.2, Burst: 2}}),
			rule("12", "ec2:DescribeVolumes", quota.Rule{Quota: &quota.Size{Capacity: 400, Refill: 80}}),
			rule("13", "ssm:GetParameter", quota.Rule{Quota: &quota.Size{Capacity: 10000, Refill: 10000}}),
			rule("14", "lambda:control-plane", quota.Rule{Quota: &quota.Size{Capacity: 30, Refill: 30}}),
			rule("17", "ec2:Describe*", quota.Rule{Share: 0.9}),
			rule("18", "kms", quota.Rule{Share: 0.1}),
			rule("22", "*", quota.Rule{Account: account, Share: 0.6}),
			rule("24", "sts", quota.Rule{Account: account, Pace: &quota.Pace{Rate: 50, Burst: 50}}),
			rule("27", "*", quota.Rule{Account: account, Region: "eu-west-1", Share: 0.2}),
			rule("29", "ec2:RunInstances", quota.Rule{Account: account, Region: "eu-west-1", Quota: &quota.Size{Capacity: 20, Refill: 5}}),
		},
	}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Errorf("the example (-want +got)\n%s", diff)
	}
	if _, err := quota.NewPolicy(f.ToSettings()); err != nil {
		t.Error(err)
	}
}

func TestParseAccepts(t *testing.T) {
	tests := []struct{ name, in string }{
		{"nothing", ""},
		{"comments", "# nothing yet\n"},
		{"a lone document", "---\nshare: 80%\n...\n"},
		{"null", "null\n"},
		{"keys without values", "limits:\naccounts:\nquotas:\n"},
		{"a list of limits", "limits:\n- ec2=10/s,burst=5\n- iam:Get*: 100ms\n- {rds: 1/s, kms: {rate: 5/s}}\n"},
		{"anchors", "quotas: {ec2:DescribeVolumes: &big {capacity: 400, refill: 80}, ec2:DescribeVpcs: *big}\n"},
		{"an account as a number", "accounts: {012345678901: {share: 0.5}}\n"},
		{"an opaque account", "accounts: {key-00ff: {share: 0.5}}\n"},
		{"one host", "do-not-intercept: s3.amazonaws.com:443\n"},
		{"a byte order mark", "\ufeffshare: 80%\n"},
		{"quoted", "share: '80%'\nquiet: true\n"},
	}
	for _, tt := range tests {
		f, err := Parse("f.yaml", []byte(tt.in))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if _, err := quota.NewPolicy(f.ToSettings()); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct{ in, want, hint string }{
		{"name: x\nshar: 80%\n", `f.yaml:2: unknown key "shar"`, `did you mean "share"?`},
		{"Share: 80%\n", `f.yaml:1: unknown key "Share"`, `did you mean "share"?`},
		{"do_not_intercept: [a]\n", `f.yaml:1: unknown key "do_not_intercept"`, `did you mean "do-not-intercept"?`},
		{"zzzzzz: 1\n", `f.yaml:1: unknown key "zzzzzz"`, "known here: share, hold, name, limits, quotas, shares, accounts, do-not-intercept, report, learnt, quiet"},
		{"\n\nshare: [1, 2]\n", `f.yaml:3: share: want a percentage such as 80%, got [1, 2]`, ""},
		{"share: {a: b}\n", `f.yaml:1: share: want a percentage such as 80%, got {"a": "b"}`, ""},
		{"share:\n", `f.yaml:1: share: want a percentage such as 80%, got nothing`, ""},
		{"share: 120%\n", `f.yaml:1: share "120%": more than all of the quota`, "say a part of the quota, such as 80% or 0.8"},
		{"share: 0%\n", `f.yaml:1: share "0%": nothing could leave with a share of nothing`, "say a part of the quota, such as 80% or 0.8"},
		{"share: 80\n", `f.yaml:1: share "80": more than all of the quota`, "is 80% meant?"},
		{"share: 80%\nshare: 70%\n", `f.yaml:2: "share" is there twice, first in line 1`, ""},
		{"hold: 10m\n", `f.yaml:1: hold: want at most 4m0s, got "10m"`, "AWS refuses signatures of five minutes ago"},
		{"hold: 30\n", `f.yaml:1: hold: want a duration such as 25s, got 30`, "say 25s or 2m"},
		{"hold: -1s\n", `f.yaml:1: hold: want more than nothing, got "-1s"`, "say 25s or 2m"},
		{"quiet: yes\n", `f.yaml:1: quiet: want true or false, got "yes"`, ""},
		{"name: ''\n", `f.yaml:1: name: want a text in one line, got ""`, ""},
		{"limits: fast\n", `f.yaml:1: limits: want keys and values, got "fast"`, "write KEY: VALUE, one a line"},
		{"limits:\n  ec2: fast\n", `f.yaml:2: limits: rate "fast": neither a rate nor an interval`, "say 10/s, 600/m or 36000/h, or 100ms for one call per interval, each with an optional ,burst=N"},
		{"limits:\n  ec2: 1/s\n  EC2: 2/s\n", `f.yaml:3: limits: ec2 is said twice, first in line 2`, ""},
		{"limits:\n  ec2: 1/s\n  ec2: 2/s\n", `f.yaml:3: limits: "ec2" is there twice, first in line 2`, ""},
		{"limits: [ec2]\n", `f.yaml:1: limits: limit "ec2": want MATCH=RATE`, "say ec2=10/s or 'iam:Get*=100ms'"},
		{"limits: [[ec2]]\n", `f.yaml:1: limits: want a limit such as ec2=10/s, got ["ec2"]`, ""},
		{"limits: {monitoring: 1/s}\n", `f.yaml:1: limits: match "monitoring": IAM calls this service cloudwatch`, "say cloudwatch"},
		{"limits: {ec2: {burst: 3}}\n", `f.yaml:1: limits: want either a rate or an interval`, "say rate: 10/s, or interval: 100ms"},
		{"limits: {ec2: {rate: 100ms}}\n", `f.yaml:1: rate: got "100ms"`, "say rate: 10/s, or interval: 100ms"},
		{"limits: {ec2: {rate: '1/s,burst=2', burst: 3}}\n", `f.yaml:1: rate: got "1/s,burst=2"`, "say burst: N beside it"},
		{"limits: {ec2: {rate: 1/s, burst: 0}}\n", `f.yaml:1: burst: want a number above 0 and not below 1, got 0`, ""},
		{"limits: {ec2: {rate: 1/s, bust: 2}}\n", `f.yaml:1: limits: unknown key "bust"`, `did you mean "burst"?`},
		{"quotas: {ec2: 5}\n", `f.yaml:1: quotas: want keys and values, got 5`, "write KEY: VALUE, one a line"},
		{"quotas: {ec2: {capacity: 5}}\n", `f.yaml:1: quotas: want a capacity and a refill a second, got {"capacity": 5}`, "say {capacity: 100, refill: 20}"},
		{"quotas: {ec2: {capacity: 5, refill: .inf}}\n", `f.yaml:1: refill: want a number, got .inf`, ""},
		{"quotas: {ec2: {capacity: 5, refill: much}}\n", `f.yaml:1: refill: want a number, got "much"`, ""},
		{"accounts: {12: {share: 80%}}\n", `f.yaml:1: accounts: "12" is not an account`, `twelve digits in quotes, such as "123456789012", or a key-… as a report prints it`},
		{"accounts: {123456789012: {regions: {ireland: {share: 80%}}}}\n", `f.yaml:1: regions: "ireland" is not a Region`, "a Region is called something like eu-west-1; what holds in all goes beside regions"},
		{"accounts: {123456789012: {hold: 5s}}\n", `f.yaml:1: accounts: unknown key "hold"`, "known here: share, limits, quotas, shares, regions"},
		{"accounts: {123456789012: &a {regions: {eu-west-1: *a}}}\n", `f.yaml:1: regions: unknown key "regions"`, "known here: share, limits, quotas, shares"},
		{"do-not-intercept: ['https://x/']\n", `f.yaml:1: do-not-intercept: "https://x/" is not a host`, "a name, such as sts.amazonaws.com or *.example.com: no scheme and no path"},
		{"base: &b {share: 1}\n", `f.yaml:1: unknown key "base"`, "known here: share, hold, name, limits, quotas, shares, accounts, do-not-intercept, report, learnt, quiet"},
		{"<<: {share: 80%}\n", `f.yaml:1: merge keys (<<) are not taken`, "repeat the keys, or give whole values an anchor"},
		{"? [a]\n: b\n", `f.yaml:1: a key is a word, got ["a"]`, ""},
		{"- share\n", `f.yaml:1: want keys and values, got ["share"]`, "write KEY: VALUE, one a line"},
		{"hello\n", `f.yaml:1: want keys and values, got "hello"`, "write KEY: VALUE, one a line"},
		{"share: 80%\n---\nshare: 70%\n", `f.yaml:2: a second document`, "keep the first and remove the line of dashes"},
		{"share: 80%\nname: a: b\n", `f.yaml:2: mapping values are not allowed in this context`, ""},
		{"limits:\n\tec2: 1/s\n", `f.yaml:2: found character that cannot start any token, while scanning for the next token`, "indent with spaces: YAML takes no tabs"},
		{"share: \xff\n", "f.yaml: not UTF-8 text", "save the file as UTF-8"},
	}
	for _, tt := range tests {
		_, err := Parse("f.yaml", []byte(tt.in))
		var all LineErrors
		if !errors.As(err, &all) || len(all) != 1 {
			t.Errorf("%q: %v; want one error", tt.in, err)
			continue
		}
		if all.Error() != tt.want || all.Hint() != tt.hint {
			t.Errorf("%q:\n got %s; %s\nwant %s; %s", tt.in, all, all.Hint(), tt.want, tt.hint)
		}
	}
}

func TestAllErrorsAtOnce(t *testing.T) {
	_, err := Parse("f.yaml", []byte("accounts:\n  x: {}\nshar: 1\nshare: 2\nquiet: 3\n"))
	var all LineErrors
	if !errors.As(err, &all) {
		t.Fatal(err)
	}
	want := `f.yaml:2: accounts: "x" is not an account
f.yaml:3: unknown key "shar"
f.yaml:4: share "2": more than all of the quota
f.yaml:5: quiet: want true or false, got 3`
	hints := `line 2: twelve digits in quotes, such as "123456789012", or a key-… as a report prints it
line 3: did you mean "share"?
line 4: is 2% meant?`
	if diff := cmp.Diff(want+"\n"+hints, all.Error()+"\n"+all.Hint()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	var one *LineError
	if !errors.As(err, &one) || one.Line != 2 {
		t.Errorf("the first error is %v", one)
	}
}

func TestFlagsWin(t *testing.T) {
	file, err := Parse("f.yaml", []byte(`
share: 80%
hold: 10s
name: file
quiet: true
report: file.json
do-not-intercept: [a]
limits: {ec2: 1/s, rds: 2/s}
quotas: {ec2: {capacity: 5, refill: 5}}
accounts: {"123456789012": {share: 10%, limits: {EC2: 3/s}, shares: {kms: 5%}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	limit, err := quota.ParseLimit("ec2=9/s", "--limit")
	if err != nil {
		t.Fatal(err)
	}
	quiet := false
	got := file.With(File{Share: 0.7, Hold: time.Second, Name: "flag", Rules: []quota.Rule{limit}, DoNotIntercept: []string{"b"}, Report: "flag.json", Quiet: &quiet})
	var rules []string
	for _, r := range got.Rules {
		rules = append(rules, r.Match.String()+" "+r.Source)
	}
	if diff := cmp.Diff([]string{"rds f.yaml:8", "ec2 f.yaml:9", "kms f.yaml:10", "ec2 --limit"}, rules); diff != "" {
		t.Errorf("rules (-want +got)\n%s", diff)
	}
	got.Rules = nil
	want := File{Share: 0.7, Hold: time.Second, Name: "flag", DoNotIntercept: []string{"a", "b"}, Report: "flag.json", Quiet: &quiet}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(*file, file.With(File{})); diff != "" {
		t.Errorf("no flags change the file (-want +got)\n%s", diff)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	path := filepath.Join(dir, "botorate.yaml")
	for _, tt := range []struct{ in, want string }{
		{"share: 80%\n", ""},
		{"shar: 1\n", path + `:1: unknown key "shar"`},
		{strings.Repeat("# long\n", maxSize/7+1), path + ": larger than a megabyte"},
	} {
		if err := os.WriteFile(path, []byte(tt.in), 0o600); err != nil {
			t.Fatal(err)
		}
		got := ""
		if _, err := Load(path); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("Load: %s; want %s", got, tt.want)
		}
	}
}

func FuzzConfig(f *testing.F) {
	for _, s := range []string{
		"share: 80%\nlimits: {ec2: 1/s}\n", "a: &a [*a]\n", "accounts: {123456789012: &x {regions: {eu-west-1: *x}}}\n",
		"limits: [ec2=1/s, {rds: {interval: 1s, burst: 3}}]\n", "quotas: {ec2: {capacity: 1e3, refill: 0x1p3}}\n", "<<: 1\n", "---\n---\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("f.yaml", data)
		var all LineErrors
		if err != nil {
			if !errors.As(err, &all) || len(all) == 0 || err.Error() == "" {
				t.Errorf("%q: %v", data, err)
			}
			_ = all.Hint()
			return
		}
		_, err = quota.NewPolicy(file.ToSettings())
		var input *quota.InputError
		if err != nil && (!errors.As(err, &input) || input.Problem != "a global service has no Region") {
			t.Errorf("%q: %v", data, err)
		}
	})
}
