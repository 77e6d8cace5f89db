package main

import (
	"strings"
	"testing"
)

func TestTenantName(t *testing.T) {
	long := strings.Repeat("a", 65)
	tests := []struct{ name, program, want string }{
		{"", "/usr/bin/aws", "aws"},
		{"", "scan.exe", "scan"},
		{"", "my tool", "my-tool"},
		{"", long, long[:64]},
		{"", ".exe", "run"},
		{"nightly", long, "nightly"},
		{long, "aws", ""},
		{"a b", "aws", ""},
	}
	for _, tt := range tests {
		got, err := tenantName(tt.name, tt.program)
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("tenantName(%q, %q): got %q, %v; want %q", tt.name, tt.program, got, err, tt.want)
		}
	}
}
