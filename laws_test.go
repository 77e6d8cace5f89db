package botorate

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const (
	slackSeconds   = 0.002
	catchUpSeconds = 0.1
)

// A history is what a bucket's limit was, and what left it.
type history struct {
	late    bool // the scheduler may have been called late
	limits  []Limit
	since   []time.Duration
	outs    []time.Duration
	tokens  []float64
	largest float64
}

// refilled is the integral of the rate up to at.
func (h *history) refilled(at time.Duration) float64 {
	sum := 0.0
	for i, from := range h.since {
		to := at
		if i+1 < len(h.since) {
			to = min(at, h.since[i+1])
		}
		if to > from {
			sum += h.limits[i].Rate * (to - from).Seconds()
		}
	}
	return sum
}

// check holds every window against burst + slack + rate × elapsed, and what an attempt larger than the bucket owes.
func (h *history) check(t *rapid.T, id BucketID) {
	most, debt := 0.0, 0.0
	for _, l := range h.limits {
		l = l.normal()
		most = max(most, l.Burst+l.Rate*slackSeconds)
		if h.late {
			most = max(most, l.Floor+1+l.Rate*catchUpSeconds) // the floor may be gone by the next limit
		}
		debt = max(debt, h.largest-l.Burst)
	}
	filled := make([]float64, len(h.outs))
	for i, at := range h.outs {
		filled[i] = h.refilled(at)
	}
	for i := range h.outs {
		sum := 0.0
		for j := i; j < len(h.outs); j++ {
			sum += h.tokens[j]
			if allowed := most + debt + filled[j] - filled[i]; sum > allowed+1e-6 {
				t.Fatalf("%v let out %v tokens from %v to %v, want at most %v", id, sum, h.outs[i], h.outs[j], allowed)
			}
		}
	}
}

// TestAnything drives random buckets with everything that a scheduler can be told, and holds it against these laws:
// no window lets out more than it may; no attempt leaves before an earlier one of its tenant; each is decided once;
// nothing is lost: all leave when the limits are lifted.
func TestAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 4
		w := newWorld(t, Options{Limit: func(BucketID) Limit { return Limit{Rate: 1} }})
		books := map[BucketID]*history{}
		for i := range n {
			l := drawLimit(t, strconv.Itoa(i))
			w.s.SetLimit(w.now(), id(i), l)
			books[id(i)] = &history{late: true, limits: []Limit{l}, since: []time.Duration{0}}
		}
		w.onOut = func(c *call) {
			for _, d := range c.attempt.Draws {
				h := books[d.Bucket]
				h.outs, h.tokens, h.largest = append(h.outs, w.at), append(h.tokens, d.Tokens), max(h.largest, d.Tokens)
			}
			for _, o := range w.waiting() {
				if laneKey(o.attempt.Draws) == laneKey(c.attempt.Draws) && o.attempt.Tenant == c.attempt.Tenant && o.attempt.Class == c.attempt.Class &&
					cmp.Or(cmp.Compare(o.since, c.since), cmp.Compare(o.seq, c.seq)) < 0 {
					t.Fatalf("call %d left before call %d of the same tenant", c.id, o.id)
				}
			}
		}
		t.Repeat(anything(w, n, books))
		for id, h := range books {
			h.check(t, id)
		}
		for i := range n {
			w.s.Pause(w.now(), id(i), time.Time{})
			w.s.SetLimit(w.now(), id(i), Limit{Rate: math.Inf(1)})
		}
		w.onOut = nil
		w.settle()
		if left := w.waiting(); len(left) > 0 {
			t.Fatalf("%d attempts still wait when nothing limits them", len(left))
		}
	})
}

// anything returns what can happen in a world of n buckets.
func anything(w *world, n int, books map[BucketID]*history) map[string]func(*rapid.T) {
	ids := rapid.Custom(func(t *rapid.T) BucketID { return id(rapid.IntRange(0, n-1).Draw(t, "bucket")) })
	seconds := func(t *rapid.T, name string, least, most float64) time.Duration {
		return time.Duration(rapid.Float64Range(least, most).Draw(t, name) * 1e9)
	}
	pick := func(t *rapid.T, state string) *call {
		var calls []*call
		for _, c := range w.calls {
			if c.state == state {
				calls = append(calls, c)
			}
		}
		if len(calls) == 0 {
			t.Skip("none is " + state)
		}
		return rapid.SampledFrom(calls).Draw(t, "call")
	}
	return map[string]func(*rapid.T){
		"submit": func(t *rapid.T) {
			a := Attempt{
				Draws:  drawLane(t, n, rapid.SampledFrom([]float64{1, 1, 1, 0.25, 7, 30})),
				Tenant: rapid.SampledFrom([]string{"", "a"}).Draw(t, "tenant"),
				Class:  rapid.SampledFrom([]Class{Batch, Interactive}).Draw(t, "class"),
			}
			if rapid.IntRange(0, 3).Draw(t, "hasSince") == 0 {
				a.Since = w.now().Add(-seconds(t, "since", -1, 20))
			}
			if rapid.Bool().Draw(t, "hasDeadline") {
				a.Deadline = w.now().Add(seconds(t, "deadline", 0, 30))
			}
			for range rapid.IntRange(1, 5).Draw(t, "times") {
				w.submit(a)
			}
		},
		"wake":  func(*rapid.T) { w.next(time.Minute) },
		"sleep": func(t *rapid.T) { w.at += seconds(t, "sleep", 0, 3); w.settle() },
		"cancel": func(t *rapid.T) {
			c := pick(t, "waiting")
			if !w.s.Cancel(w.now(), &c.ticket) || w.s.Cancel(w.now(), &c.ticket) {
				t.Fatalf("cancel of call %d: want true, then false", c.id)
			}
			c.state = "cancelled"
			w.settle()
		},
		"throttle": func(t *rapid.T) {
			w.s.Report(w.now(), pick(t, "left").pass, Outcome{Kind: Throttled, Incident: rapid.Bool().Draw(t, "incident")})
			w.settle()
		},
		"limit": func(t *rapid.T) {
			b, l := ids.Draw(t, "id"), drawLimit(t, "new")
			w.s.SetLimit(w.now(), b, l)
			books[b].limits, books[b].since = append(books[b].limits, l), append(books[b].since, w.at)
			w.settle()
		},
		"pause": func(t *rapid.T) {
			w.s.Pause(w.now(), ids.Draw(t, "id"), w.now().Add(seconds(t, "pause", -1, 5)))
			w.settle()
		},
	}
}

// TestWindow lets attempts leave as fast as they may, with idle times: each window of a single bucket is held to its limit.
func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, l := newWorld(t, Options{}), drawLimit(t, "")
		w.s.SetLimit(w.now(), id(0), l)
		h := &history{limits: []Limit{l}, since: []time.Duration{0}}
		tokens := rapid.SampledFrom([]float64{1, 1, 0.3, 2, 25})
		w.onOut = func(c *call) {
			n := c.attempt.Draws[0].Tokens
			h.outs, h.tokens, h.largest = append(h.outs, w.at), append(h.tokens, n), max(h.largest, n)
		}
		for range 150 {
			w.submit(Attempt{Draws: []Draw{{id(0), tokens.Draw(t, "tokens")}}})
			if rapid.IntRange(0, 20).Draw(t, "idle") == 0 {
				w.next(time.Duration(rapid.IntRange(0, 100).Draw(t, "seconds")) * time.Second)
			}
		}
		for len(w.waiting()) > 0 {
			w.next(time.Hour)
		}
		h.check(t, id(0))
	})
}

// TestLate calls the scheduler later than it asked. Up to 100 ms, or the burst, cost nothing of the rate while attempts wait; beyond that, and in any
// window, no more than the law says leaves.
func TestLate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start, l := time.Now(), drawLimit(t, "")
		l.Rate = rapid.SampledFrom([]float64{1, 50, 1000}).Draw(t, "fast")
		s, at, tickets := NewScheduler(Options{Limit: func(BucketID) Limit { return l }}), time.Duration(0), make([]Ticket, 3000)
		for i := range tickets {
			_ = s.Submit(start, &tickets[i], Attempt{Draws: one})
		}
		n := l.normal()
		room := max(catchUpSeconds, (n.Burst-n.Floor-1)/n.Rate) // what is late by this loses nothing
		h := &history{late: true, limits: []Limit{l}, since: []time.Duration{0}, largest: 1}
		kept, longest := true, time.Duration(0)
		for range 10 {
			for s.Next(start.Add(at)) != nil {
				h.outs, h.tokens = append(h.outs, at), append(h.tokens, 1)
			}
			if want := math.Floor(n.Burst - n.Floor + n.Rate*at.Seconds() - 1e-6*n.Rate - 1e-6); kept && float64(len(h.outs)) < want {
				t.Fatalf("%d left in %v of %+v, want %v", len(h.outs), at, l, want)
			}
			late := time.Duration(rapid.SampledFrom([]float64{0, 0.001, 0.5, 0.999, 3}).Draw(t, "late") * room * 1e9)
			kept, longest = kept && late < time.Duration(room*1e9), max(longest, late)
			wake, _ := s.Wake()
			at = wake.Add(late).Sub(start)
		}
		s.Next(start.Add(at))
		if lag := s.Snapshot(start.Add(at)).Lag; lag.Longest != longest || lag.Recent > longest || (lag.Recent > 0) != (longest > 0) {
			t.Fatalf("%+v, the longest was %v", lag, longest)
		}
		h.check(t, id(0))
	})
}

// TestNewTenant comes late to a lane where another has been served for long: they take turns from then on, neither makes up for the past.
func TestNewTenant(t *testing.T) {
	start := time.Now()
	s := NewScheduler(Options{Limit: func(BucketID) Limit { return Limit{Rate: 1, Burst: 1} }})
	now, tickets, got := start, make([]Ticket, 60), ""
	submit := func(from, to int, tenant string) {
		for i := from; i < to; i++ {
			tickets[i].Owner = tenant
			_ = s.Submit(now, &tickets[i], Attempt{Draws: one, Tenant: tenant})
		}
	}
	submit(0, 30, "a")
	for range 30 {
		if len(got) == 10 {
			submit(30, 60, "b")
		}
		for tk := s.Next(now); tk != nil; tk = s.Next(now) {
			got += tk.Owner.(string)
		}
		now, _ = s.Wake()
	}
	if want := "aaaaaaaaaabababababababababababa"; got[:30] != want[:30] {
		t.Errorf("they left in turns %s, want %s", got, want[:30])
	}
}

// TestFair lets two tenants of a lane wait all the time, while others come and go: over any interval, what the two took, by weight, differs by no
// more than the largest cost of each.
func TestFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weight := map[string]float64{}
		for _, tn := range []string{"a", "b", "c"} {
			weight[tn] = rapid.SampledFrom([]float64{0.5, 1, 1, 3}).Draw(t, "weight")
		}
		w := newWorld(t, Options{
			Limit:  func(BucketID) Limit { return Limit{Rate: 10, Burst: 5} },
			Weight: func(tn string) float64 { return weight[tn] },
		})
		took, largest, least, most := map[string]float64{}, map[string]float64{}, 0.0, 0.0
		cost := rapid.SampledFrom([]float64{1, 1, 2, 5})
		submit := func(tn string) {
			n := cost.Draw(t, "tokens")
			largest[tn] = max(largest[tn], n/weight[tn])
			w.submit(Attempt{Draws: []Draw{{id(0), n}, {id(1), 1}}, Tenant: tn})
		}
		w.s.Pause(w.now(), id(0), w.now().Add(time.Second)) // until all wait
		w.onOut = func(c *call) {
			took[c.attempt.Tenant] += c.attempt.Draws[0].Tokens / weight[c.attempt.Tenant]
			diff := took["a"] - took["b"]
			least, most = min(least, diff), max(most, diff)
			if most > largest["a"]+1e-9 || least < -largest["b"]-1e-9 {
				t.Fatalf("by weight, a took from %v less to %v more than b; the largest costs are %v", -least, most, largest)
			}
		}
		for range 12 { // more than can leave at once
			submit("a")
			submit("b")
		}
		for range 60 {
			w.next(time.Minute)
			for _, tn := range []string{"a", "b"} { // keep both waiting; c comes and goes
				for countWaiting(w, tn) < 12 {
					submit(tn)
				}
			}
			switch rapid.IntRange(0, 3).Draw(t, "more") {
			case 0:
				submit("c")
			case 1:
				w.undo(rapid.SampledFrom(w.waiting()).Draw(t, "cancelled")) // is as if it had never come
			}
		}
	})
}

func countWaiting(w *world, tenant string) (n int) {
	for _, c := range w.waiting() {
		if c.attempt.Tenant == tenant {
			n++
		}
	}
	return n
}

// TestBatchShare lets both classes of a lane wait all the time: over any interval, what batch takes is its share to within one attempt of each class.
func TestBatchShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		share := rapid.SampledFrom([]float64{0, 0.05, 0.1, 0.3, 0.5, 0.9, 1, 7}).Draw(t, "share")
		w := newWorld(t, Options{BatchShare: share, Limit: func(BucketID) Limit { return Limit{Rate: 10, Burst: 1} }})
		if share = min(share, 1); share == 0 {
			share = 0.1
		}
		cost := rapid.SampledFrom([]float64{1, 1, 1, 2.5, 9})
		largest, due, least, most := map[Class]float64{}, 0.0, 0.0, 0.0
		w.onOut = func(c *call) {
			n := c.attempt.Draws[0].Tokens
			due += n * share
			if c.attempt.Class == Batch {
				due -= n
			}
			least, most = min(least, due), max(most, due) // the difference of any two is what an interval is off
		}
		keep := func(cl Class) {
			for countClass(w, cl) < 15 {
				n := cost.Draw(t, "cost")
				largest[cl] = max(largest[cl], n)
				w.submit(Attempt{Draws: []Draw{{id(0), n}}, Class: cl, Tenant: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "tenant")})
			}
		}
		w.s.Pause(w.now(), id(0), w.now().Add(time.Second)) // until all wait
		for range 60 {
			keep(Batch)
			keep(Interactive)
			w.next(time.Minute)
			if off := most - least; off > largest[Batch]*(1-share)+largest[Interactive]*share+1e-6 {
				t.Fatalf("a share of %v is off by a cost of %v; the largest are %v", share, off, largest)
			}
		}
	})
}

// TestBatchSavesNothing lets interactive attempts end while batch waits on: when others come, what batch had saved up is gone.
func TestBatchSavesNothing(t *testing.T) {
	now, tickets, got := time.Now(), make([]Ticket, 7), ""
	s := NewScheduler(Options{BatchShare: 0.25, Limit: func(BucketID) Limit { return Limit{Rate: 1, Burst: 1} }})
	submit := func(i int, owner string, cl Class) {
		tickets[i].Owner = owner
		_ = s.Submit(now, &tickets[i], Attempt{Draws: one, Class: cl})
	}
	submit(0, "i", Interactive)
	submit(1, "i", Interactive)
	submit(2, "b", Batch)
	for len(got) < 7 {
		tk := s.Next(now)
		if tk == nil {
			now, _ = s.Wake()
			continue
		}
		if got += tk.Owner.(string); got == "ii" {
			for i := range 4 {
				submit(3+i, "i", Interactive)
			}
		}
	}
	if want := "iiiiibi"; got != want {
		t.Errorf("they left in turns %s, want %s", got, want)
	}
}

func countClass(w *world, cl Class) (n int) {
	for _, c := range w.waiting() {
		if c.attempt.Class == cl {
			n++
		}
	}
	return n
}

// plans returns when each lane's head is planned to leave, with the given levels: the definition that dispatch must live up to, without its short cuts.
func plans(lanes []*lane, level func(*bucket) float64) []instant {
	type state struct {
		held, rest float64
		at         instant
	}
	books, times := map[*bucket]state{}, make([]instant, len(lanes))
	for i, l := range lanes {
		t := l.head()
		for j, b := range l.buckets {
			if _, ok := books[b]; !ok {
				books[b] = state{0, level(b), b.at}
			}
			at, have, want := b.at, level(b), b.need(t.tokens(j))+books[b].held
			if want > b.full {
				at, have, want = books[b].at, books[b].rest, b.need(t.tokens(j))
			}
			if have < want {
				at = at.after((want - have) / b.rate())
			}
			times[i] = max(times[i], at, b.paused)
		}
		for j, b := range l.buckets {
			s := books[b]
			if times[i] > s.at {
				s.rest, s.at = min(b.full, s.rest+b.rate()*times[i].seconds(s.at)), times[i]
			}
			books[b] = state{s.held + t.tokens(j), s.rest - t.tokens(j), s.at}
		}
	}
	return times
}

// strict returns when each lane's head would leave if none went ahead of another that shares a bucket with it: what each can count on.
func strict(lanes []*lane) []instant {
	type state struct {
		level float64
		at    instant
	}
	now, times := map[*bucket]state{}, make([]instant, len(lanes))
	for i, l := range lanes {
		for j, b := range l.buckets {
			if _, ok := now[b]; !ok {
				now[b] = state{b.level, b.at}
			}
			at, want := now[b].at, b.need(l.head().tokens(j))
			if now[b].level < want {
				at = at.after((want - now[b].level) / b.rate())
			}
			times[i] = max(times[i], at, b.paused)
		}
		for j, b := range l.buckets {
			level := min(b.full, now[b].level+b.rate()*times[i].seconds(now[b].at))
			now[b] = state{level - l.head().tokens(j), times[i]}
		}
	}
	return times
}

func (w *world) lanesInTurn() map[*group][]*lane {
	groups := map[*group][]*lane{}
	for _, l := range w.s.lanes {
		if l.group != nil {
			groups[l.group] = append(groups[l.group], l)
		}
	}
	for _, lanes := range groups {
		slices.SortFunc(lanes, func(a, b *lane) int { return cmp.Compare(a.turn, b.turn) })
	}
	return groups
}

// TestTurns floods lanes that share buckets at random, and checks that each head leaves at the latest when it was planned to
// whatever goes ahead of it, that each attempt waits for at most one of each other lane for each of its own lane that is before it, and that one that could
// leave without making an earlier one later has left.
func TestTurns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 5
		w := newWorld(t, Options{})
		for i := range n {
			l := drawLimit(t, strconv.Itoa(i))
			l.Rate = max(1, l.Rate)
			w.s.SetLimit(w.now(), id(i), l)
		}
		tokens := rapid.SampledFrom([]float64{1, 1, 2, 5, 25})
		lanes := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) []Draw { return drawLane(t, n, tokens) }), 2, 7, laneKey).Draw(t, "lanes")
		// A turn takes at most from the deepest debt to full, of the slowest bucket.
		b := bounds{round: time.Duration(len(lanes)) * (25 + 25) * time.Second, promise: map[*call]instant{}, first: map[*call]instant{}, place: map[*call]int{}}
		w.onOut = func(c *call) { b.check(t, c) }
		for range 80 {
			for i, d := range lanes {
				if rapid.IntRange(0, 2).Draw(t, "more") > 0 || i == 0 {
					before := w.inLane(d)
					b.place[w.submit(Attempt{Draws: d})] = before + 1
				}
			}
			w.next(time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond)
			w.checkTurns(b.promise, b.first)
		}
	})
}

// bounds is what calls may count on.
type bounds struct {
	round          time.Duration // in which each lane has its turn
	promise, first map[*call]instant
	place          map[*call]int // in its lane, when it was submitted
}

func (b *bounds) check(t *rapid.T, c *call) {
	at := c.ticket.left
	if p, ok := b.promise[c]; ok && at > p+10 {
		t.Fatalf("call %d left at %d, was planned for %d", c.id, at, p)
	}
	if since, ok := b.first[c]; ok && time.Duration(at-since) > b.round {
		t.Fatalf("call %d was at the head for %v", c.id, time.Duration(at-since))
	}
	if waited := c.pass.Waited; waited > time.Duration(b.place[c])*b.round {
		t.Fatalf("call %d waited %v as number %d of its lane", c.id, waited, b.place[c])
	}
}

// inLane counts the attempts that wait for the buckets of the draws.
func (w *world) inLane(draws []Draw) (n int) {
	for _, c := range w.waiting() {
		if laneKey(c.attempt.Draws) == laneKey(draws) {
			n++
		}
	}
	return n
}

// checkTurns notes the plans, and looks for a head that should have left.
func (w *world) checkTurns(promise, first map[*call]instant) {
	for _, lanes := range w.lanesInTurn() {
		for _, l := range lanes {
			for _, b := range l.buckets {
				b.refill(w.s.now)
			}
		}
		for i, at := range strict(lanes) {
			c := lanes[i].head().Owner.(*call)
			if _, ok := first[c]; !ok {
				first[c], promise[c] = w.s.now, at
			}
			promise[c] = min(promise[c], at)
			if couldLeave(lanes, i) {
				w.t.Fatalf("call %d could leave and makes nobody later", c.id)
			}
		}
	}
}

// couldLeave reports whether the head of lanes[i] could leave now with no effect on the plans of those before.
func couldLeave(lanes []*lane, i int) bool {
	l := lanes[i]
	level := func(b *bucket) float64 { return b.level }
	if now := l.buckets[0].at; plans(lanes[i:i+1], level)[0] > now || l.group.wake <= now+2 {
		return false // or is about to, but for rounding
	}
	planned, without := plans(lanes[:i], level), plans(lanes[:i], func(b *bucket) float64 {
		if j := slices.Index(l.buckets, b); j >= 0 {
			return b.level - l.head().tokens(j)
		}
		return b.level
	})
	for k := range planned {
		if without[k] > planned[k] {
			return false
		}
	}
	return true
}

// undo cancels or returns.
func (w *world) undo(c *call) {
	switch c.state {
	case "waiting":
		w.s.Cancel(w.now(), &c.ticket)
		c.state = "cancelled"
	case "left":
		w.s.Return(w.now(), c.pass)
		c.state = "returned"
	}
	w.settle()
}

// TestNothingSpent submits, cancels and returns at one instant: the levels are down by what was kept, and by nothing else.
func TestNothingSpent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 3
		w, want := newWorld(t, Options{}), map[BucketID]float64{}
		for i := range n {
			w.s.SetLimit(w.now(), id(i), drawLimit(t, strconv.Itoa(i)))
		}
		w.at += time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond
		for i := range n {
			want[id(i)] = w.level(id(i))
		}
		for range 30 {
			w.submit(Attempt{Draws: drawLane(t, n, rapid.SampledFrom([]float64{1, 1, 3, 40}))})
		}
		for _, c := range rapid.Permutation(w.calls).Draw(t, "order") {
			if c.state == "waiting" || rapid.Bool().Draw(t, "back") {
				w.undo(c) // others may leave, and are kept
			}
		}
		for _, d := range w.kept() {
			want[d.Bucket] -= d.Tokens
		}
		for id, want := range want {
			if got := w.level(id); math.Abs(got-want) > 1e-6 {
				t.Fatalf("%v holds %v, want %v", id, got, want)
			}
		}
	})
}

// kept cancels what waits, and returns the draws of all that left and were not returned.
func (w *world) kept() (draws []Draw) {
	for _, c := range w.waiting() {
		w.undo(c)
	}
	for _, c := range w.calls {
		if c.state == "left" {
			draws = append(draws, c.attempt.Draws...)
		}
	}
	return draws
}
