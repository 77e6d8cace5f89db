package quota

import "strings"

// A Scope says for whom a bucket is: an account in a Region, a whole account (global services), one resource, or an
// organization, which is known only by an account of it.
type Scope struct {
	Account, Region, Resource string
	Organization              bool // of Account; Region and Resource are empty
}

const organizationPrefix = "org-of-"

// String returns "account/region", "account" for a global service, "account/region/resource", or "org-of-account".
func (s Scope) String() string {
	switch {
	case s.Organization:
		return organizationPrefix + s.Account
	case s.Resource != "":
		return s.Account + "/" + s.Region + "/" + s.Resource
	case s.Region != "":
		return s.Account + "/" + s.Region
	}
	return s.Account
}

// ParseScope is the reverse of [Scope.String] for accounts and Regions without a slash. It takes any text.
func ParseScope(s string) Scope {
	account, rest, _ := strings.Cut(s, "/")
	region, resource, _ := strings.Cut(rest, "/")
	if of, ok := strings.CutPrefix(account, organizationPrefix); ok && region == "" && resource == "" {
		return Scope{Account: of, Organization: true}
	}
	return Scope{Account: account, Region: region, Resource: resource}
}
