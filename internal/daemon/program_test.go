//go:build unix

package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestFindProgram(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("tool", 0o755)
	write("plain", 0o644)
	t.Setenv("PATH", dir)
	tests := []struct {
		name string
		code int // 0: found
		hint string
	}{
		{"tool", 0, ""},
		{filepath.Join(dir, "tool"), 0, ""},
		{"plain", 126, "chmod +x " + filepath.Join(dir, "plain") + ", or name its interpreter first: botorate run -- python3 " + filepath.Join(dir, "plain")},
		{filepath.Join(dir, "plain"), 126, "chmod +x " + filepath.Join(dir, "plain") + ", or name its interpreter first: botorate run -- python3 " + filepath.Join(dir, "plain")},
		{dir, 126, "name a program in it"},
		{"gone", 127, "check the spelling, and that it is installed and in PATH"},
		{"/gone/tool", 127, "check the spelling, and that it is installed and in PATH"},
		{"aws ec2 x", 127, "give the words apart, without quotes around all: botorate run -- aws …"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := findProgram(tt.name)
			code, hint := 0, ""
			if e, ok := errors.AsType[*StartError](err); ok {
				code, hint = e.ExitCode(), e.Hint()
			} else if err != nil {
				t.Fatal(err)
			}
			if code != tt.code || hint != tt.hint {
				t.Errorf("got %d, %q; want %d, %q", code, hint, tt.code, tt.hint)
			}
		})
	}
}
