package wire

import "bytes"

// maxArgs is how many arguments of a query are looked at.
const maxArgs = 24

// queryArgs are the arguments of a URL's query as they came.
type queryArgs struct {
	n       int
	escaped bool // a key has a %
	args    [maxArgs]arg
}

type arg struct{ key, value []byte }

func (q *queryArgs) parse(query []byte) {
	for len(query) > 0 && q.n < maxArgs {
		var a arg
		a, query = cutArg(query)
		if len(a.key) > 0 {
			q.args[q.n] = a
			q.n++
			q.escaped = q.escaped || bytes.IndexByte(a.key, '%') >= 0
		}
	}
}

// get returns the raw value of the first argument with that key.
func (q *queryArgs) get(key string) (value []byte, ok bool) {
	for i := range q.args[:q.n] {
		if a := &q.args[i]; string(a.key) == key || q.escaped && equalUnescaped(a.key, key) {
			return a.value, true
		}
	}
	return nil, false
}

// cutArg splits off the first argument of a query or form body.
func cutArg(b []byte) (a arg, rest []byte) {
	pair, rest := cutByte(b, '&')
	a.key, a.value = cutByte(pair, '=')
	return a, rest
}

// cutByte is bytes.Cut for one byte, at half the cost.
func cutByte(b []byte, c byte) (before, after []byte) {
	if i := bytes.IndexByte(b, c); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}

// equalUnescaped reports whether b, with its %XX decoded, is s. It is for the rare b that has any.
func equalUnescaped(b []byte, s string) bool {
	if len(b) <= len(s) {
		return false // each escape makes b longer by two
	}
	for len(b) > 0 && len(s) > 0 {
		c, n := unescape(b)
		if c != s[0] {
			return false
		}
		b, s = b[n:], s[1:]
	}
	return len(b) == 0 && len(s) == 0
}

// unescape returns the first byte of b, which is not empty, with %XX decoded, and how many bytes of b it takes.
func unescape(b []byte) (c byte, n int) {
	if b[0] == '%' && len(b) >= 3 {
		hi, ok1 := unhex(b[1])
		lo, ok2 := unhex(b[2])
		if ok1 && ok2 {
			return hi<<4 | lo, 3
		}
	}
	return b[0], 1
}

func unhex(c byte) (digit byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// unescaped returns b with its %XX decoded, in dst if b has any.
func unescaped(dst, b []byte) []byte {
	if bytes.IndexByte(b, '%') < 0 {
		return b
	}
	dst = dst[:0]
	for len(b) > 0 {
		c, n := unescape(b)
		dst, b = append(dst, c), b[n:]
	}
	return dst
}

// equalFold compares ASCII without case; lower must be lower case.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// hasPrefixFold reports whether b begins with lower, without case; lower must be lower case.
func hasPrefixFold(b []byte, lower string) bool {
	return len(b) >= len(lower) && equalFold(b[:len(lower)], lower)
}

// splitTarget returns path and query of a request target in origin or absolute form.
func splitTarget(target []byte) (path, query []byte) {
	if len(target) > 0 && target[0] != '/' {
		if i := bytes.Index(target, []byte("://")); i >= 0 {
			target = target[i+3:]
			i = bytes.IndexAny(target, "/?")
			if i < 0 {
				return nil, nil
			}
			target = target[i:]
		}
	}
	path = target
	if i := bytes.IndexByte(path, '?'); i >= 0 {
		path, query = path[:i], path[i+1:]
	}
	return path, query
}
