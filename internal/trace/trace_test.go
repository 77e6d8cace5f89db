package trace_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/report"
	"github.com/botorate/botorate/internal/trace"
)

func TestRoundTrip(t *testing.T) {
	started := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	w := trace.NewWriter(&out, started)
	w.Observe(report.Attempt{
		Account: "123456789012", Region: "eu-west-1", Held: time.Second, Result: report.Throttled,
		Draws: []botorate.Draw{{Bucket: botorate.BucketID{Quota: "q", Scope: "s"}, Tokens: 2}},
		Asked: report.Asked{
			Service: "ec2", Operation: "RunInstances", API: "a", Method: "POST", Unfiltered: true, Resources: 2, Number: 3,
			Arrived: started.Add(1500 * time.Millisecond),
		},
	})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := trace.Read(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	want := []trace.Record{{
		At: 1.5, Service: "ec2", Operation: "RunInstances", API: "a", Method: "POST", Account: "123456789012", Region: "eu-west-1",
		Unfiltered: true, Resources: 2, Attempt: 3, Held: 1, Result: "throttled", Draws: []trace.Draw{{Quota: "q", Scope: "s", Tokens: 2}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

func TestWriteError(t *testing.T) {
	w := trace.NewWriter(broken{}, time.Time{})
	for range 1000 {
		w.Observe(report.Attempt{})
	}
	if err := w.Close(); err == nil || err.Error() != "the disk is full" {
		t.Errorf("Close returns %v", err)
	}
}

func TestReadErrors(t *testing.T) {
	const head = `{"trace":"botorate-trace/1","started":"2026-11-23T09:00:00Z"}` + "\n"
	for _, tt := range []struct{ text, want string }{
		{"", "line 1: the trace has no attempts"},
		{head, "line 1: the trace has no attempts"},
		{`{"trace":"x"}`, `line 1: want a trace that begins with {"trace":"botorate-trace/1"}`},
		{head + `{"at":1,"service":"ec2"}`, "line 2: want at, service and operation"},
		{head + `{"at":-1,"service":"ec2","operation":"X"}`, "line 2: want at, service and operation"},
		{head + "{", "line 2: unexpected end of JSON input"},
		{head + strings.Repeat("x", 2<<20), "line 2: bufio.Scanner: token too long"},
	} {
		if _, err := trace.Read([]byte(tt.text)); err == nil || err.Error() != tt.want {
			t.Errorf("%.40q: %v, want %s", tt.text, err, tt.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"trace":"botorate-trace/1"}` + "\n" + `{"at":1,"service":"ec2","operation":"X"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, err := trace.Read(data)
		if (err == nil) != (len(records) > 0) {
			t.Errorf("%d records and %v", len(records), err)
		}
	})
}
