package lab

// The account that the stand-in plays, and the invented access keys that it knows. Both keys decode to the account, as keys of
// the newer generation do. They open nothing but a stand-in.
const (
	Account = "123456789012"

	AccessKeyID     = "AKIARZPUZDIKAEXAMPLE"                     //nolint:gosec // invented
	SecretAccessKey = "botorate/lab/invented/secret/EXAMPLEKEY1" //nolint:gosec // invented

	NeighbourKeyID           = "AKIARZPUZDIKBNEIGHBR"                     //nolint:gosec // invented
	NeighbourSecretAccessKey = "botorate/lab/invented/secret/EXAMPLEKEY2" //nolint:gosec // invented
)

// secretOf returns the secret of an access key, or "".
func secretOf(key string) string {
	switch key {
	case AccessKeyID:
		return SecretAccessKey
	case NeighbourKeyID:
		return NeighbourSecretAccessKey
	}
	return ""
}
