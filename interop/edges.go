package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// bypassing runs a client that ignores every variable: it gets its answers, and botorate says who went past it, and what to do.
func bypassing(ctx context.Context, w *world) ([]row, error) {
	// Not loopback: there botorate expects the command's own servers. The address is this namespace's alone.
	const far = "10.255.255.1"
	if err := w.command(ctx, nil, "ip", "address", "add", far+"/32", "dev", "lo").Run(); err != nil {
		return nil, err
	}
	aws, err := w.serveAWSOn(ctx, far+":443", "--snapshots", "5")
	if err != nil {
		return nil, err
	}
	defer aws.stop()
	r := row{client: "a program with a socket of its own", pacing: "past botorate"}
	var code int
	began := time.Now()
	run := w.botorateRun()
	output, err := w.exit(ctx, nil, append(run, w.python("main"), w.script("python", "bypass.py"), far), &code)
	r.took = time.Since(began)
	switch {
	case err != nil:
		return nil, err
	case code != 0:
		return []row{r}, fmt.Errorf("it ended with %d:\n%s", code, output)
	}
	r.answered = 1
	for _, want := range []string{"bypass.py (pid ", ") connects to " + far + ":443 past botorate", "hint: "} {
		if !bytes.Contains(output, []byte(want)) {
			return []row{r}, fmt.Errorf("botorate did not say %q:\n%s", want, output)
		}
	}
	report, err := w.report()
	if err == nil && len(report.Bypassed) != 1 {
		err = fmt.Errorf("want one program in the report, got %q", report.Bypassed)
	}
	return []row{r}, err
}

// A chain is an environment in which botorate must find its way to AWS, and the client its way to botorate.
type chain struct {
	name   string
	env    []string
	direct bool // past the corporate proxy
}

// chains runs boto3 and the Go SDK behind botorate behind a corporate proxy that intercepts, with the variables of a company's machine.
func chains(ctx context.Context, w *world) ([]row, error) {
	const corporate = "127.0.0.1:3128"
	aws, err := w.serveAWS(ctx, "--snapshots", "16")
	if err != nil {
		return nil, err
	}
	defer aws.stop()
	home := filepath.Join(w.dir, "mitmproxy")
	proxyLog := filepath.Join(w.dir, "corporate.log")
	_, err = w.start(ctx, []string{"PYTHONUNBUFFERED=1", "CORPORATE_LOG=" + proxyLog}, w.in("mitmproxy", "bin", "mitmdump"), "--listen-host", "127.0.0.1",
		"--listen-port", "3128", "--set", "confdir="+home, "--set", "ssl_verify_upstream_trusted_ca="+w.authority(), "-q", "-s", w.script("python", "corporate.py"))
	if err != nil {
		return nil, err
	}
	if err := w.listening(ctx, corporate); err != nil {
		return nil, err
	}
	ca := filepath.Join(home, "mitmproxy-ca-cert.pem")
	proxy := []string{"HTTPS_PROXY=http://" + corporate, "AWS_CA_BUNDLE=" + ca, "SSL_CERT_FILE=" + ca}
	with := func(more ...string) []string { return append(append([]string(nil), proxy...), more...) }
	all := []chain{
		{name: "corporate proxy, CA in AWS_CA_BUNDLE", env: with()},
		{name: "and seven more variables", env: with("https_proxy=http://"+corporate, "HTTP_PROXY=http://"+corporate, "http_proxy=http://"+corporate,
			"REQUESTS_CA_BUNDLE="+ca, "CURL_CA_BUNDLE="+ca, "NODE_EXTRA_CA_CERTS="+ca, "GIT_SSL_CAINFO="+ca)},
		{name: "NO_PROXY holds .amazonaws.com", env: append(with("NO_PROXY=localhost,.amazonaws.com"), "AWS_CA_BUNDLE="+w.bundle(), "SSL_CERT_FILE="+w.bundle()), direct: true},
		{name: "HTTP_PROXY alone", env: []string{"HTTP_PROXY=http://" + corporate, "http_proxy=http://" + corporate}, direct: true},
	}
	programs := []sdk{
		{client: "boto3", args: []string{w.python("main"), w.script("python", "sdk.py")}},
		{client: "aws-sdk-go-v2", args: []string{w.in("go", "sdk")}},
	}
	var rows []row
	for _, c := range all {
		for _, p := range programs {
			r, err := w.chained(ctx, p, c, proxyLog)
			rows = append(rows, r)
			if err != nil {
				return rows, fmt.Errorf("%s, %s: %w", p.client, c.name, err)
			}
		}
	}
	return rows, nil
}

// chained runs one client, and checks which way its attempts took.
func (w *world) chained(ctx context.Context, p sdk, c chain, proxyLog string) (row, error) {
	r := row{client: p.client, pacing: c.name}
	before, err := w.logged()
	if err != nil {
		return r, err
	}
	passedBefore, err := lines(proxyLog)
	if err != nil {
		return r, err
	}
	var got sdkResult
	began := time.Now()
	err = w.client(ctx, &got, c.env, append(append(w.botorateRun(), p.args...), "16", "4", "-")...)
	r.took, r.version, r.answered, r.lost = time.Since(began), got.Version, got.Answered, got.Lost
	if err != nil {
		return r, err
	}
	seen, err := w.logged()
	if err != nil {
		return r, err
	}
	passed, err := lines(proxyLog)
	if err != nil {
		return r, err
	}
	r.requests, r.throttled, r.invalid = seen.requests-before.requests, seen.throttled-before.throttled, seen.invalid-before.invalid
	passed -= passedBefore
	switch {
	case r.lost != 0 || r.invalid != 0:
		return r, fmt.Errorf("want all answered and every signature valid, got %+v, %q", r, got.Errors)
	case c.direct && passed != 0:
		return r, fmt.Errorf("%d attempts went through the corporate proxy, want none", passed)
	case !c.direct && passed != r.requests:
		return r, fmt.Errorf("%d attempts went through the corporate proxy, want all %d", passed, r.requests)
	}
	return r, w.allThroughBotorate(r.requests)
}

// lines counts a file's lines; a file that is not there has none.
func lines(name string) (int, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	return bytes.Count(data, []byte("\n")), err
}

// killed ends botorate, and then the client, in the middle of a scan.
func killed(ctx context.Context, w *world) ([]row, error) {
	aws, err := w.serveAWS(ctx, "--snapshots", strconv.Itoa(snapshots))
	if err != nil {
		return nil, err
	}
	defer aws.stop()
	r1, err := w.killBotorate(ctx)
	if err != nil {
		return []row{r1}, fmt.Errorf("botorate killed: %w", err)
	}
	r2, err := w.killClient(ctx)
	if err != nil {
		err = fmt.Errorf("client killed: %w", err)
	}
	return []row{r1, r2}, err
}

// slow is a scan that takes minutes: it is in the middle for as long as anybody wants. $1 gets the process id of the scan.
func (w *world) slow(pidFile string) []string {
	scan := w.python("main") + " " + w.script("python", "scan.py") + " 10 standard"
	return append(w.botorateRun("--limit", askAttribute+"=2/s,burst=2"),
		"sh", "-c", scan+" & echo $! > "+pidFile+".new && mv "+pidFile+".new "+pidFile+"; wait $!; code=$?; echo $code > "+pidFile+".code; sleep 3; exit $code")
}

// started waits until the scan's calls come, and returns the scan's process id.
func (w *world) scanning(ctx context.Context, pidFile string, before int) (pid int, err error) {
	return waitFor(ctx, func() (int, error) {
		data, err := os.ReadFile(pidFile)
		if err != nil {
			return 0, err
		}
		seen, err := w.logged()
		if err == nil && seen.requests < before+8 {
			err = errors.New("the scan did not begin")
		}
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(string(data)))
	})
}

// killBotorate kills botorate so that it can't clean up: the client must end with an error, not wait for ever.
func (w *world) killBotorate(ctx context.Context) (row, error) {
	r := row{client: "boto3", pacing: "botorate killed"}
	pidFile := filepath.Join(w.dir, "scan-1.pid")
	// A session of its own: botorate's end does not take the client along.
	script := w.slow(pidFile)
	shell := script[len(script)-1]
	script[len(script)-1] = "setsid sh -c '" + shell + "'"
	cmd := w.command(ctx, nil, script...)
	if err := cmd.Start(); err != nil {
		return r, err
	}
	pid, err := w.scanning(ctx, pidFile, 0)
	if err != nil {
		return r, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	began := time.Now()
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
	code, err := waitFor(ctx, func() ([]byte, error) {
		code, err := os.ReadFile(pidFile + ".code")
		if err == nil && len(code) == 0 {
			err = errors.New("not written yet")
		}
		return code, err
	})
	r.took = time.Since(began)
	switch {
	case err != nil:
		return r, fmt.Errorf("the client still runs after %v: %w", r.took, err)
	case strings.TrimSpace(string(code)) == "0":
		return r, errors.New("the client ended as if nothing had been")
	}
	seen, err := w.logged()
	r.requests, r.invalid = seen.requests, seen.invalid
	return r, err
}

// killClient kills the client: what it had waiting is never sent, though botorate goes on.
func (w *world) killClient(ctx context.Context) (row, error) {
	r := row{client: "boto3", pacing: "client killed"}
	before, err := w.logged()
	if err != nil {
		return r, err
	}
	pidFile := filepath.Join(w.dir, "scan-2.pid")
	cmd := w.command(ctx, nil, w.slow(pidFile)...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return r, err
	}
	pid, err := w.scanning(ctx, pidFile, before.requests)
	if err != nil {
		return r, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return r, err
	}
	died := time.Now()
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 128+int(syscall.SIGKILL) {
		return r, fmt.Errorf("botorate passed on %w, want that of a killed client\n%s", err, tail(output.Bytes()))
	}
	r.took = time.Since(died)
	seen, err := w.logged()
	if err != nil {
		return r, err
	}
	r.requests, r.invalid = seen.requests-before.requests, seen.invalid
	late, err := w.loggedAfter(died.Add(time.Second)) // what was on its way then may still arrive
	if err == nil && late > 0 {
		err = fmt.Errorf("%d attempts were sent for a client that was dead", late)
	}
	return r, err
}

// loggedAfter counts the attempts that AWS saw after an instant.
func (w *world) loggedAfter(t time.Time) (n int, err error) {
	data, err := os.ReadFile(w.logFile())
	if err != nil {
		return 0, err
	}
	scanner := bufio.NewScanner(bytes.NewReader(data))
	for scanner.Scan() {
		var l struct{ Time time.Time }
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			return n, err
		}
		if l.Time.After(t) {
			n++
		}
	}
	return n, scanner.Err()
}
