package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/botorate/botorate/internal/lab"
)

// A world is a network namespace with only loopback, a DNS server that answers every AWS name with 127.0.0.1, and what a
// scenario starts in it. Real clients use AWS's real host names there, and nothing can leave.
type world struct {
	*tools
	name    string
	dir     string
	netns   string
	started []*process
}

// A process is a program that runs in a world.
type process struct {
	cmd    *exec.Cmd
	output bytes.Buffer // stdout and stderr; complete after the process ended
	ended  chan struct{}
}

func newWorld(ctx context.Context, t *tools, name string) (*world, error) {
	w := &world{tools: t, name: name, netns: fmt.Sprintf("botorate-%d-%s", os.Getpid(), name)}
	var err error
	if w.dir, err = os.MkdirTemp(t.dir, name+"-"); err != nil {
		return nil, err
	}
	// `ip netns exec` puts this file over /etc/resolv.conf.
	etc := filepath.Join("/etc/netns", w.netns)
	if err := os.MkdirAll(etc, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(etc, "resolv.conf"), []byte("nameserver 127.0.0.1\n"), 0o644); err != nil {
		return nil, err
	}
	for _, args := range [][]string{{"netns", "add", w.netns}, {"-n", w.netns, "link", "set", "lo", "up"}} {
		if err := do(ctx, "", nil, "ip", args...); err != nil {
			w.close()
			return nil, err
		}
	}
	_, err = w.start(ctx, nil, "dnsmasq", "--no-daemon", "--no-hosts", "--no-resolv", "--listen-address=127.0.0.1", "--bind-interfaces",
		"--address=/amazonaws.com/127.0.0.1", "--user=root", "--pid-file=", "--log-queries", "--log-facility="+w.dnsLog())
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// close ends what the world started, by its process id, and removes the namespace.
func (w *world) close() {
	for _, p := range w.started {
		p.stop()
	}
	_ = exec.CommandContext(context.Background(), "ip", "netns", "delete", w.netns).Run() // also after an interrupt
	_ = os.RemoveAll(filepath.Join("/etc/netns", w.netns))
}

// logs is what the world's programs printed, for an error message.
func (w *world) logs() string {
	var b strings.Builder
	for _, p := range w.started {
		p.stop()
		out := p.output.Bytes()
		fmt.Fprintf(&b, "--- %s\n%s\n", strings.Join(p.cmd.Args, " "), out[max(0, len(out)-2000):])
	}
	return b.String()
}

// command is a program inside the world. extra is added to the environment of an ordinary user with invented credentials.
func (w *world) command(ctx context.Context, extra []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", w.netns}, args...)...)
	cmd.Env = append(os.Environ(),
		"HOME="+w.dir, "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_DEFAULT_REGION=us-east-1", "AWS_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID="+lab.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+lab.SecretAccessKey,
		"AWS_CA_BUNDLE="+w.bundle(), "SSL_CERT_FILE="+w.bundle())
	cmd.Env = append(cmd.Env, extra...)
	cmd.Dir = w.dir
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// start starts a program that runs until the world closes.
func (w *world) start(ctx context.Context, extra []string, args ...string) (*process, error) {
	p := &process{cmd: w.command(ctx, extra, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	w.started = append(w.started, p)
	return p, nil
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// client runs a program to its end and parses the last line of its output as JSON into into, unless that is nil.
func (w *world) client(ctx context.Context, into any, extra []string, args ...string) error {
	cmd := w.command(ctx, extra, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s%s", strings.Join(args, " "), err, tail(stdout.Bytes()), tail(stderr.Bytes()))
	}
	if into == nil {
		return nil
	}
	line := bytes.TrimSpace(stdout.Bytes())
	line = line[bytes.LastIndexByte(line, '\n')+1:]
	if err := json.Unmarshal(line, into); err != nil {
		return fmt.Errorf("%s printed %q: %w\n%s", strings.Join(args, " "), line, err, tail(stderr.Bytes()))
	}
	return nil
}

func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }

func (w *world) dnsLog() string { return filepath.Join(w.dir, "dns.log") }

// asked returns the names that were looked up, but for AWS's and the machine's own, each once.
func (w *world) asked() ([]string, error) {
	data, err := os.ReadFile(w.dnsLog())
	if err != nil {
		return nil, err
	}
	own, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(string(data)) {
		_, query, ok := strings.Cut(line, " query[")
		if !ok {
			continue
		}
		_, query, _ = strings.Cut(query, "] ")
		name, _, _ := strings.Cut(strings.ToLower(query), " ")
		if !strings.HasSuffix(name, ".amazonaws.com") && name != "localhost" && name != strings.ToLower(own) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// checkNames fails if a name was looked up that is neither AWS's nor allowed.
func (w *world) checkNames(allowed []string) error {
	names, err := w.asked()
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(allowed, name) })
	if len(names) > 0 {
		return fmt.Errorf("looked up %s: neither AWS's names nor known of this client", strings.Join(names, ", "))
	}
	return nil
}

func (w *world) bundle() string { return filepath.Join(w.dir, "bundle.pem") }

// authority is the certificate of the stand-in's authority.
func (w *world) authority() string { return filepath.Join(w.dir, "aws-ca.pem") }

func (w *world) logFile() string { return filepath.Join(w.dir, "aws.jsonl") }

// serveAWS starts the stand-in, a fresh account, on port 443 and waits until clients can use it.
func (w *world) serveAWS(ctx context.Context, args ...string) (*process, error) {
	return w.serveAWSOn(ctx, "127.0.0.1:443", args...)
}

func (w *world) serveAWSOn(ctx context.Context, addr string, args ...string) (*process, error) {
	ca, log := w.authority(), w.logFile()
	for _, old := range []string{ca, log} {
		if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	aws, err := w.start(ctx, nil, append([]string{w.botorate, "lab", "serve", "--listen", addr, "--ca", ca, "--log", log}, args...)...)
	if err != nil {
		return nil, err
	}
	pem, err := waitFor(ctx, func() ([]byte, error) {
		pem, err := os.ReadFile(ca)
		if err == nil && len(pem) == 0 {
			err = io.ErrUnexpectedEOF
		}
		return pem, err
	})
	if err != nil {
		return nil, fmt.Errorf("the stand-in did not start: %w", err)
	}
	// As on a company's machine: the bundle that every client is told to use holds more than one authority.
	system, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := os.WriteFile(w.bundle(), append(append(system, '\n'), pem...), 0o600); err != nil {
		return nil, err
	}
	return aws, w.listening(ctx, addr)
}

// listening waits until a port inside the world accepts connections.
func (w *world) listening(ctx context.Context, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	_, err = waitFor(ctx, func() (struct{}, error) {
		return struct{}{}, w.command(ctx, nil, "bash", "-c", "exec 3<>/dev/tcp/"+host+"/"+port).Run()
	})
	return err
}

// waitFor tries until f succeeds, for at most 30 s.
func waitFor[T any](ctx context.Context, f func() (T, error)) (T, error) {
	deadline := time.Now().Add(30 * time.Second)
	for {
		v, err := f()
		if err == nil || time.Now().After(deadline) || ctx.Err() != nil {
			return v, err
		}
		time.Sleep(50 * time.Millisecond)
	}
}
