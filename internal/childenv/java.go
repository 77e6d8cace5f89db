package childenv

import (
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"strings"

	"software.sslmate.com/src/go-pkcs12"
)

// javaPlain are the hosts that a JVM reaches without us besides: addresses, and names that end in a digit or in a private domain.
// SDK v2's Apache and URLConnection clients heed http.proxyHost alone, also for HTTPS (measured with 2.40.2, 2026-11-24), and so
// we must set it; plain HTTP, which we do not carry, then needs another way.
//
//nolint:gochecknoglobals // a constant list
var javaPlain = []string{
	"*0", "*1", "*2", "*3", "*4", "*5", "*6", "*7", "*8", "*9", "*]", "*.local", "*.internal", "*.svc", "*.lan", "*.corp", "*.test",
}

// javaOptions returns what JAVA_TOOL_OPTIONS gets appended, and the trust store that it names, if any.
// The later of two equal -D options holds, and one on the command line beats both.
func (in *Inherited) javaOptions(p Proxy, bypass []string, roots certSet, storePath string) (string, []byte) {
	var hosts []string
	for host := range strings.SplitSeq(in.javaProperty("http.nonProxyHosts"), "|") {
		if host != "" && !in.coversAWS(host) {
			hosts = append(hosts, host)
		}
	}
	hosts = append(hosts, javaHosts(bypass)...)
	for _, pattern := range javaPlain {
		if !slices.Contains(hosts, pattern) {
			hosts = append(hosts, pattern)
		}
	}
	options := []string{
		"-Dhttp.proxyHost=" + p.URL.Hostname(),
		"-Dhttp.proxyPort=" + p.URL.Port(),
		"-Dhttps.proxyHost=" + p.URL.Hostname(),
		"-Dhttps.proxyPort=" + p.URL.Port(),
		"-Dhttp.nonProxyHosts=" + strings.Join(hosts, "|"),
	}
	if p.JavaKey {
		password, _ := p.URL.User.Password()
		// The AWS SDKs read the first four; the JVM's own client sends credentials for a tunnel only with the last emptied.
		options = append(options, "-Dhttp.proxyUser="+p.URL.User.Username(), "-Dhttp.proxyPassword="+password,
			"-Dhttps.proxyUser="+p.URL.User.Username(), "-Dhttps.proxyPassword="+password,
			"-Djdk.http.auth.tunneling.disabledSchemes=")
	}
	if in.javaKeep {
		return javaJoin(options), nil
	}
	for _, cert := range in.javaCerts {
		roots.add(cert.Raw)
	}
	options = append(options, "-Djavax.net.ssl.trustStore="+storePath, "-Djavax.net.ssl.trustStoreType=PKCS12",
		"-Djavax.net.ssl.trustStorePassword=")
	return javaJoin(options), javaStore(roots)
}

// javaStore makes a trust store. It has no password, which every Java reads, since nothing in it is secret.
func javaStore(roots certSet) []byte {
	entries := make([]pkcs12.TrustStoreEntry, len(roots.ders))
	for i, der := range roots.ders {
		// Java keeps one certificate a name.
		entries[i] = pkcs12.TrustStoreEntry{Cert: &x509.Certificate{Raw: der}, FriendlyName: fmt.Sprintf("root-%d", i)}
	}
	store, err := pkcs12.Passwordless.EncodeTrustStoreEntries(entries, "")
	if err != nil {
		panic(err) // only a friendly name that UTF-16 can't spell, or a password, makes it fail
	}
	return store
}

// inheritJavaStore reads the trust store of the user's own, if JAVA_TOOL_OPTIONS names one.
func (in *Inherited) inheritJavaStore(s Source) {
	name := in.javaProperty("javax.net.ssl.trustStore")
	if name == "" || s.ReadFile == nil {
		return
	}
	data, err := s.ReadFile(name)
	if err == nil {
		in.javaCerts, err = pkcs12.DecodeTrustStore(data, in.javaProperty("javax.net.ssl.trustStorePassword"))
	}
	if err != nil {
		in.javaKeep = true
		in.warn(fmt.Sprintf("JAVA_TOOL_OPTIONS names the trust store %s, to which botorate can't add its certificate: %v", name, err),
			"Java clients will refuse the connection: name a PKCS#12 store and its password, or drop the option")
	}
}

// inheritJavaProxy takes over the proxy that only the JVM is told of: its clients would otherwise lose their way out.
func (in *Inherited) inheritJavaProxy() {
	host := in.javaProperty("https.proxyHost")
	if host == "" {
		return
	}
	port := in.javaProperty("https.proxyPort")
	if port == "" {
		port = "443" // the JVM's default: java.net, "Networking Properties", https.proxyPort
	}
	in.Proxy = "http://" + net.JoinHostPort(strings.Trim(host, "[]"), port)
	if in.NoProxy == "" {
		in.NoProxy = strings.ReplaceAll(in.javaProperty("http.nonProxyHosts"), "|", ",")
	}
}

// javaProperty returns the system property that JAVA_TOOL_OPTIONS sets, the last if several.
func (in *Inherited) javaProperty(name string) string {
	value := ""
	for _, option := range in.java {
		if v, ok := strings.CutPrefix(option, "-D"+name+"="); ok {
			value = v
		}
	}
	return value
}

// splitOptions splits JAVA_TOOL_OPTIONS as the JVM does: at white space, except between quotes of either kind, which are dropped.
func splitOptions(s string) []string {
	var out []string
	var word strings.Builder
	quote, inWord := rune(0), false
	for _, r := range s {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote, inWord = r, true
		case r == ' ' || r == '\t' || r == '\n' || r == '\r':
			if inWord {
				out = append(out, word.String())
			}
			word.Reset()
			inWord = false
		default:
			inWord = true
			word.WriteRune(r)
		}
	}
	if inWord {
		out = append(out, word.String())
	}
	return out
}

// javaJoin is the inverse of splitOptions.
func javaJoin(options []string) string {
	for i, option := range options {
		switch {
		case !strings.ContainsAny(option, " \t'\""):
		case !strings.Contains(option, `"`):
			options[i] = `"` + option + `"`
		default:
			options[i] = `"` + strings.ReplaceAll(option, `"`, `"'"'"`) + `"`
		}
	}
	return strings.Join(options, " ")
}
