package awssdk_test

import (
	"archive/zip"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLibraryAlone: a program that uses only the library gets no module of AWS, nor any other. It is built here against a module
// proxy, a folder, that has botorate's module and nothing else, so that whatever else were needed would be missing.
func TestLibraryAlone(t *testing.T) {
	const module, version = "github.com/botorate/botorate", "v0.0.1"
	dir := t.TempDir()
	proxy := filepath.Join(dir, "proxy", module, "@v")
	goMod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(proxy, "list"), version+"\n")
	write(t, filepath.Join(proxy, version+".mod"), string(goMod))
	write(t, filepath.Join(proxy, version+".info"), `{"Version": "`+version+`", "Time": "2026-11-23T00:00:00Z"}`)
	pack(t, filepath.Join(proxy, version+".zip"), module+"@"+version+"/", "..")

	program := filepath.Join(dir, "program")
	write(t, filepath.Join(program, "go.mod"), "module example.com/program\n\ngo 1.26.0\n")
	write(t, filepath.Join(program, "main.go"), "package main\n\nimport \""+module+"\"\n\nfunc main() { botorate.New(botorate.Options{}) }\n")
	cache := filepath.Join(dir, "cache")
	for _, args := range [][]string{{"get", module + "@" + version}, {"build", "-o", os.DevNull, "."}} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = program
		cmd.Env = append(os.Environ(), "GOPROXY=file://"+filepath.ToSlash(filepath.Join(dir, "proxy")), "GOMODCACHE="+cache,
			"GOFLAGS=-mod=mod -modcacherw", "GOSUMDB=off", "GONOPROXY=", "GOPRIVATE=", "GOWORK=off", "GO111MODULE=on")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(program, name))
		if err != nil || strings.Contains(string(text), "aws") || !strings.Contains(string(text), module) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
	if owners, err := filepath.Glob(filepath.Join(cache, "*", "*", "*")); err != nil || len(owners) == 0 {
		t.Errorf("the module cache has no module: %v", err)
	} else {
		for _, o := range owners {
			if o != filepath.Join(cache, "github.com", "botorate", "botorate@"+version) && !strings.HasPrefix(o, filepath.Join(cache, "cache")) {
				t.Errorf("the program has got %s", o)
			}
		}
	}
}

// pack writes a module's zip, with what is of this module and not in a nested one.
func pack(t *testing.T, name, prefix, root string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || nested(path)):
			return filepath.SkipDir
		case d.IsDir() || !d.Type().IsRegular() || !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "go.mod"):
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		w, err := z.Create(prefix + filepath.ToSlash(rel))
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// nested reports whether a folder is another module.
func nested(path string) bool {
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	return err == nil
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
