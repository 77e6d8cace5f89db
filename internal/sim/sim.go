// Package sim runs events in virtual time. It knows nothing of AWS.
//
// A [Loop] has a clock that stands still while an event runs, and jumps from one event to the next: hours take as long as what happens
// in them. With [Rand] for what is random, a run depends on nothing but its seed: not on the machine, its load, or the order of a map.
package sim

import "time"

// An Event is something that happens at one instant. Set Do before the event is scheduled first; the same event can be scheduled
// again and again, at one instant at a time. The zero value is not scheduled.
type Event struct {
	Do func()

	place int // in the loop's queue, counted from 1; 0 when not scheduled
}

// Scheduled reports whether the event is to happen.
func (e *Event) Scheduled() bool { return e.place != 0 }

// A Loop is a virtual clock and what is to happen. It is not safe for concurrent use: whatever happens, happens in the goroutine that
// calls [Loop.Step] or [Loop.Run].
type Loop struct {
	start time.Time
	now   time.Duration // since start
	seq   uint64
	fired uint64
	queue []entry // a heap, the next event first
}

// An entry is an event's place in time. Of two at one instant, the one that was scheduled first happens first.
type entry struct {
	at    time.Duration
	seq   uint64
	event *Event
}

func (a entry) before(b entry) bool { return a.at < b.at || a.at == b.at && a.seq < b.seq }

// New returns a loop whose clock shows start. Nothing is to happen yet.
func New(start time.Time) *Loop { return &Loop{start: start} }

// Now returns the virtual time.
func (l *Loop) Now() time.Time { return l.start.Add(l.now) }

// Elapsed returns the virtual time since the start.
func (l *Loop) Elapsed() time.Duration { return l.now }

// Fired returns how many events have happened.
func (l *Loop) Fired() uint64 { return l.fired }

// Set schedules the event at an instant; if it was to happen at another one, it moves. What is past happens now, after what else happens
// now.
func (l *Loop) Set(e *Event, at time.Time) { l.set(e, at.Sub(l.start)) }

// SetAfter schedules the event a while from now.
func (l *Loop) SetAfter(e *Event, d time.Duration) { l.set(e, l.now+d) }

// At has something done at an instant.
func (l *Loop) At(at time.Time, do func()) { l.Set(&Event{Do: do}, at) }

// After has something done a while from now.
func (l *Loop) After(d time.Duration, do func()) { l.SetAfter(&Event{Do: do}, d) }

// Cancel takes back what Set did, and reports whether the event was to happen.
func (l *Loop) Cancel(e *Event) bool {
	if e.place == 0 {
		return false
	}
	l.remove(e.place - 1)
	e.place = 0
	return true
}

// Next returns when the next event is to happen; ok is false if none is.
func (l *Loop) Next() (at time.Time, ok bool) {
	if len(l.queue) == 0 {
		return time.Time{}, false
	}
	return l.start.Add(l.queue[0].at), true
}

// Step moves the clock to the next event and lets it happen. It reports false if nothing is to happen.
func (l *Loop) Step() bool {
	if len(l.queue) == 0 {
		return false
	}
	next := l.queue[0]
	l.remove(0)
	next.event.place = 0
	l.now = next.at
	l.fired++
	next.event.Do()
	return true
}

// Run lets everything happen up to an instant, that included, and moves the clock there.
func (l *Loop) Run(until time.Time) {
	end := until.Sub(l.start)
	for len(l.queue) > 0 && l.queue[0].at <= end {
		l.Step()
	}
	l.now = max(l.now, end)
}

func (l *Loop) set(e *Event, at time.Duration) {
	l.Cancel(e)
	l.seq++
	l.queue = append(l.queue, entry{})
	l.up(len(l.queue)-1, entry{max(at, l.now), l.seq, e})
}

// put writes an entry to its place.
func (l *Loop) put(i int, x entry) {
	l.queue[i] = x
	x.event.place = i + 1
}

// up finds the place of an entry at i or above.
func (l *Loop) up(i int, x entry) {
	for i > 0 {
		parent := (i - 1) / 2
		if !x.before(l.queue[parent]) {
			break
		}
		l.put(i, l.queue[parent])
		i = parent
	}
	l.put(i, x)
}

// down finds the place of an entry at i or below.
func (l *Loop) down(i int, x entry) {
	for {
		child := 2*i + 1
		if child >= len(l.queue) {
			break
		}
		if right := child + 1; right < len(l.queue) && l.queue[right].before(l.queue[child]) {
			child = right
		}
		if !l.queue[child].before(x) {
			break
		}
		l.put(i, l.queue[child])
		i = child
	}
	l.put(i, x)
}

// remove takes the entry at i out.
func (l *Loop) remove(i int) {
	last := len(l.queue) - 1
	x := l.queue[last]
	l.queue[last] = entry{}
	l.queue = l.queue[:last]
	switch {
	case i == last:
	case i > 0 && x.before(l.queue[(i-1)/2]):
		l.up(i, x)
	default:
		l.down(i, x)
	}
}
