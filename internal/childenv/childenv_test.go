package childenv

import (
	"encoding/pem"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"software.sslmate.com/src/go-pkcs12"
)

// cert is a PEM certificate whose content is not looked at.
func cert(content string) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte(content)}))
}

func source(files map[string]string, environ ...string) Source {
	return Source{
		Environ: environ,
		Home:    "/home/u",
		System:  []byte(cert("system")),
		Domains: []string{"amazonaws.com", "api.aws", "amazonaws.com.cn"},
		ReadFile: func(name string) ([]byte, error) {
			if data, ok := files[filepath.ToSlash(name)]; ok {
				return []byte(data), nil
			}
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		},
	}
}

func us() Proxy {
	return Proxy{
		URL: &url.URL{Scheme: "http", User: url.UserPassword("scan", "secret"), Host: "127.0.0.1:4711"},
		CA:  []byte(cert("ours")), Dir: "/run/b",
	}
}

// contents returns what the certificates of a PEM bundle hold.
func contents(data []byte) []string {
	var out []string
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return out
		}
		out = append(out, string(block.Bytes))
	}
}

func childVar(t *testing.T, env []string, name string) string {
	t.Helper()
	var got []string
	for _, entry := range env {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			got = append(got, v)
		}
	}
	if len(got) > 1 {
		t.Errorf("%s is set %d times", name, len(got))
	}
	return strings.Join(got, "")
}

func file(t *testing.T, files []File, name string) []byte {
	t.Helper()
	for _, f := range files {
		if f.Name == name {
			return f.Data
		}
	}
	t.Fatalf("no file %s", name)
	return nil
}

const direct = "localhost,127.0.0.1,::1,169.254.169.254,fd00:ec2::254,[fd00:ec2::254],169.254.170.2,169.254.170.23,fd00:ec2::23,[fd00:ec2::23]"

func TestEmptyEnvironment(t *testing.T) {
	env, files := Inherit(source(nil, "PATH=/bin", "http_proxy=http://corp:3128")).Child(us())
	want := map[string]string{
		"PATH":                "/bin",
		"http_proxy":          "http://corp:3128", // plain HTTP is not ours
		"HTTP_PROXY":          "",
		"HTTPS_PROXY":         "http://scan:secret@127.0.0.1:4711",
		"https_proxy":         "http://scan:secret@127.0.0.1:4711",
		"NO_PROXY":            direct,
		"no_proxy":            direct,
		"AWS_CA_BUNDLE":       "/run/b/bundle.pem",
		"REQUESTS_CA_BUNDLE":  "/run/b/bundle.pem",
		"SSL_CERT_FILE":       "/run/b/bundle.pem",
		"CURL_CA_BUNDLE":      "/run/b/bundle.pem",
		"GIT_SSL_CAINFO":      "/run/b/bundle.pem",
		"DENO_CERT":           "/run/b/bundle.pem",
		"NIX_SSL_CERT_FILE":   "",
		"NODE_EXTRA_CA_CERTS": "/run/b/node-extra.pem",
		"NODE_OPTIONS":        `--require "/run/b/preload.cjs"`,
		"RUBYOPT":             "-r/run/b/preload.rb",
		"BOTORATE_PROXY":      "127.0.0.1:4711",
	}
	for name, value := range want {
		if got := childVar(t, env, name); got != value {
			t.Errorf("%s=%s, want %s", name, got, value)
		}
	}
	if got, want := contents(file(t, files, "bundle.pem")), []string{"system", "ours"}; !cmp.Equal(got, want) {
		t.Errorf("bundle holds %q, want %q", got, want)
	}
	if got, want := contents(file(t, files, "node-extra.pem")), []string{"ours"}; !cmp.Equal(got, want) {
		t.Errorf("Node's extra roots hold %q, want %q", got, want)
	}
}

func TestRootsAreMerged(t *testing.T) {
	files := map[string]string{
		"/corp.pem":           cert("corp") + cert("system"),
		"/req.pem":            cert("requests"),
		"/node.pem":           cert("node"),
		"/not.pem":            "no certificate",
		"/home/u/.aws/config": "[default]\nregion = eu-west-1\n[profile x]\n  ca_bundle = ~/x.pem\n",
		"/other/config":       "[default]\nca_bundle=/corp.pem\n",
		"/home/u/x.pem":       cert("profile"),
	}
	tests := []struct {
		name         string
		environ      []string
		bundle, node []string
		warnings     int
	}{
		{"profile of the config file", nil, []string{"system", "profile", "ours"}, []string{"ours"}, 0},
		{"another config file", []string{"AWS_CONFIG_FILE=/other/config"}, []string{"system", "corp", "ours"}, []string{"ours"}, 0},
		{
			"all variables, each certificate once",
			[]string{
				"AWS_CONFIG_FILE=/none", "AWS_CA_BUNDLE=/corp.pem", "REQUESTS_CA_BUNDLE=/req.pem", "SSL_CERT_FILE=/corp.pem",
				"NODE_EXTRA_CA_CERTS=/node.pem", "SSL_CERT_DIR=/certs",
			},
			[]string{"system", "corp", "requests", "node", "ours"},
			[]string{"node", "ours"},
			0,
		},
		{"missing file", []string{"AWS_CONFIG_FILE=/none", "AWS_CA_BUNDLE=/gone.pem"}, []string{"system", "ours"}, []string{"ours"}, 1},
		{"not PEM", []string{"AWS_CONFIG_FILE=/none", "CURL_CA_BUNDLE=/not.pem"}, []string{"system", "ours"}, []string{"ours"}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := Inherit(source(files, tt.environ...))
			env, out := in.Child(us())
			if diff := cmp.Diff(tt.bundle, contents(file(t, out, "bundle.pem"))); diff != "" {
				t.Errorf("bundle: -want +got\n%s", diff)
			}
			if diff := cmp.Diff(tt.node, contents(file(t, out, "node-extra.pem"))); diff != "" {
				t.Errorf("Node's extra roots: -want +got\n%s", diff)
			}
			if slices.Contains(contents(in.Roots), "ours") {
				t.Error("our own certificate is trusted upstream")
			}
			if len(in.Warnings) != tt.warnings {
				t.Errorf("warnings %v, want %d", in.Warnings, tt.warnings)
			}
			if slices.Contains(tt.environ, "SSL_CERT_DIR=/certs") && childVar(t, env, "SSL_CERT_DIR") != "/certs" {
				t.Error("SSL_CERT_DIR was not kept")
			}
		})
	}
}

func TestNoProxy(t *testing.T) {
	tests := []struct {
		in, child string
		direct    []string // hosts that our own side reaches without the parent
		parent    []string // hosts that it reaches through it
	}{
		{"", direct, nil, []string{"ec2.eu-west-1.amazonaws.com:443"}},
		{
			".amazonaws.com,.corp.example", ".corp.example," + direct,
			[]string{"ec2.eu-west-1.amazonaws.com:443", "x.corp.example:443"},
			[]string{"github.example:443"},
		},
		{"*", direct, []string{"ec2.eu-west-1.amazonaws.com:443", "anything.example:443"}, nil},
		{"*.amazonaws.com, s3.eu-west-1.amazonaws.com:443 vpce.api.aws,AMAZONAWS.COM.CN", direct, []string{"s3.eu-west-1.amazonaws.com:443"}, nil},
		{"com", direct, []string{"ec2.eu-west-1.amazonaws.com:443"}, nil},
		{"notamazonaws.com,10.0.0.0/8,localhost,::1", "notamazonaws.com,10.0.0.0/8,localhost,::1,127.0.0.1" + strings.TrimPrefix(direct, "localhost,127.0.0.1,::1"), []string{"10.1.2.3:443"}, []string{"ec2.eu-west-1.amazonaws.com:443"}},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			in := Inherit(source(nil, "NO_PROXY="+tt.in, "HTTPS_PROXY=http://u:p@corp:3128"))
			env, _ := in.Child(us())
			if got := childVar(t, env, "no_proxy"); got != tt.child {
				t.Errorf("no_proxy=%s\nwant     %s", got, tt.child)
			}
			if childVar(t, env, "NO_PROXY") != childVar(t, env, "no_proxy") {
				t.Error("NO_PROXY and no_proxy differ")
			}
			parent, err := in.Parent()
			if err != nil {
				t.Fatal(err)
			}
			checkParent(t, parent, tt.direct, "")
			checkParent(t, parent, tt.parent, "http://u:p@corp:3128")
		})
	}
}

func checkParent(t *testing.T, parent func(string) *url.URL, hosts []string, want string) {
	t.Helper()
	for _, host := range hosts {
		got := ""
		if u := parent(host); u != nil {
			got = u.String()
		}
		if got != want {
			t.Errorf("%s goes through %q, want %q", host, got, want)
		}
	}
}

func TestParent(t *testing.T) {
	tests := []struct {
		name, want, err string
		nested          bool
		environ         []string
	}{
		{name: "none"},
		{name: "upper case", want: "http://a:1", environ: []string{"HTTPS_PROXY=http://a:1"}},
		{name: "lower case wins", want: "http://b:2", environ: []string{"HTTPS_PROXY=http://a:1", "https_proxy=http://b:2"}},
		{name: "no scheme", want: "http://a:1", environ: []string{"HTTPS_PROXY=a:1"}},
		{name: "Java's, when no other", want: "http://j:8080", environ: []string{"JAVA_TOOL_OPTIONS=-Xmx1g -Dhttps.proxyHost=j -Dhttps.proxyPort=8080"}},
		{name: "botorate's", want: "http://x:y@127.0.0.1:9", nested: true, environ: []string{"HTTPS_PROXY=http://x:y@127.0.0.1:9", "BOTORATE_PROXY=127.0.0.1:9"}},
		{name: "not botorate's any more", want: "http://corp:9", environ: []string{"HTTPS_PROXY=http://corp:9", "BOTORATE_PROXY=127.0.0.1:9"}},
		{name: "SOCKS", err: `read HTTPS_PROXY: scheme "socks5": only http and https proxies can be chained`, environ: []string{"HTTPS_PROXY=socks5://a:1"}},
		{name: "password not shown", err: "read HTTPS_PROXY: not the address of a proxy", environ: []string{"HTTPS_PROXY=http://u:pass@:1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := Inherit(source(nil, tt.environ...))
			parent, err := in.Parent()
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Fatalf("got error %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if parent != nil {
				got = parent("sts.amazonaws.com:443").String()
			}
			if got != tt.want || in.Nested != tt.nested {
				t.Errorf("got %q, nested %v; want %q, %v", got, in.Nested, tt.want, tt.nested)
			}
		})
	}
}

func TestOptionsAreAppended(t *testing.T) {
	in := Inherit(source(nil, "RUBYOPT=-W0", "NODE_OPTIONS=--max-old-space-size=4096", "JAVA_TOOL_OPTIONS=-Xmx1g -Dhttp.nonProxyHosts=*.amazonaws.com|build.example"))
	p := us()
	p.Dir, p.JavaKey = `/run/a "b" c`, true
	env, _ := in.Child(p)
	if got, want := childVar(t, env, "NODE_OPTIONS"), `--max-old-space-size=4096 --require "/run/a \"b\" c/preload.cjs"`; got != want {
		t.Errorf("NODE_OPTIONS=%s\nwant         %s", got, want)
	}
	if got := childVar(t, env, "RUBYOPT"); got != "-W0" {
		t.Errorf("RUBYOPT=%s, want the user's: it can't name a folder with spaces", got)
	}
	spaceless, _ := in.Child(us())
	if got, want := childVar(t, spaceless, "RUBYOPT"), "-W0 -r/run/b/preload.rb"; got != want {
		t.Errorf("RUBYOPT=%s, want %s", got, want)
	}
	got := splitOptions(childVar(t, env, "JAVA_TOOL_OPTIONS"))
	want := []string{
		"-Xmx1g",
		"-Dhttp.nonProxyHosts=*.amazonaws.com|build.example",
		"-Dhttp.proxyHost=127.0.0.1",
		"-Dhttp.proxyPort=4711",
		"-Dhttps.proxyHost=127.0.0.1",
		"-Dhttps.proxyPort=4711",
		"-Dhttp.nonProxyHosts=build.example|localhost|127.0.0.1|[::1]|169.254.169.254|[fd00:ec2::254]|169.254.170.2|169.254.170.23|[fd00:ec2::23]|*0|*1|*2|*3|*4|*5|*6|*7|*8|*9|*]|*.local|*.internal|*.svc|*.lan|*.corp|*.test",
		"-Dhttp.proxyUser=scan",
		"-Dhttp.proxyPassword=secret",
		"-Dhttps.proxyUser=scan",
		"-Dhttps.proxyPassword=secret",
		"-Djdk.http.auth.tunneling.disabledSchemes=",
		`-Djavax.net.ssl.trustStore=/run/a "b" c/truststore.p12`,
		"-Djavax.net.ssl.trustStoreType=PKCS12",
		"-Djavax.net.ssl.trustStorePassword=",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("JAVA_TOOL_OPTIONS: -want +got\n%s", diff)
	}
}

func TestSplitOptions(t *testing.T) {
	for in, want := range map[string][]string{
		"":                        nil,
		"  -a\t-b\n":              {"-a", "-b"},
		`-Dx="a b" -y`:            {"-Dx=a b", "-y"},
		`'-Dx=a "b"' -y`:          {`-Dx=a "b"`, "-y"},
		`-Dempty="" ""`:           {"-Dempty=", ""},
		`"-Da=x"'"'"y" '-unended`: {`-Da=x"y`, "-unended"},
	} {
		if diff := cmp.Diff(want, splitOptions(in)); diff != "" {
			t.Errorf("splitOptions(%q): -want +got\n%s", in, diff)
		}
	}
}

func TestUsersTrustStore(t *testing.T) {
	store, err := pkcs12.Modern2023.EncodeTrustStoreEntries(nil, "changeit")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("readable: merged", func(t *testing.T) {
		in := Inherit(source(map[string]string{"/t.p12": string(store)},
			"JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=/t.p12 -Djavax.net.ssl.trustStorePassword=changeit"))
		env, files := in.Child(us())
		file(t, files, "truststore.p12")
		if got := childVar(t, env, "JAVA_TOOL_OPTIONS"); !strings.Contains(got, "trustStore=/run/b/truststore.p12") || len(in.Warnings) != 0 {
			t.Errorf("got %s, warnings %v; want ours to win", got, in.Warnings)
		}
	})
	t.Run("not readable: kept, with a warning", func(t *testing.T) {
		in := Inherit(source(map[string]string{"/t.jks": "\xfe\xed\xfe\xed"}, "JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=/t.jks"))
		env, _ := in.Child(us())
		if got := childVar(t, env, "JAVA_TOOL_OPTIONS"); strings.Count(got, "trustStore=") != 1 || len(in.Warnings) != 1 {
			t.Errorf("got %s, warnings %v; want the user's own and one warning", got, in.Warnings)
		}
	})
}

func TestNamesWithoutCase(t *testing.T) {
	s := source(nil, "Https_Proxy=http://a:1", "Path=C:\\x")
	s.FoldCase = true
	in := Inherit(s)
	env, _ := in.Child(us())
	if in.Proxy != "http://a:1" {
		t.Errorf("proxy %q, want the user's", in.Proxy)
	}
	n := 0
	for _, entry := range env {
		if len(entry) > 12 && strings.EqualFold(entry[:12], "https_proxy=") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("HTTPS_PROXY is set %d times, want once", n)
	}
}

// Our own side follows a list in whatever way it is split, as the child's does.
func TestParentSplitsNoProxy(t *testing.T) {
	for _, list := range []string{"one.example,two.example", "one.example two.example", " one.example\ttwo.example,"} {
		in := Inherit(Source{Environ: []string{"HTTPS_PROXY=http://proxy.example:3128", "NO_PROXY=" + list}})
		pick, err := in.Parent()
		if err != nil {
			t.Fatal(err)
		}
		for host, direct := range map[string]bool{"one.example:443": true, "two.example:443": true, "three.example:443": false} {
			if got := pick(host) == nil; got != direct {
				t.Errorf("NO_PROXY=%q, %s: direct %v, want %v", list, host, got, direct)
			}
		}
	}
}
