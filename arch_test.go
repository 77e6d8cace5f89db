package botorate_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/botorate/botorate"

// layers is the order of the packages: a package imports only from lower layers. The root package, the library, is ".".
// The files are parsed here, not by `go list`, so that a cached test result can't hide a broken rule (go.dev/issue/30313).
var layers = [][]string{
	{".", "internal/ca", "internal/relay", "internal/sim", "internal/throttle", "internal/wire/gen", "awssdk/gen"},
	{"quota", "internal/wire", "internal/report", "internal/childenv", "internal/learnt", "internal/trial"},
	{"internal/config", "internal/proxy", "internal/lab", "internal/trace", "awssdk"},
	{"internal/demo", "internal/daemon", "internal/scenario"},
	{"cmd/botorate", "interop", "interop/conformance"},
}

func TestLayers(t *testing.T) {
	level := map[string]int{}
	for i, layer := range layers {
		for _, pkg := range layer {
			level[pkg] = i
		}
	}
	for _, f := range goFiles(t) {
		from, ok := level[f.pkg]
		if !ok {
			t.Errorf("%s: package %s is in no layer; add it to layers", f.path, f.pkg)
			continue
		}
		for _, imp := range f.imports {
			to, ok := ourPackage(imp)
			if ok && to != f.pkg && level[to] >= from {
				t.Errorf("%s: %s imports %s, which is not in a lower layer", f.path, f.pkg, to)
			}
		}
	}
}

// TestCoreStandsAlone holds the promise that the library pulls in nothing.
func TestCoreStandsAlone(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.pkg != "." {
			continue
		}
		for _, imp := range f.imports {
			if strings.Contains(strings.SplitN(imp, "/", 2)[0], ".") {
				t.Errorf("%s: the core imports %s; it has only the standard library", f.path, imp)
			}
		}
	}
}

type goFile struct {
	path, pkg string
	imports   []string
}

// goFiles returns every Go file of this module that is no test.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || otherModule(path)):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		f := goFile{path: path, pkg: filepath.ToSlash(filepath.Dir(path))}
		for _, imp := range parsed.Imports {
			name, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, name)
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("found only %d Go files: is the test run from the module's root?", len(files))
	}
	return files
}

// otherModule reports whether a folder belongs to a nested module.
func otherModule(path string) bool {
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	return err == nil
}

// ourPackage turns an import path into a folder of this module.
func ourPackage(imp string) (string, bool) {
	if imp == module {
		return ".", true
	}
	return strings.CutPrefix(imp, module+"/")
}
