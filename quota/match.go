package quota

import (
	"strings"
)

// A Match says to which actions a rule applies. The zero value is every action.
type Match struct {
	Service   string // IAM's prefix; empty for all
	Operation string // an operation, with `*` for any run of letters, or the rest of a bucket's name ("control-plane"); empty for all
}

const matchHint = "say a service, ec2; an action, ec2:DescribeSnapshots; a group, iam:Get*; or * for everything"

// ParseMatch reads `ec2`, `ec2:DescribeSnapshots`, `iam:Get*` or `*`. Case does not matter. A bucket can be named too, as
// reports print it: `lambda:control-plane`, `ec2:RunInstances resources`. Errors are of type *[InputError].
func ParseMatch(s string) (Match, error) {
	t := strings.TrimSpace(s)
	if t == "*" || t == "*:*" {
		return Match{}, nil
	}
	fail := func(problem, hint string) (Match, error) {
		return Match{}, &InputError{What: "match", Given: s, Problem: problem, hint: hint}
	}
	service, operation, colon := strings.Cut(t, ":")
	service = strings.ToLower(service)
	switch {
	case t == "":
		return fail("empty", matchHint)
	case strings.Contains(service, "*"):
		return fail("a service is named in full", matchHint)
	case !isServiceName(service):
		return fail("not the name of a service", matchHint)
	case colon && operation == "":
		return fail("no operation after the colon", matchHint)
	case !isOperationName(operation):
		return fail("not the name of an operation", matchHint)
	}
	if iam := iamPrefix(service); iam != "" {
		return fail("IAM calls this service "+iam, "say "+strings.TrimSuffix(iam+":"+operation, ":"))
	}
	return Match{Service: service, Operation: strings.TrimLeft(operation, " ")}.canonical(), nil
}

// iamPrefix returns IAM's name of a service that is often called something else, or an empty string.
func iamPrefix(service string) string {
	switch service {
	case "monitoring":
		return "cloudwatch"
	case "elb", "elbv2":
		return "elasticloadbalancing"
	case "tagging", "resourcegroupstaggingapi":
		return "tag"
	case "emr":
		return "elasticmapreduce"
	case "stepfunctions", "sfn":
		return "states"
	case "eventbridge":
		return "events"
	case "email", "sesv2":
		return "ses"
	case "configservice":
		return "config"
	case "ecs-tasks":
		return "ecs"
	}
	return ""
}

func isServiceName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// isOperationName takes the names of operations, of buckets, and the labels of requests that no table knows ("GET /2015-03-31/*").
func isOperationName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
		if !letter && !strings.ContainsRune("* -_./()", rune(c)) {
			return false
		}
	}
	return true
}

// canonical gives equal matches one spelling.
func (m Match) canonical() Match {
	for strings.Contains(m.Operation, "**") {
		m.Operation = strings.ReplaceAll(m.Operation, "**", "*")
	}
	if m.Operation == "*" {
		m.Operation = ""
	}
	return m
}

// String returns what [ParseMatch] reads.
func (m Match) String() string {
	switch {
	case m.Service == "":
		return "*"
	case m.Operation == "":
		return m.Service
	}
	return m.Service + ":" + m.Operation
}

// Matches reports whether the match applies to an action.
func (m Match) Matches(service, operation string) bool {
	return (m.Service == "" || strings.EqualFold(m.Service, service)) && (m.Operation == "" || glob(m.Operation, operation))
}

// exact reports whether the match names one thing.
func (m Match) exact() bool { return m.Operation != "" && !strings.Contains(m.Operation, "*") }

// glob reports whether the pattern, where `*` is any run of bytes, matches all of s. Case does not matter.
// A pattern may be matched too: a `*` in s is matched only by a `*`.
func glob(pattern, s string) bool {
	star, mark := -1, 0 // the last star seen, and how far s was when it matched nothing
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && lower(pattern[p]) == lower(s[i]):
			p, i = p+1, i+1
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
