package lab

import (
	"errors"
	"strings"
)

// The account that the stand-in plays, and the invented access keys that it knows. Both keys decode to the account, as keys of
// the newer generation do. They open nothing but a stand-in.
const (
	Account = "123456789012"

	AccessKeyID     = "AKIARZPUZDIKAEXAMPLE"                     //nolint:gosec // invented
	SecretAccessKey = "botorate/lab/invented/secret/EXAMPLEKEY1" //nolint:gosec // invented

	NeighbourKeyID           = "AKIARZPUZDIKBNEIGHBR"                     //nolint:gosec // invented
	NeighbourSecretAccessKey = "botorate/lab/invented/secret/EXAMPLEKEY2" //nolint:gosec // invented
)

// Keys are access key ids and their secrets.
type Keys map[string]string

// secret returns the secret of an access key, or "".
func (k Keys) secret(id string) string {
	switch id {
	case AccessKeyID:
		return SecretAccessKey
	case NeighbourKeyID:
		return NeighbourSecretAccessKey
	}
	return k[id]
}

// parseKeys reads ID:SECRET pairs.
func parseKeys(pairs []string) (Keys, error) {
	keys := Keys{}
	for _, pair := range pairs {
		id, secret, ok := strings.Cut(pair, ":")
		if !ok || id == "" || secret == "" {
			return nil, errors.New("a key is not of the form ID:SECRET")
		}
		keys[id] = secret
	}
	return keys, nil
}
