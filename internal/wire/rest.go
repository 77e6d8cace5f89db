package wire

import (
	"bytes"
	"slices"
	"strings"

	"github.com/botorate/botorate/internal/relay"
)

// A node is a place in the tree of an API's path templates. Looking up allocates nothing.
type node struct {
	names  []string // literal segments below, sorted
	kids   []*node  // as names
	param  *node    // below {}: any segment that is not empty
	greedy *node    // below {+}: one or more characters, slashes too
	verbs  []verb   // operations of the path that ends here
}

// A verb is the operations that one path has with one method, by falling weight of conditions, otherwise as in the table.
type verb struct {
	method string
	ops    []operation
}

type operation struct {
	name       string
	conditions []condition
}

// weight says how much is asked: a value in the query more than that something is there.
func (o *operation) weight() int {
	n := len(o.conditions)
	for _, c := range o.conditions {
		if c.value != "" {
			n++
		}
	}
	return n
}

// A condition is what a request must have besides method and path.
type condition struct {
	key, value string // value "" asks for presence only
	header     bool   // in the header, else in the query
}

// parseOperations reads the operations of one API in the form that apis.txt describes.
func parseOperations(text string) *node {
	root := &node{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 3 || f[0] == "*" {
			continue
		}
		op := operation{name: f[2]}
		for _, c := range f[3:] {
			key, value, _ := strings.Cut(c[1:], "=")
			op.conditions = append(op.conditions, condition{key, value, c[0] == '!'})
		}
		n := root
		for segment := range strings.SplitSeq(strings.Trim(f[1], "/"), "/") {
			if segment != "" {
				n = n.add(segment)
			}
		}
		n.addOperation(f[0], op)
	}
	return root
}

// add returns the node below n for a segment of a template.
func (n *node) add(segment string) *node {
	switch segment {
	case "{}":
		if n.param == nil {
			n.param = &node{}
		}
		return n.param
	case "{+}":
		if n.greedy == nil {
			n.greedy = &node{}
		}
		return n.greedy
	}
	i, found := slices.BinarySearch(n.names, segment)
	if !found {
		n.names = slices.Insert(n.names, i, segment)
		n.kids = slices.Insert(n.kids, i, &node{})
	}
	return n.kids[i]
}

func (n *node) addOperation(method string, op operation) {
	v := slices.IndexFunc(n.verbs, func(v verb) bool { return v.method == method })
	if v < 0 {
		v = len(n.verbs)
		n.verbs = append(n.verbs, verb{method: method})
	}
	ops := n.verbs[v].ops
	i := len(ops)
	for i > 0 && ops[i-1].weight() < op.weight() {
		i--
	}
	n.verbs[v].ops = slices.Insert(ops, i, op)
}

// literal returns the node below n for a literal segment of a request, or nil.
func (n *node) literal(segment []byte) *node {
	lo, hi := 0, len(n.names)
	for lo < hi {
		switch m := (lo + hi) / 2; {
		case n.names[m] == string(segment):
			return n.kids[m]
		case n.names[m] < string(segment):
			lo = m + 1
		default:
			hi = m
		}
	}
	if bytes.IndexByte(segment, '%') < 0 {
		return nil
	}
	for i, name := range n.names {
		if equalUnescaped(segment, name) {
			return n.kids[i]
		}
	}
	return nil
}

// A restRequest is what tells a REST operation.
type restRequest struct {
	head   *relay.Head
	method []byte
	path   []byte
	query  queryArgs
}

// find returns the operation that rest, the path below n, leads to: literal segments go before labels, and among the
// operations of one path the one with the weightiest conditions that hold. It returns nil if there is none.
func (n *node) find(q *restRequest, rest []byte) *operation {
	if len(rest) <= 1 {
		return n.choose(q)
	}
	segment, after := rest[1:], []byte(nil)
	if i := bytes.IndexByte(segment, '/'); i >= 0 {
		segment, after = segment[:i], segment[i:]
	}
	if kid := n.literal(segment); kid != nil {
		if op := kid.find(q, after); op != nil {
			return op
		}
	}
	if n.param != nil && len(segment) > 0 {
		if op := n.param.find(q, after); op != nil {
			return op
		}
	}
	if n.greedy == nil {
		return nil
	}
	if len(n.greedy.names) > 0 {
		for i := bytes.LastIndexByte(rest, '/'); i > 1; i = bytes.LastIndexByte(rest[:i], '/') {
			if op := n.greedy.find(q, rest[i:]); op != nil {
				return op
			}
		}
	}
	return n.greedy.choose(q)
}

func (n *node) choose(q *restRequest) *operation {
	for v := range n.verbs {
		if n.verbs[v].method != string(q.method) {
			continue
		}
		for i := range n.verbs[v].ops {
			if op := &n.verbs[v].ops[i]; q.meets(op.conditions) {
				return op
			}
		}
	}
	return nil
}

func (q *restRequest) meets(conditions []condition) bool {
	for i := range conditions {
		c := &conditions[i]
		if c.header {
			if q.head.Get(c.key) == nil {
				return false
			}
			continue
		}
		value, ok := q.query.get(c.key)
		if !ok || c.value != "" && c.value != string(value) {
			return false
		}
	}
	return true
}

// appendLabel appends a name for a request whose operation no table knows: the method and, if named, at most a version and a
// word of the path, so that there are few labels and none has an identifier in it.
func (q *restRequest) appendLabel(dst []byte, named bool) []byte {
	dst = append(append(dst, knownMethod(q.method)...), " /"...)
	segment, rest := firstSegment(q.path)
	if named && isVersion(segment) {
		dst = append(dst, segment...)
		if segment, rest = firstSegment(rest); len(segment) > 0 {
			dst = append(dst, '/')
		}
	}
	if named && isWord(segment) {
		dst = append(dst, segment...)
		if segment, _ = firstSegment(rest); len(segment) > 0 {
			dst = append(dst, '/')
		}
	}
	if len(segment) > 0 {
		dst = append(dst, '*')
	}
	return dst
}

func knownMethod(m []byte) string {
	for _, s := range [...]string{"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"} {
		if s == string(m) {
			return s
		}
	}
	return "OTHER"
}

func firstSegment(path []byte) (segment, rest []byte) {
	path = bytes.TrimPrefix(path, []byte{'/'})
	if i := bytes.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, nil
}

// isVersion reports whether s looks like a version of an API: 2015-03-31, v2, 20180820.
func isVersion(s []byte) bool {
	s = bytes.TrimPrefix(s, []byte{'v'})
	for _, c := range s {
		if c != '-' && c != '.' && (c < '0' || c > '9') {
			return false
		}
	}
	return len(s) > 0 && len(s) <= 10
}

// isWord reports whether s is letters, dashes and underscores only.
func isWord(s []byte) bool {
	for _, c := range s {
		if c != '-' && c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return len(s) > 0 && len(s) <= 32
}
