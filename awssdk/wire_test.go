package awssdk

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/google/go-cmp/cmp"

	"github.com/botorate/botorate/internal/relay"
	"github.com/botorate/botorate/internal/throttle"
	"github.com/botorate/botorate/internal/wire"
)

// TestThrottlesAsWire: the proxy and the SDK's step call the same answers throttles.
func TestThrottlesAsWire(t *testing.T) {
	codes := slices.Concat(slices.Sorted(maps.Keys(retry.DefaultThrottleErrorCodes)), literals(t, "../internal/throttle/throttle.go", "Code"), literals(t, "../internal/throttle/throttle.go", "isRefusal"),
		[]string{"AccessDenied", "InternalFailure", "Throttle", "ServiceUnavailable", ""})
	for _, service := range []string{"ec2", "kinesis", "dynamodb", "sso-oauth", "s3", "lambda"} {
		for _, status := range []int{400, 403, 429, 500, 503, 509} {
			for _, code := range codes {
				var head relay.Head
				raw := fmt.Appendf(nil, "HTTP/1.1 %d No\r\nContent-Type: application/json\r\n\r\n", status)
				if err := head.ParseResponse(raw); err != nil {
					t.Fatal(err)
				}
				want := wire.Judge(&wire.Request{Service: service}, &head, fmt.Appendf(nil, `{"__type": %q}`, code)).Verdict == wire.Throttle
				if got := throttle.Is(service, "", status, code); got != want {
					t.Errorf("%s %d %s: %v, but package wire says %v", service, status, code, got, want)
				}
			}
		}
	}
}

// TestAccountAsWire: the account that a key tells is the same for both.
func TestAccountAsWire(t *testing.T) {
	for _, key := range []string{"AKIARZPUZDIKAFEXAMPL", "ASIATCH6YDSYQFEXAMPL", "AKIAIOSFODNN7EXAMPLE", "AROARZPUZDIKAFEXAMPL", "AKIAQAAAAAAAAAAAAAAA", "AKIA77777777777777777", ""} {
		var head relay.Head
		raw := "GET / HTTP/1.1\r\nHost: sts.amazonaws.com\r\nAuthorization: AWS4-HMAC-SHA256 Credential=" + key +
			"/20261123/eu-west-1/sts/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n"
		if err := head.ParseRequest([]byte(raw)); err != nil {
			t.Fatal(err)
		}
		want := wire.Identify(&head, "sts.amazonaws.com", nil).Account
		got, ok := decodeAccount(key)
		if known := len(want) == 12 && strings.Trim(want, "0123456789") == ""; ok != known || known && got != want {
			t.Errorf("%s: %q, but package wire says %q", key, got, want)
		}
	}
}

// TestServices: every service that the quotas know is reached by a client of the SDK, but for those that have none.
func TestServices(t *testing.T) {
	reached := map[string]bool{}
	for _, id := range literals(t, "services.go", "service") {
		prefix, _ := service(id)
		reached[prefix] = true
	}
	files, err := os.ReadDir("../quota/data")
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	for _, f := range files {
		text, err := os.ReadFile("../quota/data/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if name, ok := strings.CutPrefix(strings.TrimSpace(line), "service "); ok && !strings.HasSuffix(f.Name(), ".md") && !reached[name] {
				missing = append(missing, name)
			}
		}
	}
	slices.Sort(missing)
	none := []string{"*", "aws-portal", "ec2messages", "qldb", "s3express", "ssmmessages"} // s3express is S3's, by the bucket's name
	if diff := cmp.Diff(none, missing); diff != "" {
		t.Errorf("services without a client (-want +got)\n%s", diff)
	}
	for id, want := range map[string]string{"EC2": "ec2", "CloudWatch Logs": "logs", "SFN": "states", "Brand New Service": "brand-new-service"} {
		if got, _ := service(id); got != want {
			t.Errorf("service(%q) = %q, want %q", id, got, want)
		}
	}
}

// literals returns the strings in the cases of a function.
func literals(t *testing.T, file, function string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == function {
			all = append(all, casesIn(fn.Body)...)
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s: no cases in %s", file, function)
	}
	return all
}

func casesIn(body *ast.BlockStmt) []string {
	var all []string
	ast.Inspect(body, func(n ast.Node) bool {
		c, ok := n.(*ast.CaseClause)
		if !ok {
			return true
		}
		for _, e := range c.List {
			if lit, ok := e.(*ast.BasicLit); ok {
				s, _ := strconv.Unquote(lit.Value)
				all = append(all, s)
			}
		}
		return true
	})
	return all
}
