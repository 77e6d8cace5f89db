package scenario

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/botorate/botorate/internal/config"
	"github.com/botorate/botorate/quota"
)

// A ParseError is what is wrong in a scenario file, and where.
type ParseError struct {
	File    string
	Line    int
	Problem string
	hint    string
}

func (e *ParseError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem) }

// Hint says how to put it right, or nothing.
func (e *ParseError) Hint() string { return e.hint }

// A reader fills structures from YAML and refuses what they have no place for.
type reader struct {
	file   string
	offset int // lines before the first of the YAML
	lines  map[any]int
}

func (r *reader) fail(line int, hint, format string, args ...any) error {
	return &ParseError{File: r.file, Line: r.offset + max(1, line), Problem: fmt.Sprintf(format, args...), hint: hint}
}

// line is where something began that was read.
func (r *reader) line(p any) int { return r.lines[p] }

func (r *reader) document(data []byte, into any, set []string) error {
	r.lines = map[any]int{}
	var doc yaml.Node
	if err := yaml.Load(data, &doc); err != nil {
		if at, ok := errors.AsType[*yaml.LoadError](err); ok {
			return r.fail(at.Mark.Line, yamlHint(at, data), "%s", at.Message)
		}
		return r.fail(1, "", "%v", err)
	}
	root := &doc
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		root = doc.Content[0]
	}
	for _, s := range set {
		if err := r.set(root, s); err != nil {
			return err
		}
	}
	return r.value(root, reflect.ValueOf(into).Elem())
}

// yamlHint says what the parser of YAML most likely met.
func yamlHint(at *yaml.LoadError, data []byte) string {
	lines := strings.Split(string(data), "\n")
	switch n := at.Mark.Line - 1; {
	case n >= 0 && n < len(lines) && strings.HasPrefix(strings.TrimLeft(lines[n], " "), "\t"):
		return "indent with blanks, not with tabs"
	case strings.Contains(at.Message, "mapping values"):
		return "put quotes around a text with a colon in it, and look at the indentation"
	case strings.Contains(at.Message, "end of stream"):
		return "a quotation mark or a bracket is open"
	}
	return ""
}

// A setError is an assignment that can't be made.
type setError struct{ assignment, problem, hint string }

func (e *setError) Error() string { return fmt.Sprintf("set %q: %s", e.assignment, e.problem) }

// Hint says what may be meant, or nothing.
func (e *setError) Hint() string { return e.hint }

// names are what the items of a list can be called: by their names, or their places.
func names(n *yaml.Node) []string {
	var known []string
	for i, c := range n.Content {
		if name := child(c, "name"); name != nil {
			known = append(known, name.Value)
		} else {
			known = append(known, strconv.Itoa(i))
		}
	}
	return known
}

// set changes one setting: a path of keys and of places in lists (from 0) or names in them, with a new value.
func (r *reader) set(root *yaml.Node, assignment string) error {
	path, text, ok := strings.Cut(assignment, "=")
	if !ok {
		return &setError{assignment, "there is no =", "want KEY=VALUE, such as seed=2 or workloads.scan.workers=5"}
	}
	n := root
	for key := range strings.SplitSeq(path, ".") {
		next := child(n, key)
		if next == nil && n.Kind == yaml.MappingNode {
			next = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str"}
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, next)
		}
		if next == nil {
			return &setError{assignment, fmt.Sprintf("there is no %q", key), suggest(key, names(n))}
		}
		n = next
	}
	var doc yaml.Node
	if err := yaml.Load([]byte(text), &doc); err != nil || len(doc.Content) != 1 {
		return &setError{assignment, fmt.Sprintf("%q is no value", text), ""}
	}
	line := n.Line
	*n = *doc.Content[0]
	n.Line = line
	return nil
}

// child returns the value of a key of a mapping, or the item of a list that has that name or place.
func child(n *yaml.Node, key string) *yaml.Node {
	switch n.Kind { //nolint:exhaustive // nothing else has children
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return n.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			if name := child(c, "name"); name != nil && name.Value == key || strconv.Itoa(i) == key {
				return c
			}
		}
	}
	return nil
}

// A parser reads itself from the text of one value.
type parser interface{ parse(s string) error }

// value reads one value into v.
func (r *reader) value(n *yaml.Node, v reflect.Value) error {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	r.lines[v.Addr().Interface()] = n.Line
	if p, ok := reflect.TypeAssert[parser](v.Addr()); ok {
		if n.Kind != yaml.ScalarNode {
			return r.fail(n.Line, "", "want one value")
		}
		if err := p.parse(n.Value); err != nil {
			return r.fail(n.Line, hintOf(err), "%v", err)
		}
		return nil
	}
	switch v.Kind() { //nolint:exhaustive // the rest are scalars
	case reflect.Struct:
		return r.structure(n, v)
	case reflect.Slice:
		return r.list(n, v)
	}
	return r.scalar(n, v)
}

func hintOf(err error) string {
	if h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		return h.Hint()
	}
	return ""
}

func (r *reader) structure(n *yaml.Node, v reflect.Value) error {
	if inv, ok := reflect.TypeAssert[*Inventory](v.Addr()); ok && n.Kind == yaml.ScalarNode {
		known, ok := inventories()[n.Value]
		if !ok {
			return r.fail(n.Line, suggest(n.Value, sortedKeys(inventories())), "unknown account %q", n.Value)
		}
		*inv = known
		return nil
	}
	if n.Kind != yaml.MappingNode {
		return r.fail(n.Line, "", "want keys and values")
	}
	fields := map[string]reflect.Value{}
	var known []string
	for i := range v.NumField() {
		if tag := v.Type().Field(i).Tag.Get("yaml"); tag != "" {
			fields[tag] = v.Field(i)
			known = append(known, tag)
		}
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		f, ok := fields[k.Value]
		switch {
		case !ok:
			return r.fail(k.Line, suggest(k.Value, known), "unknown key %q", k.Value)
		case seen[k.Value]:
			return r.fail(k.Line, "", "%q is there twice", k.Value)
		}
		seen[k.Value] = true
		if err := r.value(n.Content[i+1], f); err != nil {
			return err
		}
	}
	return nil
}

func suggest(word string, known []string) string {
	if best := config.Closest(word, known); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return "known here: " + strings.Join(known, ", ")
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (r *reader) list(n *yaml.Node, v reflect.Value) error {
	if n.Kind != yaml.SequenceNode {
		return r.fail(n.Line, "write - and one item a line", "want a list")
	}
	items := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, c := range n.Content {
		if err := r.value(c, items.Index(i)); err != nil {
			return err
		}
	}
	v.Set(items)
	return nil
}

func (r *reader) scalar(n *yaml.Node, v reflect.Value) error {
	if n.Kind != yaml.ScalarNode {
		return r.fail(n.Line, "", "want one value")
	}
	switch v.Kind() { //nolint:exhaustive // a file has no others
	case reflect.String:
		v.SetString(n.Value)
	case reflect.Bool:
		b, err := strconv.ParseBool(n.Value)
		if err != nil {
			return r.fail(n.Line, "", "want true or false, got %q", n.Value)
		}
		v.SetBool(b)
	case reflect.Int:
		i, err := strconv.Atoi(n.Value)
		if err != nil || i < 0 {
			return r.fail(n.Line, "", "want a whole number of 0 or more, got %q", n.Value)
		}
		v.SetInt(int64(i))
	case reflect.Float64:
		x, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || !(x >= 0 && x < 1e12) {
			return r.fail(n.Line, "", "want a number of 0 or more, below 1e12, got %q", n.Value)
		}
		v.SetFloat(x)
	case reflect.Int64: // a time.Duration
		d, err := parseDuration(n.Value)
		if err != nil {
			return r.fail(n.Line, "write 90s, 5m or 1h30m", "%v", err)
		}
		v.SetInt(int64(d))
	}
	return nil
}

func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("want a time such as 30s, got %q", s)
	}
	return d, nil
}

func (m *Match) parse(s string) (err error) {
	m.Match, err = quota.ParseMatch(s)
	return err
}

func (p *Part) parse(s string) error {
	x, err := quota.ParseShare(s)
	*p = Part(x)
	return err
}

func (a *Action) parse(s string) error {
	words := strings.Fields(s)
	if len(words) == 0 {
		return errors.New("want an action, such as ec2:DescribeInstances")
	}
	service, operation, ok := strings.Cut(words[0], ":")
	if !ok || service == "" || operation == "" {
		return fmt.Errorf("want an action, such as ec2:DescribeInstances, got %q", s)
	}
	a.action = action{service: service, operation: operation}
	for _, w := range words[1:] {
		n, err := strconv.ParseFloat(w, 64)
		switch {
		case w == "unfiltered":
			a.unfiltered = true
		case err == nil && n > 0 && n < 1e9:
			a.resources = n
		default:
			return fmt.Errorf("behind an action stands a number of resources, or unfiltered, not %q", w)
		}
	}
	return nil
}

// has reports whether the file says anything of it.
func (r *reader) has(p any) bool {
	_, ok := r.lines[p]
	return ok
}
