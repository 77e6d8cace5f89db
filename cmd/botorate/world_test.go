package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/botorate/botorate/internal/lab"
	"github.com/botorate/botorate/quota"
)

// A world is AWS as the scripts have it: the stand-in, and proxies in front of it and of worse.
type world struct {
	lab     *lab.Endpoint
	other   *httptest.Server
	rest    *httptest.Server // answers what the stand-in doesn't
	bundle  string           // a file of the certificate to trust
	aws     *parent
	refuses *parent // answers CONNECT with 502
	badCert *parent // leads to a server with a certificate that nobody trusts
	silent  *parent // takes the connection and never answers
}

func newWorld(dir string) (*world, error) {
	real, err := quota.NewPolicy(quota.Settings{Share: 1, Rules: []quota.Rule{
		{Match: quota.Match{Service: "iam", Operation: "ListUsers"}, Quota: &quota.Size{Capacity: 2, Refill: 4}}, // a secret of AWS's
	}})
	if err != nil {
		return nil, err
	}
	w := &world{bundle: filepath.Join(dir, "aws-ca.pem")}
	w.rest = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	upstream, err := url.Parse(w.rest.URL)
	if err != nil {
		return nil, err
	}
	if w.lab, err = lab.Start(context.Background(), lab.Config{Quotas: real, Snapshots: 200, Upstream: upstream}); err != nil {
		return nil, err
	}
	w.other = httptest.NewUnstartedServer(http.NotFoundHandler())
	w.other.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	w.other.StartTLS()
	for _, p := range []struct {
		at     **parent
		target string
		status string
	}{
		{&w.aws, w.lab.Addr(), "200 OK"},
		{&w.refuses, "", "502 No Route"},
		{&w.badCert, w.other.Listener.Addr().String(), "200 OK"},
		{&w.silent, "", ""},
	} {
		if *p.at, err = newParent(p.target, p.status); err != nil {
			return nil, err
		}
	}
	return w, os.WriteFile(w.bundle, w.lab.RootPEM(), 0o600)
}

func (w *world) close() {
	for _, p := range []*parent{w.aws, w.refuses, w.badCert, w.silent} {
		p.close()
	}
	w.other.Close()
	_ = w.lab.Close()
	w.rest.Close()
}

func (w *world) labPort() string {
	_, port, _ := net.SplitHostPort(w.lab.Addr())
	return port
}

// A parent is the proxy that the user's environment names: it leads every CONNECT to one server.
type parent struct {
	ln       net.Listener
	target   string
	status   string
	connects atomic.Int64
	wg       sync.WaitGroup
	quit     chan struct{}
}

func newParent(target, status string) (*parent, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &parent{ln: ln, target: target, status: status, quit: make(chan struct{})}
	p.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(conn) })
		}
	})
	return p, nil
}

func (p *parent) url() string { return "http://" + p.ln.Addr().String() }

func (p *parent) close() {
	close(p.quit)
	_ = p.ln.Close()
	p.wg.Wait()
}

func (p *parent) serve(conn net.Conn) {
	stop := make(chan struct{})
	defer close(stop)
	p.wg.Go(func() {
		select {
		case <-p.quit:
		case <-stop:
		}
		_ = conn.Close()
	})
	r := bufio.NewReader(conn)
	req, err := http.ReadRequest(r)
	if err != nil || req.Method != http.MethodConnect {
		return
	}
	p.connects.Add(1)
	if p.status == "" {
		<-p.quit
		return
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 "+p.status+"\r\n\r\n"); err != nil || p.target == "" {
		return
	}
	up, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer up.Close()
	p.wg.Go(func() {
		_, _ = io.Copy(up, r)
		_ = up.Close()
	})
	_, _ = io.Copy(conn, up)
}
