package awssdk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"
)

// anonymous is the account of what is not signed.
const anonymous = "anonymous"

// A client is one service client, as far as its account goes.
type client struct {
	credentials func() aws.CredentialsProvider // nil if it has none
	known       atomic.Pointer[identity]       // the last that was seen
}

// An identity is a key and whose it is.
type identity struct{ key, account string }

func newClient(credentials func() aws.CredentialsProvider) *client {
	return &client{credentials: sync.OnceValue(credentials)}
}

// account returns the account whose credentials sign the client's requests. If they can't be had, the SDK says so when it signs.
func (c *client) account(ctx context.Context) string {
	provider := c.credentials()
	if provider == nil {
		return anonymous
	}
	known := c.known.Load()
	if _, cached := provider.(*aws.CredentialsCache); known != nil && !cached {
		return known.account
	}
	got, err := provider.Retrieve(ctx)
	if err != nil {
		return anonymous
	}
	if known == nil || known.key != got.AccessKeyID || got.AccountID != "" && got.AccountID != known.account {
		known = &identity{key: got.AccessKeyID, account: accountOf(&got)}
		c.known.Store(known)
	}
	return known.account
}

// bind is called by the SDK with the options of each client that is made from a paced config, before the program's own
// functions have changed them. So it keeps the options, and looks at the credentials when they are first needed.
func bind(_ string, options any) {
	o := reflect.ValueOf(options)
	if o.Kind() != reflect.Pointer || o.Elem().Kind() != reflect.Struct {
		return
	}
	apis, ok := field[[]func(*middleware.Stack) error](o.Elem(), "APIOptions")
	if !ok {
		return
	}
	c := newClient(func() aws.CredentialsProvider {
		if p, ok := field[aws.CredentialsProvider](o.Elem(), "Credentials"); ok {
			return *p
		}
		return nil
	})
	*apis = append(slices.Clip(*apis), func(stack *middleware.Stack) error {
		if s := stepOf(stack); s != nil {
			s.client = c
		}
		return nil
	})
}

// field returns a pointer to a struct's field, if it has one of that name and type.
func field[T any](v reflect.Value, name string) (*T, bool) {
	f := v.FieldByName(name)
	if !f.IsValid() || !f.CanAddr() || !f.Addr().CanInterface() {
		return nil, false
	}
	return reflect.TypeAssert[*T](f.Addr())
}

// accountOf returns whose credentials are: what their provider says, else what the key tells, else a name of the key's own
// that doesn't tell it.
func accountOf(c *aws.Credentials) string {
	if c.AccountID != "" {
		return c.AccountID
	}
	if account, ok := decodeAccount(c.AccessKeyID); ok {
		return account
	}
	sum := sha256.Sum256([]byte(c.AccessKeyID))
	return "key-" + hex.EncodeToString(sum[:6])
}

// decodeAccount reads the account in an access key id of the newer kind: the first ten of its last sixteen characters are base32 of
// fifty bits, of which the highest bit is set and the next forty are the account.
// Source: https://awsteele.com/blog/2020/09/26/aws-access-key-format.html,
// https://medium.com/@TalBeerySec/a-short-note-on-aws-key-id-f88cc4317489 (read 2026-11-23); not documented by AWS.
func decodeAccount(key string) (string, bool) {
	if len(key) != 20 || key[:4] != "AKIA" && key[:4] != "ASIA" {
		return "", false
	}
	var bits uint64
	for i := 4; i < len(key); i++ {
		digit := uint64(0)
		switch c := key[i]; {
		case 'A' <= c && c <= 'Z':
			digit = uint64(c - 'A')
		case '2' <= c && c <= '7':
			digit = uint64(c-'2') + 26
		default:
			return "", false
		}
		if i < 14 {
			bits = bits<<5 | digit
		}
	}
	account := bits >> 9 & (1<<40 - 1)
	if bits>>49 != 1 || account > 999_999_999_999 {
		return "", false
	}
	s := strconv.FormatUint(account, 10)
	return "000000000000"[len(s):] + s, true
}
