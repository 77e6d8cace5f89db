package wire

import (
	"bytes"
	"sync"

	"github.com/botorate/botorate/internal/relay"
)

// AccountIn returns the account that a successful answer to r tells of r's credentials: STS's to GetCallerIdentity, in XML or
// JSON; else "". body is as for [Judge]. What a throttle tells is in [Outcome.Account].
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html (read 2026-11-23).
func AccountIn(r *Request, head *relay.Head, body []byte) string {
	if head.Status != 200 || !TellsAccount(r) {
		return ""
	}
	body = decoded(body, head.Get("Content-Encoding"), MaxErrorBody)
	account := element(body, "Account")
	if account == "" {
		_, rest, _ := bytes.Cut(body, []byte(`"Account"`))
		_, rest, _ = bytes.Cut(rest, []byte(`"`))
		account = string(rest[:min(len(rest), 12)])
	}
	if !isAccount(account) {
		return ""
	}
	return account
}

// TellsAccount reports whether the answer to r is one that [AccountIn] reads.
func TellsAccount(r *Request) bool { return r.Service == "sts" && r.Operation == "GetCallerIdentity" }

// maxAccounts bounds how many corrections Accounts remembers.
const maxAccounts = 1024

// Accounts remembers what answers told of the account of credentials: in place of the scope that was made up for a key that
// does not tell its account, or of one that was read from a key wrongly. The zero value is ready for use. It is safe for concurrent use.
type Accounts struct {
	mu   sync.RWMutex
	real map[string]string // by what Identify said
}

// Learn remembers that the account of r's credentials is account, which may be "" for unknown. r is as [Identifier.Identify]
// said or as Correct left it.
func (a *Accounts) Learn(r *Request, account string) {
	if account == "" || account == r.Account || r.Account == "anonymous" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.real == nil {
		a.real = make(map[string]string)
	}
	if len(a.real) < maxAccounts {
		a.real[r.Account] = account
	}
}

// Correct sets r's account to what was learnt of it.
func (a *Accounts) Correct(r *Request) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if account, ok := a.real[r.Account]; ok {
		r.Account = account
	}
}
