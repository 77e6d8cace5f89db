//go:build unix

package report

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What a name stands for is written, and never replaced by a file.
func TestWriteFilePlaces(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := os.Mkdir(in("sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"link": "sub/real.json", "chain": "link", "dangling": "sub/new.json", "null": "/dev/null", "folder": "sub",
	} {
		if err := os.Symlink(target, in(link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(in("sub/real.json"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	open, err := os.Create(in("open"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if _, err := open.WriteString("of the command\n"); err != nil {
		t.Fatal(err)
	}
	fd := fmt.Sprintf("/dev/fd/%d", open.Fd())
	if err := os.Symlink(fd, in("stdout")); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, written, begins string }{
		{in("link"), in("sub/real.json"), "{"},
		{in("chain"), in("sub/real.json"), "{"},
		{in("dangling"), in("sub/new.json"), "{"},
		{in("folder/real.json"), in("sub/real.json"), "{"},
		{in("null"), "", ""},
		{"/dev/null", "", ""},
		{fd, in("open"), "of the command\n{"},
		{in("stdout"), in("open"), "of the command\n{"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { writeTo(t, tt.name, tt.written, tt.begins) })
	}
	if err := os.Symlink("loop", in("loop")); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{in("loop"), "/dev/no-such-device"} {
		if err := CheckFile(bad); err == nil {
			t.Errorf("CheckFile(%s): got no error", bad)
		}
	}
}

// writeTo writes a report: name must stay what it is, and the file written must then hold it. Empty for none.
func writeTo(t *testing.T, name, written, begins string) {
	t.Helper()
	before, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckFile(name); err != nil {
		t.Fatal(err)
	}
	s := sample()
	if err := s.WriteFile(name); err != nil {
		t.Fatal(err)
	}
	after, err := os.Lstat(name)
	if err != nil || after.Mode().Type() != before.Mode().Type() {
		t.Errorf("became %v, %v", after, err)
	}
	if written == "" {
		return
	}
	data, err := os.ReadFile(written)
	if err != nil || !strings.HasPrefix(string(data), begins) || !strings.HasSuffix(string(data), "}\n") {
		t.Errorf("got %q, %v", data, err)
	}
}

func TestWriteFilePipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan string)
	go func() {
		f, err := os.Open(name)
		if err != nil {
			read <- err.Error()
			return
		}
		data, _ := io.ReadAll(f)
		_ = f.Close()
		read <- string(data)
	}()
	s := sample()
	if err := s.WriteFile(name); err != nil {
		t.Fatal(err)
	}
	if got := <-read; !strings.HasPrefix(got, "{") {
		t.Errorf("got %q", got)
	}
}
