package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/botorate/botorate/quota"
)

// Parse reads the text of a file. name is for messages. An empty file is a valid one. Everything wrong is reported at once, as
// a [LineErrors].
func Parse(name string, data []byte) (*File, error) {
	r := &reader{name: name}
	f := &File{}
	if root := r.document(data); root != nil {
		r.file(f, root)
	}
	if len(r.errs) > 0 {
		r.errs.sort()
		return nil, r.errs
	}
	return f, nil
}

// A reader walks the nodes of one file and collects what is wrong.
type reader struct {
	name string
	errs LineErrors
}

// document returns the root of the only document, or nil if there is none.
func (r *reader) document(data []byte) *yaml.Node {
	if !utf8.Valid(data) {
		r.failLine(0, "save the file as UTF-8", "not UTF-8 text")
		return nil
	}
	l, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		r.failLine(0, "", "%v", err)
		return nil
	}
	var first, second yaml.Node
	switch err := l.Load(&first); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		r.syntax(err, data)
		return nil
	}
	switch err := l.Load(&second); {
	case err == nil:
		r.fail(&second, "keep the first and remove the line of dashes", "a second document")
	case !errors.Is(err, io.EOF):
		r.syntax(err, data)
	}
	if first.Kind != yaml.DocumentNode || len(first.Content) != 1 {
		return nil
	}
	return first.Content[0]
}

// syntax reports text that is not YAML.
func (r *reader) syntax(err error, data []byte) {
	var e *yaml.LoadError
	if !errors.As(err, &e) {
		r.failLine(0, "", "%v", err)
		return
	}
	problem, hint := e.Message, ""
	if e.ContextMsg != "" {
		problem += ", " + e.ContextMsg
	}
	lines := bytes.Split(data, []byte("\n"))
	if n := e.Mark.Line; n >= 1 && n <= len(lines) && bytes.HasPrefix(bytes.TrimLeft(lines[n-1], " "), []byte("\t")) {
		hint = "indent with spaces: YAML takes no tabs"
	}
	r.failLine(e.Mark.Line, hint, "%s", problem)
}

func (r *reader) fail(n *yaml.Node, hint, format string, args ...any) {
	r.failLine(n.Line, hint, format, args...)
}

func (r *reader) failLine(line int, hint, format string, args ...any) {
	r.errs = append(r.errs, &LineError{File: r.name, Line: line, Problem: fmt.Sprintf(format, args...), hint: hint})
}

// input reports a value that quota's parsers refused.
func (r *reader) input(n *yaml.Node, key string, err error) {
	hint := ""
	if e, ok := errors.AsType[*quota.InputError](err); ok {
		hint = e.Hint()
		if e.What == key {
			key = ""
		}
	}
	r.fail(n, hint, "%s%v", prefix(key), err)
}

func prefix(key string) string {
	if key == "" {
		return ""
	}
	return key + ": "
}

func (r *reader) file(f *File, root *yaml.Node) {
	known := []string{"share", "hold", "name", "limits", "quotas", "shares", "accounts", "do-not-intercept", "report", "learnt", "quiet"}
	r.fields(root, "", known, func(key string, v *yaml.Node) {
		switch key {
		case "share":
			f.Share = r.share(v)
		case "hold":
			f.Hold = r.hold(v)
		case "name":
			f.Name = r.text(v, key)
		case "report":
			f.Report = r.text(v, key)
		case "learnt":
			f.Learnt = r.text(v, key)
		case "quiet":
			f.Quiet = r.boolean(v, key)
		case "do-not-intercept":
			f.DoNotIntercept = r.hosts(v, key)
		case "accounts":
			r.pairs(v, key, func(k, v *yaml.Node) { f.Rules = append(f.Rules, r.account(k, v)...) })
		default:
			f.Rules = append(f.Rules, r.rules(key, v)...)
		}
	})
}

// account reads what holds in one account: {share, limits, quotas, shares, regions}.
func (r *reader) account(name, n *yaml.Node) (rules []quota.Rule) {
	if !accountName(name.Value) {
		r.fail(name, `twelve digits in quotes, such as "123456789012", or a key-… as a report prints it`, "accounts: %q is not an account", name.Value)
		return nil
	}
	known := []string{"share", "limits", "quotas", "shares", "regions"}
	r.fields(n, "accounts", known, func(key string, v *yaml.Node) {
		if key == "regions" {
			r.pairs(v, key, func(k, v *yaml.Node) { rules = append(rules, r.region(k, v)...) })
			return
		}
		rules = append(rules, r.placed(key, v)...)
	})
	for i := range rules {
		rules[i].Account = name.Value
	}
	return rules
}

// region reads what holds in one Region of an account: {share, limits, quotas, shares}.
func (r *reader) region(name, n *yaml.Node) (rules []quota.Rule) {
	if !regionName(name.Value) {
		r.fail(name, "a Region is called something like eu-west-1; what holds in all goes beside regions", "regions: %q is not a Region", name.Value)
		return nil
	}
	r.fields(n, "regions", []string{"share", "limits", "quotas", "shares"}, func(key string, v *yaml.Node) {
		rules = append(rules, r.placed(key, v)...)
	})
	for i := range rules {
		rules[i].Region = name.Value
	}
	return rules
}

func accountName(s string) bool {
	return regexp.MustCompile(`^(\d{12}|key-\w+|anonymous)$`).MatchString(s)
}

func regionName(s string) bool { return regexp.MustCompile(`^[a-z]+(-[a-z]+)+-\d+$`).MatchString(s) }

// placed reads share, limits, quotas or shares of an account or Region.
func (r *reader) placed(key string, v *yaml.Node) []quota.Rule {
	if key != "share" {
		return r.rules(key, v)
	}
	if share := r.share(v); share != 0 {
		return []quota.Rule{{Share: share, Source: r.at(v)}}
	}
	return nil
}

func (r *reader) at(n *yaml.Node) string { return r.name + ":" + strconv.Itoa(n.Line) }

// share returns 0 after an error.
func (r *reader) share(n *yaml.Node) float64 {
	s, ok := r.scalar(n, "share", "a percentage such as 80%")
	if !ok {
		return 0
	}
	share, err := quota.ParseShare(s)
	if err != nil {
		r.input(n, "share", err)
		return 0
	}
	return share
}

func (r *reader) hold(n *yaml.Node) time.Duration {
	s, ok := r.scalar(n, "hold", "a duration such as 25s")
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		r.fail(n, "say 25s or 2m", "hold: want a duration such as 25s, got %s", show(n))
	case d <= 0:
		r.fail(n, "say 25s or 2m", "hold: want more than nothing, got %s", show(n))
	case d > MaxHold:
		r.fail(n, "AWS refuses signatures of five minutes ago", "hold: want at most %v, got %s", MaxHold, show(n))
	default:
		return d
	}
	return 0
}

func (r *reader) text(n *yaml.Node, key string) string {
	s, ok := r.scalar(n, key, "a text")
	if ok && (s == "" || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })) {
		r.fail(n, "", "%s: want a text in one line, got %q", key, s)
	}
	return s
}

func (r *reader) boolean(n *yaml.Node, key string) *bool {
	s, ok := r.scalar(n, key, "true or false")
	if !ok {
		return nil
	}
	b := s == "true"
	if !b && s != "false" {
		r.fail(n, "", "%s: want true or false, got %s", key, show(n))
	}
	return &b
}

// hosts reads one host pattern or a list of them.
func (r *reader) hosts(n *yaml.Node, key string) (hosts []string) {
	items := []*yaml.Node{n}
	if t := target(n); t.Kind == yaml.SequenceNode {
		items = t.Content
	}
	for _, item := range items {
		s, ok := r.scalar(item, key, "hosts such as *.example.com")
		if ok && !regexp.MustCompile(`^[A-Za-z0-9.*_-]+(:\d+)?$`).MatchString(s) {
			r.fail(item, "a name, such as sts.amazonaws.com or *.example.com: no scheme and no path", "%s: %q is not a host", key, s)
		}
		hosts = append(hosts, s)
	}
	return hosts
}
