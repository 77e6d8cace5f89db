package proxy

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A noted connection notes the deadlines that are set, as seconds from the beginning, and reads at once.
type noted struct {
	net.Conn
	begin         time.Time
	reads, writes []float64
}

func (c *noted) Read(p []byte) (int, error) { return len(p), nil }

func (c *noted) note(to *[]float64, t time.Time) error {
	if t.IsZero() {
		*to = append(*to, 0)
	} else {
		*to = append(*to, t.Sub(c.begin).Seconds())
	}
	return nil
}

func (c *noted) SetReadDeadline(t time.Time) error  { return c.note(&c.reads, t) }
func (c *noted) SetWriteDeadline(t time.Time) error { return c.note(&c.writes, t) }

// A deadline is set when none is, when less than half of it is left, and when it is later than asked for; and only by a read.
func TestLinkSetsFewDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &noted{begin: time.Now()}
		l := &link{Conn: n}
		for _, step := range []struct {
			after, within time.Duration
			read          bool
		}{
			{0, 300 * time.Second, true},                 // sets 300
			{140 * time.Second, 300 * time.Second, true}, // 160 s are left: good enough
			{20 * time.Second, 300 * time.Second, true},  // 140 s are left: sets 460
			{0, 30 * time.Second, false},                 // no read, nothing
			{0, 30 * time.Second, true},                  // sets 190
			{10 * time.Second, 30 * time.Second, true},   // 20 s are left: good enough
			{0, 0, true},           // sets none
			{0, 0, true},           // there is none
			{0, time.Second, true}, // sets 171
		} {
			time.Sleep(step.after)
			if l.readWithin(step.within); step.read {
				if _, err := l.Read(make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if diff := cmp.Diff([]float64{300, 460, 190, 0, 171}, n.reads); diff != "" {
			t.Errorf("read deadlines (want, got):\n%s", diff)
		}
		for range 3 {
			if err := l.writeWithin(100 * time.Second); err != nil {
				t.Fatal(err)
			}
			time.Sleep(40 * time.Second)
		}
		if diff := cmp.Diff([]float64{270, 350}, n.writes); diff != "" {
			t.Errorf("write deadlines (want, got):\n%s", diff)
		}
	})
}

// What is set explicitly is not undone by what was asked for before.
func TestLinkKeepsExplicitDeadline(t *testing.T) {
	n := &noted{begin: time.Now()}
	l := &link{Conn: n}
	l.readWithin(time.Minute)
	if err := l.SetDeadline(time.Time{}.Add(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Read(make([]byte, 1)); err != nil || len(n.reads) != 1 || len(n.writes) != 1 {
		t.Errorf("deadlines %v and %v, %v", n.reads, n.writes, err)
	}
	l.shut = true
	if _, err := l.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a shut link was read: %v", err)
	}
}
