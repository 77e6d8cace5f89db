package quota

import (
	"strings"

	"github.com/botorate/botorate"
)

// Partition says which buckets can be drawn from together, as a governor asks: [botorate.Options].Partition. Those of one account:
// every draw of a call is in a scope of the call's account.
func Partition(id botorate.BucketID) string {
	account, _, _ := strings.Cut(id.Scope, "/")
	for strings.HasPrefix(account, organizationPrefix) {
		account = account[len(organizationPrefix):]
	}
	return account
}
