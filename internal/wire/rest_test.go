package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/botorate/botorate/internal/relay"
)

// Every operation of the table is found again from a request made by its own template.
func TestTable(t *testing.T) {
	t.Parallel()
	total := 0
	var wrong []string
	for section := range strings.SplitSeq(apisText, "\n@") {
		header, ops, _ := strings.Cut(section, "\n")
		f := strings.Fields(header)
		if strings.HasPrefix(header, "#") {
			continue
		}
		var a *api
		for _, b := range known().bySign[f[0]] {
			if b.host == f[1] {
				a = b
			}
		}
		for line := range strings.Lines(ops) {
			if line[0] == '*' {
				continue
			}
			total++
			if got, want := lookUp(t, a.rest(), line), strings.Fields(line)[2]; got != want {
				wrong = append(wrong, fmt.Sprintf("%s %s: got %s", f[1], strings.TrimSpace(line), got))
			}
		}
	}
	if total < 10_000 {
		t.Errorf("the table has %d operations, want more than 10,000", total)
	}
	// ListDirectoryBuckets looks like ListBuckets: the host tells, see s3Call.
	if len(wrong) > 1 {
		t.Errorf("%d of %d operations are not found:\n%s", len(wrong), total, strings.Join(wrong, "\n"))
	}
}

// lookUp makes a request from a line of the table and returns the operation that is found for it.
func lookUp(t *testing.T, root *node, line string) string {
	t.Helper()
	f := strings.Fields(line)
	path := strings.NewReplacer("{+}", "one/two%2Fthree", "{}", "arn%3Aaws%3Ax").Replace(f[1])
	var query, fields []string
	for _, c := range f[3:] {
		if name, ok := strings.CutPrefix(c, "!"); ok {
			fields = append(fields, name+": x\r\n")
			continue
		}
		query = append(query, strings.TrimPrefix(c, "?"))
	}
	if len(query) > 0 {
		path += "?" + strings.Join(query, "&")
	}
	var head relay.Head
	if err := head.ParseRequest([]byte(f[0] + " " + path + " HTTP/1.1\r\n" + strings.Join(fields, "") + "\r\n")); err != nil {
		t.Fatal(err)
	}
	q := restRequest{head: &head, method: head.Method}
	var args []byte
	q.path, args = splitTarget(head.Target)
	q.query.parse(args)
	if op := root.find(&q, q.path); op != nil {
		return op.name
	}
	return "none"
}

func TestLabel(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ method, path, want string }{
		{"GET", "/", "GET /"},
		{"GET", "/2027-01-01/things/i-0123456789abcdef0", "GET /2027-01-01/things/*"},
		{"POST", "/v2/things", "POST /v2/things"},
		{"DELETE", "/things/one/two", "DELETE /things/*"},
		{"PUT", "/i-0123456789abcdef0/x", "PUT /*"},
		{"BREW", "/pots", "OTHER /pots"},
		{"GET", "/" + strings.Repeat("a", 40), "GET /*"},
		{"GET", "/v1", "GET /v1"},
		{"GET", "/v1/", "GET /v1"},
		{"GET", "//", "GET /"},
	} {
		q := restRequest{method: []byte(tt.method), path: []byte(tt.path)}
		if got := string(q.appendLabel(nil, true)); got != tt.want {
			t.Errorf("label(%s %s) = %q, want %q", tt.method, tt.path, got, tt.want)
		}
	}
}
