package daemon

import (
	"strings"
	"testing"

	"github.com/botorate/botorate/internal/report"
)

func TestWhyNoRequest(t *testing.T) {
	opened := &report.Summary{Intercepted: []report.Name{{Name: "ec2.eu-west-1.amazonaws.com", Count: 2}}}
	tests := []struct {
		name    string
		args    []string
		environ []string
		summary *report.Summary
		want    []string // a word of each reason, in order
	}{
		{"nothing known", []string{"/bin/true"}, nil, nil, []string{"if it should have"}},
		{"certificate refused", []string{"aws"}, []string{"AWS_ENDPOINT_URL=http://x"}, opened, []string{"does not trust"}},
		{"plain endpoint", []string{"aws"}, []string{"AWS_ENDPOINT_URL_EC2=http://localhost:4566", "AWS_ENDPOINT_URL="}, nil, []string{"AWS_ENDPOINT_URL_EC2 is set: requests go there over plain HTTP", "if it"}},
		{"other endpoint", []string{"aws"}, []string{"AWS_ENDPOINT_URL=https://emulator"}, nil, []string{"not AWS", "if it"}},
		{"Node by name", []string{"/usr/bin/node", "app.js"}, nil, nil, []string{"preload", "if it"}},
		{"Node by script", []string{"./app.mjs"}, nil, nil, []string{"preload", "if it"}},
		{"sudo", []string{"sudo", "aws"}, nil, nil, []string{"sudo botorate run", "if it"}},
		{"container", []string{"docker", "run", "x"}, nil, nil, []string{"inside", "if it"}},
		{"Java", []string{"app.jar"}, nil, nil, []string{"JAVA_TOOL_OPTIONS", "if it"}},
		{"Windows", []string{"dotnet.exe"}, nil, nil, []string{".NET", "if it"}},
		{"rclone", []string{"rclone"}, nil, nil, []string{"env -u AWS_CA_BUNDLE", "if it"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.summary == nil {
				tt.summary = &report.Summary{}
			}
			got := whyNoRequest(tt.args, tt.environ, tt.summary)
			if len(got) != len(tt.want) {
				t.Fatalf("got %d reasons %q, want %d", len(got), got, len(tt.want))
			}
			for i, word := range tt.want {
				if !strings.Contains(got[i], word) {
					t.Errorf("reason %d: got %q, want %q in it", i, got[i], word)
				}
			}
		})
	}
}
