// Package childenv makes the environment in which an unmodified AWS tool comes to our proxy and trusts it: it merges with what
// the user has set and never just sets.
//
// It is two pure steps. [Inherit] reads what the user's environment says about proxies and trust, which our own connections
// must follow. [Inherited.Child] makes the environment for the tool and the files that it names.
package childenv

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

// Marker is the variable by which a botorate inside another's environment finds out: it holds the proxy's host:port.
const Marker = "BOTORATE_PROXY"

// A Source is what [Inherit] reads. Nothing else decides its result.
type Source struct {
	Environ  []string                          // as os.Environ gives it
	Home     string                            // where .aws/config is; empty means nowhere
	System   []byte                            // the machine's own roots, PEM
	Domains  []string                          // AWS's DNS domains, such as "amazonaws.com"
	ReadFile func(name string) ([]byte, error) // reads the certificate files that variables name
	FoldCase bool                              // variable names differ by more than case (Windows)
}

// A Warning is something of the user's that we could not follow.
type Warning struct{ What, Hint string }

// An Inherited is what the user's own environment says about proxies and trust.
type Inherited struct {
	Proxy    string    // the proxy for https, as written; empty for none
	NoProxy  string    // the hosts that bypass it, as written
	Nested   bool      // the proxy is another botorate's
	Roots    []byte    // PEM of all that clients in this environment may trust: the machine's roots and the user's
	Warnings []Warning // what could not be followed

	env       environ
	roots     certSet
	node      certSet // what NODE_EXTRA_CA_CERTS adds to Node's own roots
	java      []string
	domains   []string
	javaCerts []*x509.Certificate // what the user's own Java trust store holds
	javaKeep  bool                // that store can't be read: it stays
}

// A File is one that the child's environment names. Name has no folder.
type File struct {
	Name string
	Data []byte
}

// A Proxy is what the child is told of us.
type Proxy struct {
	URL     *url.URL // http, with credentials
	CA      []byte   // the certificate to trust, PEM
	Dir     string   // absolute; where the files will be
	JavaKey bool     // tell the JVM the credentials too, where the proxy can't know our own processes without
}

// Inherit reads the user's environment.
func Inherit(s Source) *Inherited {
	in := &Inherited{env: newEnviron(s.Environ, s.FoldCase), domains: s.Domains}
	in.java = splitOptions(in.env.get("JAVA_TOOL_OPTIONS"))
	in.Proxy = in.env.first("https_proxy", "HTTPS_PROXY")
	in.NoProxy = in.env.first("no_proxy", "NO_PROXY")
	if in.Proxy == "" {
		in.inheritJavaProxy()
	}
	in.Nested = in.Proxy != "" && hostPort(in.Proxy) == in.env.get(Marker)
	in.inheritRoots(s)
	in.inheritJavaStore(s)
	return in
}

// Parent returns the proxy that our own connection to a host:port goes through, nil for none: the user's HTTPS_PROXY, except
// for what NO_PROXY names. The error is about the proxy's address.
func (in *Inherited) Parent() (func(hostport string) *url.URL, error) {
	if in.Proxy == "" {
		return nil, nil //nolint:nilnil // no parent is a valid answer: proxy.Server takes nil for direct
	}
	all := httpproxy.Config{HTTPSProxy: in.Proxy}
	u, err := all.ProxyFunc()(&url.URL{Scheme: "https", Host: "example.invalid:443"})
	switch {
	case err != nil || u == nil || u.Hostname() == "": // err holds the address, and that perhaps a password
		return nil, errors.New("read HTTPS_PROXY: not the address of a proxy")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("read HTTPS_PROXY: scheme %q: only http and https proxies can be chained", u.Scheme)
	}
	pick := (&httpproxy.Config{HTTPSProxy: in.Proxy, NoProxy: strings.Join(splitHosts(in.NoProxy), ",")}).ProxyFunc()
	return func(hostport string) *url.URL {
		u, err := pick(&url.URL{Scheme: "https", Host: hostport})
		if err != nil {
			return nil
		}
		return u
	}, nil
}

// Child returns the tool's environment and the files it names, which must be written into p.Dir before the tool starts.
func (in *Inherited) Child(p Proxy) ([]string, []File) {
	env := in.env.clone()
	roots, node := in.roots.clone(), in.node.clone()
	roots.addPEM(p.CA)
	node.addPEM(p.CA)

	files := []File{
		{"ca.pem", p.CA},
		{"bundle.pem", roots.pem()},
		{"node-extra.pem", node.pem()},
		{"preload.cjs", preload},
		{"preload.rb", rubyPreload},
	}
	path := func(name string) string { return filepath.Join(p.Dir, name) }

	env.set(Marker, p.URL.Host)
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		env.set(name, p.URL.String())
	}
	bypass := in.childNoProxy()
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		env.set(name, strings.Join(bypass, ","))
	}
	for _, name := range bundleVariables {
		env.set(name, path("bundle.pem"))
	}
	if env.get("NIX_SSL_CERT_FILE") != "" { // Nix's builds prefer it to SSL_CERT_FILE
		env.set("NIX_SSL_CERT_FILE", path("bundle.pem"))
	}
	env.set("NODE_EXTRA_CA_CERTS", path("node-extra.pem"))
	env.add("NODE_OPTIONS", "--require "+nodeQuote(path("preload.cjs")))

	if name := path("preload.rb"); !strings.ContainsAny(name, " \t") { // RUBYOPT knows no quotes
		env.add("RUBYOPT", "-r"+name)
	}

	options, store := in.javaOptions(p, bypass, roots, path("truststore.p12"))
	env.add("JAVA_TOOL_OPTIONS", options)
	if store != nil {
		files = append(files, File{"truststore.p12", store})
	}
	return env.list, files
}

// bundleVariables name a file of roots that replaces the client's own (clients.md §1, measured 2026-11-23): botocore and Go's
// SDK read the first, requests the second, OpenSSL and Go the third, curl, git and Deno theirs.
//
//nolint:gochecknoglobals // a constant list
var bundleVariables = []string{
	"AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "DENO_CERT",
}

// hostPort returns the host:port of a proxy written as a URL or without a scheme.
func hostPort(proxy string) string {
	u, err := url.Parse(proxy)
	if err != nil || u.Host == "" {
		return proxy
	}
	return u.Host
}
