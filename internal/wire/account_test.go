package wire

import (
	"fmt"
	"strings"
	"testing"
)

const callerIdentity = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/x</Arn>
<UserId>AIDA</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`

func TestAccountIn(t *testing.T) {
	t.Parallel()
	caller := Request{Service: "sts", Operation: "GetCallerIdentity"}
	for _, tt := range []struct {
		name, status, fields, body string
		r                          Request
		want                       string
	}{
		{"xml", "200 OK", "", callerIdentity, caller, "123456789012"},
		{"gzip", "200 OK", "Content-Encoding: gzip\n", string(zipped(t, []byte(callerIdentity))), caller, "123456789012"},
		{"json", "200 OK", "", `{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Account" : "123456789012","Arn":"x"}}}`, caller, "123456789012"},
		{"another operation", "200 OK", "", callerIdentity, Request{Service: "sts", Operation: "GetSessionToken"}, ""},
		{"another service", "200 OK", "", callerIdentity, Request{Service: "x", Operation: "GetCallerIdentity"}, ""},
		{"refused", "403 Forbidden", "", callerIdentity, caller, ""},
		{"not digits", "200 OK", "", "<Account>12345678901x</Account>", caller, ""},
		{"cut short", "200 OK", "", `{"Account":"12345`, caller, ""},
		{"nothing", "200 OK", "", "", caller, ""},
	} {
		if got := AccountIn(&tt.r, response(t, tt.status, tt.fields), []byte(tt.body)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	var a Accounts
	account := func(s string) string {
		r := Request{Account: s}
		a.Correct(&r)
		return r.Account
	}
	a.Learn(&Request{Account: "key-1"}, "123456789012")
	a.Learn(&Request{Account: "key-2"}, "")
	a.Learn(&Request{Account: "anonymous"}, "123456789012")
	a.Learn(&Request{Account: "123456789012"}, "123456789012")
	for s, want := range map[string]string{"key-1": "123456789012", "key-2": "key-2", "anonymous": "anonymous", "123456789012": "123456789012"} {
		if got := account(s); got != want {
			t.Errorf("%s: got %s, want %s", s, got, want)
		}
	}
	for i := range 2 * maxAccounts {
		a.Learn(&Request{Account: fmt.Sprintf("key-%d", i+10)}, "210987654321")
	}
	if len(a.real) > maxAccounts {
		t.Errorf("%d accounts are remembered", len(a.real))
	}
	if got := account("key-1"); got != "123456789012" {
		t.Errorf("key-1 was forgotten: %s", got)
	}
}

func FuzzAccountIn(f *testing.F) {
	f.Add([]byte(callerIdentity), "")
	f.Add([]byte(`{"Account":"123456789012"}`), "gzip")
	f.Add(zipped(f, []byte(callerIdentity)), "gzip")
	f.Fuzz(func(t *testing.T, body []byte, encoding string) {
		if strings.ContainsAny(encoding, "\r\n") {
			return
		}
		head := response(t, "200 OK", "")
		if encoding == "gzip" {
			head = response(t, "200 OK", "Content-Encoding: gzip\n")
		}
		if got := AccountIn(&Request{Service: "sts", Operation: "GetCallerIdentity"}, head, body); got != "" && !isAccount(got) {
			t.Errorf("got %q", got)
		}
	})
}
