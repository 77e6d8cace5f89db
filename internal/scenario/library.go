package scenario

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

// The scenarios that are shipped.
//
//go:embed scenarios/*.txtar
var shipped embed.FS

// Names returns the names of the scenarios that are shipped, sorted.
func Names() []string {
	entries, err := shipped.ReadDir("scenarios")
	if err != nil {
		panic(err) // they are in the binary
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".txtar")
	}
	return names
}

// Shipped returns a scenario that is shipped, as its file is.
func Shipped(name string) ([]byte, error) {
	data, err := shipped.ReadFile(path.Join("scenarios", name+".txtar"))
	if err != nil {
		return nil, &unknownError{name}
	}
	return data, nil
}

// An unknownError is a name that is neither a file nor a scenario of ours.
type unknownError struct{ name string }

func (e *unknownError) Error() string { return fmt.Sprintf("no scenario is named %q", e.name) }

// Hint says which may be meant.
func (e *unknownError) Hint() string { return suggest(e.name, Names()) }
