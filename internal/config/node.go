package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// target returns what an alias stands for, or the node itself.
func target(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n
}

// fields calls f with each key of a mapping that is known, and its value. path says where, for messages.
func (r *reader) fields(n *yaml.Node, path string, known []string, f func(key string, v *yaml.Node)) {
	r.pairs(n, path, func(k, v *yaml.Node) {
		if !slices.Contains(known, k.Value) {
			r.fail(k, suggest(k.Value, known), "%sunknown key %q", prefix(path), k.Value)
			return
		}
		f(k.Value, v)
	})
}

// pairs calls f with each key of a mapping, once. Nothing at all is an empty mapping.
func (r *reader) pairs(n *yaml.Node, path string, f func(k, v *yaml.Node)) {
	m := target(n)
	if m.Kind == yaml.ScalarNode && m.Tag == "!!null" {
		return
	}
	if m.Kind != yaml.MappingNode {
		r.fail(n, "write KEY: VALUE, one a line", "%swant keys and values, got %s", prefix(path), show(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(m.Content); i += 2 {
		k, v := target(m.Content[i]), m.Content[i+1]
		switch line := seen[k.Value]; {
		case k.Kind != yaml.ScalarNode:
			r.fail(m.Content[i], "", "%sa key is a word, got %s", prefix(path), show(k))
		case k.Tag == "!!merge":
			r.fail(k, "repeat the keys, or give whole values an anchor", "%smerge keys (<<) are not taken", prefix(path))
		case line > 0:
			r.fail(k, "", "%s%q is there twice, first in line %d", prefix(path), k.Value, line)
		default:
			seen[k.Value] = k.Line
			f(k, v)
		}
	}
}

// scalar returns the text of a single value.
func (r *reader) scalar(n *yaml.Node, key, want string) (s string, ok bool) {
	t := target(n)
	if t.Kind != yaml.ScalarNode || t.Tag == "!!null" {
		r.fail(n, "", "%s: want %s, got %s", key, want, show(n))
		return "", false
	}
	return t.Value, true
}

// show writes a value in one short line, for messages.
func show(n *yaml.Node) string {
	s := showDeep(n, 3)
	if short := []rune(s); len(short) > 60 {
		return string(short[:60]) + "…"
	}
	return s
}

func showDeep(n *yaml.Node, depth int) string {
	n = target(n)
	if n.Kind == yaml.ScalarNode {
		switch n.Tag {
		case "!!null":
			return "nothing"
		case "!!str":
			return `"` + strings.ReplaceAll(n.Value, "\n", " ") + `"`
		}
		return n.Value
	}
	if depth == 0 || len(n.Content) > 20 {
		return "…"
	}
	var parts []string
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			parts = append(parts, showDeep(n.Content[i], depth-1)+": "+showDeep(n.Content[i+1], depth-1))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	for _, c := range n.Content {
		parts = append(parts, showDeep(c, depth-1))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
