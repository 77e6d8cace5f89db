package botorate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"pgregory.net/rapid"
)

// A call is an attempt in a world.
type call struct {
	id      int
	ticket  Ticket
	attempt Attempt
	seq     int           // of the submit
	since   time.Duration // in the world
	left    time.Duration
	pass    Pass
	state   string // waiting, left, late, cancelled, returned
}

// A world drives a scheduler in virtual time and keeps its own books.
type world struct {
	t     *rapid.T
	s     *Scheduler
	start time.Time
	at    time.Duration
	calls []*call
	onOut func(*call)
}

func newWorld(t *rapid.T, o Options) *world {
	return &world{t: t, s: NewScheduler(o), start: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func (w *world) now() time.Time { return w.start.Add(w.at) }

func id(i int) BucketID { return BucketID{Quota: "q" + strconv.Itoa(i)} }

// submit lets a new attempt wait and settles.
func (w *world) submit(a Attempt) *call {
	c := &call{id: len(w.calls), attempt: a, state: "waiting", since: w.at}
	if !a.Since.IsZero() {
		c.since = min(w.at, a.Since.Sub(w.start))
	}
	c.seq = len(w.calls)
	c.ticket.Owner = c
	w.calls = append(w.calls, c)
	if err := w.s.Submit(w.now(), &c.ticket, a); err != nil {
		w.mustBeLate(c, err)
		return c
	}
	w.settle()
	return c
}

func (w *world) mustBeLate(c *call, err error) {
	var late *TooLateError
	if !errors.As(err, &late) || c.attempt.Deadline.IsZero() {
		w.t.Fatalf("call %d: %v", c.id, err)
	}
	c.state = "late"
}

// settle takes what is decided.
func (w *world) settle() {
	for t := w.s.Next(w.now()); t != nil; t = w.s.Next(w.now()) {
		c := t.Owner.(*call)
		if c.state != "waiting" {
			w.t.Fatalf("call %d was decided while %s", c.id, c.state)
		}
		pass, err := t.Pass()
		if err != nil {
			w.mustBeLate(c, err)
			continue
		}
		if d := c.attempt.Deadline; !d.IsZero() && d.Before(w.now()) {
			w.t.Fatalf("call %d left after its deadline", c.id)
		}
		c.state, c.pass, c.left = "left", pass, w.at
		if w.onOut != nil {
			w.onOut(c)
		}
	}
	w.check()
}

// next goes to the next wake-up, but at most that much further.
func (w *world) next(most time.Duration) {
	wake, ok := w.s.Wake()
	to := wake.Sub(w.start)
	woken := ok && to <= w.at+most
	if woken && to <= w.at {
		w.t.Fatalf("wake-up at %v, which was looked at already", to)
	}
	if !woken {
		to = w.at + most
	}
	w.at = to
	w.settle()
}

func (w *world) waiting() (calls []*call) {
	for _, c := range w.calls {
		if c.state == "waiting" {
			calls = append(calls, c)
		}
	}
	return calls
}

// level is a bucket's level now.
func (w *world) level(id BucketID) float64 {
	for _, b := range w.s.Snapshot(w.now()).Buckets {
		if b.ID == id {
			return b.Level
		}
	}
	return math.NaN()
}

// check compares the scheduler's structures with each other and with the books.
func (w *world) check() {
	total, perBucket, groups := 0, map[*bucket]int{}, map[*group]int{}
	for _, l := range w.s.lanes {
		total += l.waiting
		if l.group != nil {
			groups[l.group]++
		}
		if (l.waiting > 0) != (l.group != nil) || (l.waiting > 0) != (l.head() != nil) {
			w.t.Fatalf("lane of %d in group %p, head %v", l.waiting, l.group, l.head())
		}
		for _, b := range l.buckets {
			perBucket[b] += l.waiting
			if l.waiting > 0 && b.group != l.group {
				w.t.Fatalf("lane and bucket %v are in different groups", b.id)
			}
		}
	}
	for _, b := range w.s.buckets {
		if b.waiting != perBucket[b] || (b.group != nil) != (b.waiting > 0) {
			w.t.Fatalf("bucket %v: %d waiting, want %d; group %p", b.id, b.waiting, perBucket[b], b.group)
		}
	}
	if total != len(w.waiting()) || len(groups) != len(w.s.groups.items) {
		w.t.Fatalf("%d tickets wait, want %d; %d groups, want %d", total, len(w.waiting()), len(groups), len(w.s.groups.items))
	}
	for g, lanes := range groups {
		w.checkGroup(g, lanes)
	}
}

func (w *world) checkGroup(g *group, lanes int) {
	n, turn := 0, uint64(0)
	for l := g.first; l != nil; l = l.next {
		if l.group != g || l.turn <= turn {
			w.t.Fatalf("turn %d after %d", l.turn, turn)
		}
		n, turn = n+1, l.turn
	}
	if n != g.size || n != lanes {
		w.t.Fatalf("%d lanes in the list of a group of %d, want %d", n, g.size, lanes)
	}
}

// drawLimit makes a limit; small numbers, so that attempts have to wait.
func drawLimit(t *rapid.T, name string) Limit {
	l := Limit{
		Rate:  rapid.SampledFrom([]float64{0.5, 1, 3, 10, 250}).Draw(t, name+"rate"),
		Burst: float64(rapid.IntRange(0, 20).Draw(t, name+"burst")),
	}
	if rapid.Bool().Draw(t, name+"hasFloor") {
		l.Floor = l.Burst * rapid.Float64Range(0, 0.8).Draw(t, name+"floor")
	}
	return l
}

// drawLane makes the draws of an attempt from some of n buckets.
func drawLane(t *rapid.T, n int, tokens *rapid.Generator[float64]) []Draw {
	ids := rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 1, min(n, MaxDraws), rapid.ID).Draw(t, "buckets")
	var d []Draw
	for _, i := range ids {
		d = append(d, Draw{id(i), tokens.Draw(t, "tokens")})
	}
	return d
}

// laneKey names the set of buckets.
func laneKey(draws []Draw) string {
	var names []string
	for _, d := range draws {
		names = append(names, d.Bucket.Quota)
	}
	slices.Sort(names)
	return fmt.Sprint(names)
}
