package childenv

import (
	"bufio"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// An upstream is an HTTPS server behind a CONNECT proxy that sends every host to it, and wants credentials.
type upstream struct {
	proxy    *url.URL
	ca       []byte
	connects atomic.Int32
}

func newUpstream(t *testing.T, refuse int) *upstream {
	t.Helper()
	u := &upstream{}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write([]byte(r.Host + " " + string(body[:min(3, len(body))])))
	}))
	t.Cleanup(server.Close)
	u.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	u.proxy = &url.URL{Scheme: "http", User: url.UserPassword("scan", "se%cret"), Host: ln.Addr().String()}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go u.serve(conn, server.Listener.Addr().String(), refuse)
		}
	}()
	return u
}

func (u *upstream) serve(conn net.Conn, target string, refuse int) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	req, err := http.ReadRequest(r)
	if err != nil {
		return
	}
	req.Header.Set("Authorization", req.Header.Get("Proxy-Authorization"))
	user, password, _ := req.BasicAuth()
	switch {
	case refuse != 0 || req.Method != http.MethodConnect:
		_, _ = io.WriteString(conn, "HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n")
		return
	case user != "scan" || password != "se%cret":
		_, _ = io.WriteString(conn, "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"botorate\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return
	}
	u.connects.Add(1)
	up, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer up.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { _, _ = io.Copy(up, r); _ = up.Close() }()
	_, _ = io.Copy(conn, up)
}

// runClient runs a program in a child's environment whose folder's name has spaces.
func runClient(t *testing.T, u *upstream, extra []string, name string, args ...string) (string, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run of a \"user\"")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return runClientIn(t, dir, u, extra, name, args...)
}

// runClientIn runs a program in a child's environment with this folder.
func runClientIn(t *testing.T, dir string, u *upstream, extra []string, name string, args ...string) (string, error) {
	t.Helper()
	environ := append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, extra...)
	in := Inherit(Source{Environ: environ, Domains: []string{"amazonaws.com"}, ReadFile: os.ReadFile})
	env, files := in.Child(Proxy{URL: u.proxy, CA: u.ca, Dir: dir, JavaKey: true})
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%s did not end; it printed:\n%s", name, out)
	}
	return string(out), err
}

// need skips where a program is absent: this test is about that program.
func need(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrNotFound) {
		t.Skipf("no %s on this machine", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// example.com is the name in httptest's certificate; no such host is asked.
const nodeScript = `
const https = require('https');
const agent = new https.Agent({ keepAlive: true, maxSockets: 5 });
const get = (host, body) => new Promise((ok, bad) => {
  const req = https.request({ host, agent, method: body ? 'POST' : 'GET', timeout: 20000 }, (res) => {
    let text = ''; res.on('data', (d) => { text += d; }); res.on('end', () => ok(text)); });
  req.on('error', bad); req.end(body);
});
(async () => {
  const jobs = [];
  for (let i = 0; i < 60; i++) jobs.push(get('example.com'));
  jobs.push(get('example.com', Buffer.alloc(3 << 20, 'b')));
  const results = await Promise.allSettled(jobs);
  const ok = results.filter((r) => r.status === 'fulfilled');
  console.log(ok.length, ok.length ? ok[ok.length - 1].value : results[0].reason.message);
})();`

func TestNodePreload(t *testing.T) {
	node := need(t, "node")
	t.Run("all through the proxy, no more sockets than the agent's most, ends by itself", func(t *testing.T) {
		u := newUpstream(t, 0)
		out, err := runClient(t, u, nil, node, "-e", nodeScript)
		if want := "61 example.com bbb\n"; err != nil || out != want {
			t.Errorf("got %q, %v; want %q", out, err, want)
		}
		if n := u.connects.Load(); n < 1 || n > 5 {
			t.Errorf("%d CONNECTs, want 1 to 5", n)
		}
	})
	t.Run("a proxy that refuses fails every request and hangs none", func(t *testing.T) {
		u := newUpstream(t, 502)
		out, err := runClient(t, u, nil, node, "-e", nodeScript)
		if want := "0 the proxy refused the connection with HTTP 502\n"; err != nil || out != want {
			t.Errorf("got %q, %v; want %q", out, err, want)
		}
	})
	t.Run("hosts in NO_PROXY go direct", func(t *testing.T) {
		u := newUpstream(t, 0)
		_, err := runClient(t, u, []string{"NO_PROXY=.corp.invalid"}, node, "-e",
			`require('https').get('https://x.corp.invalid').on('error', (e) => process.exit(e.code === 'ENOTFOUND' || e.code === 'EAI_AGAIN' ? 0 : 1))`)
		if err != nil || u.connects.Load() != 0 {
			t.Errorf("%v, %d CONNECTs; want a failed look-up and none", err, u.connects.Load())
		}
	})
	t.Run("twice, as under two botorates", func(t *testing.T) {
		u := newUpstream(t, 0)
		other := filepath.Join(t.TempDir(), "outer.cjs")
		if err := os.WriteFile(other, preload, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := runClient(t, u, []string{"NODE_OPTIONS=--require " + other}, node, "-e", nodeScript)
		if want := "61 example.com bbb\n"; err != nil || out != want {
			t.Errorf("got %q, %v; want %q", out, err, want)
		}
	})
}

const javaProgram = `
import java.io.*; import java.net.*; import javax.net.ssl.*;
public class T {
  public static void main(String[] a) throws Exception {
    Authenticator.setDefault(new Authenticator() {
      protected PasswordAuthentication getPasswordAuthentication() {
        return new PasswordAuthentication(System.getProperty("https.proxyUser"), System.getProperty("https.proxyPassword").toCharArray()); } });
    HttpsURLConnection c = (HttpsURLConnection) new URL("https://example.com/").openConnection();
    System.out.println(c.getResponseCode());
  }
}`

func TestJavaOptions(t *testing.T) {
	java := need(t, "java")
	u := newUpstream(t, 0)
	src := filepath.Join(t.TempDir(), "T.java")
	if err := os.WriteFile(src, []byte(javaProgram), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := runClient(t, u, nil, java, src)
	if err != nil || !strings.HasSuffix(out, "\n200\n") {
		t.Errorf("got %q, %v; want an answer of 200 through the proxy, with our trust store", out, err)
	}
}

const rubyScript = `
require 'net/http'
secure = ->(*args) { Net::HTTP.new(*args).tap { |http| http.use_ssl = true } }
print secure['example.com', 443].start { |http| http.get('/').body }
p secure['example.com', 443, 'own.example', 3128].proxy_address
p Net::HTTP.new('example.com', 80).proxy?, secure['x.corp.invalid', 443].proxy?, secure['example.com', 443, nil].proxy?`

func TestRubyPreload(t *testing.T) {
	ruby := need(t, "ruby")
	u := newUpstream(t, 0)
	out, err := runClientIn(t, t.TempDir(), u, []string{"NO_PROXY=.corp.invalid"}, ruby, "-e", rubyScript)
	if want := "example.com \"own.example\"\nfalse\nfalse\nfalse\n"; err != nil || out != want {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
	if n := u.connects.Load(); n != 1 {
		t.Errorf("%d CONNECTs, want 1", n)
	}
	if out, err := runClientIn(t, t.TempDir(), u, nil, ruby, "-e", "p defined?(Net::HTTP)"); err != nil || out != "nil\n" {
		t.Errorf("the preload loaded Net::HTTP: %q, %v", out, err)
	}
}
