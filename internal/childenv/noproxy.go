package childenv

import (
	"net/netip"
	"slices"
	"strings"
)

// alwaysDirect are the hosts that the child reaches without us: itself, and the credential endpoints of EC2, ECS and EKS, by
// exact address, in both spellings of IPv6, since only Go understands a network there (clients.md §4, 2026-11-23).
//
//nolint:gochecknoglobals // a constant list
var alwaysDirect = []string{
	"localhost", "127.0.0.1", "::1",
	"169.254.169.254", "fd00:ec2::254", "[fd00:ec2::254]",
	"169.254.170.2", "169.254.170.23", "fd00:ec2::23", "[fd00:ec2::23]",
}

// childNoProxy returns the hosts that the child reaches without us: the user's, less those that would take AWS's APIs past us
// (those still bypass the user's own proxy, since our own side applies the user's list), and [alwaysDirect].
func (in *Inherited) childNoProxy() []string {
	var out []string
	for _, entry := range append(splitHosts(in.NoProxy), alwaysDirect...) {
		if !in.coversAWS(entry) && !slices.Contains(out, entry) {
			out = append(out, entry)
		}
	}
	return out
}

// splitHosts splits a NO_PROXY list: by commas, and by spaces as curl and others do.
func splitHosts(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// coversAWS reports whether a NO_PROXY entry matches any name in AWS's domains: one inside them, or one that holds them.
func (in *Inherited) coversAWS(entry string) bool {
	name := strings.ToLower(strings.TrimLeft(entry, "*."))
	if host, _, ok := strings.Cut(name, ":"); ok && strings.Count(name, ":") == 1 {
		name = host
	}
	name = strings.TrimSuffix(name, ".")
	if name == "" {
		return true // "*" and what means the same
	}
	return slices.ContainsFunc(in.domains, func(domain string) bool {
		return name == domain || strings.HasSuffix(name, "."+domain) || strings.HasSuffix(domain, "."+name)
	})
}

// javaHosts turns NO_PROXY entries into the patterns of http.nonProxyHosts, where `*` may only begin or end a pattern.
// A network has no such pattern and is left out.
func javaHosts(entries []string) []string {
	var patterns []string
	add := func(pattern string) {
		if !slices.Contains(patterns, pattern) {
			patterns = append(patterns, pattern)
		}
	}
	for _, entry := range entries {
		entry = strings.Trim(entry, "[]")
		if _, err := netip.ParsePrefix(entry); err == nil || strings.ContainsAny(entry, "|\"' ") {
			continue
		}
		switch addr, err := netip.ParseAddr(entry); {
		case err == nil && addr.Is6():
			add("[" + entry + "]")
		case err == nil || entry == "localhost":
			add(entry)
		default:
			host, _, _ := strings.Cut(strings.TrimLeft(entry, "*."), ":")
			add(host)
			add("*." + host)
		}
	}
	return patterns
}
