package childenv

import (
	_ "embed"
	"strings"
)

// preload is the module that Node loads before a program: it makes https go through HTTPS_PROXY, which Node's AWS SDKs ignore.
//
//go:embed preload.cjs
var preload []byte

// nodeQuote quotes a path for NODE_OPTIONS, which splits at spaces except inside double quotes
// (https://nodejs.org/api/cli.html#node_optionsoptions, read 2026-11-23).
func nodeQuote(path string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(path) + `"`
}
