package proxy

import (
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"
)

// A plainAlert is the client's side of a connection that answers the server's hello as OpenSSL does when it distrusts a
// certificate under TLS 1.3: with an alert, unknown_ca, in plain.
type plainAlert struct {
	net.Conn
	writes int
}

func (c *plainAlert) Write(b []byte) (int, error) {
	c.writes++
	switch c.writes {
	case 1: // the client's hello
		return c.Conn.Write(b)
	case 2:
		if _, err := c.Conn.Write([]byte{21, 3, 3, 0, 2, 2, 48}); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

func TestDistrustInPlain(t *testing.T) {
	told := make(chan string, 1)
	w := newWorld(t, ok, func(w *world) { w.server.Distrusted = func(host string, _ error) { told <- host } })
	c, _ := w.connect(ec2Host+":443", auth)
	if tls.Client(&plainAlert{Conn: c}, &tls.Config{ServerName: ec2Host, RootCAs: rootsOf(w.aws), MinVersion: tls.VersionTLS13}).Handshake() == nil {
		t.Error("trusted another authority")
	}
	awaitDistrust(t, told)
}

func TestDistrustOfCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	told := make(chan string, 1)
	w := newWorld(t, ok, func(w *world) { w.server.Distrusted = func(host string, _ error) { told <- host } })
	cmd := exec.CommandContext(t.Context(), curl, "-q", "-sS", "--proxy", "http://team:secret@"+w.addr, "https://"+ec2Host+"/")
	cmd.Env = []string{}
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("curl trusted us: %s", out)
	}
	awaitDistrust(t, told)
}

// A client that leaves in the middle of the handshake says nothing of trust.
func TestLeavingIsNoDistrust(t *testing.T) {
	told := make(chan string, 1)
	w := newWorld(t, ok, func(w *world) { w.server.Distrusted = func(host string, _ error) { told <- host } })
	c, _ := w.connect(ec2Host+":443", auth)
	hello := []byte{22, 3, 1, 0, 200, 1}
	if _, err := c.Write(hello); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	w.stop()
	if err := <-w.served; err != nil {
		t.Error(err)
	}
	w.served <- nil
	select {
	case host := <-told:
		t.Errorf("told of %q", host)
	default:
	}
}

func awaitDistrust(t *testing.T, told <-chan string) {
	t.Helper()
	select {
	case host := <-told:
		if host != ec2Host {
			t.Errorf("told of %q", host)
		}
	case <-time.After(10 * time.Second):
		t.Error("not told")
	}
}
