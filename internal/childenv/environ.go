package childenv

import (
	"slices"
	"strings"
)

// An environ is a list of NAME=value.
type environ struct {
	list []string
	fold bool // names are equal without case
}

func newEnviron(list []string, fold bool) environ {
	return environ{slices.Clone(list), fold}
}

func (e *environ) clone() environ { return newEnviron(e.list, e.fold) }

// is reports whether entry sets name.
func (e *environ) is(entry, name string) bool {
	if len(entry) <= len(name) || entry[len(name)] != '=' {
		return false
	}
	return entry[:len(name)] == name || e.fold && strings.EqualFold(entry[:len(name)], name)
}

// get returns the value of name, of the first entry if there are several, as getenv does.
func (e *environ) get(name string) string {
	for _, entry := range e.list {
		if e.is(entry, name) {
			return entry[len(name)+1:]
		}
	}
	return ""
}

// first returns the first value among the names that is not empty.
func (e *environ) first(names ...string) string {
	for _, name := range names {
		if v := e.get(name); v != "" {
			return v
		}
	}
	return ""
}

// set replaces every entry of name by one.
func (e *environ) set(name, value string) {
	e.list = slices.DeleteFunc(e.list, func(entry string) bool { return e.is(entry, name) })
	e.list = append(e.list, name+"="+value)
}

// add appends to the value of name, after a space.
func (e *environ) add(name, value string) {
	if old := strings.TrimSpace(e.get(name)); old != "" {
		value = old + " " + value
	}
	e.set(name, value)
}
