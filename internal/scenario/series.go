package scenario

import (
	"time"

	"github.com/botorate/botorate"
)

// A Series is what happened over time in and around the watched bucket. Every list has one number for each Step of time.
type Series struct {
	Step    float64   `json:"step"`    // seconds
	Ours    []int     `json:"ours"`    // attempts of what is paced that AWS answered
	Others  []int     `json:"others"`  // attempts of the others that AWS answered
	Refused []int     `json:"refused"` // attempts of what is paced that AWS refused, of any bucket
	Harmed  []int     `json:"harmed"`  // attempts of the others that AWS refused, of any bucket
	Level   []float64 `json:"level"`   // the least that the bucket held
	Limit   []float64 `json:"limit"`   // what AWS refills, per second
	Delay   []float64 `json:"delay"`   // the longest call of the others, in seconds
}

// maxSteps bounds a series: when it is full, its steps are made twice as long.
const maxSteps = 240

type series struct {
	step time.Duration
	bins []bin
}

type bin struct {
	ours, others, refused, harmed int
	level, limit                  float64
	delay                         time.Duration
	seen                          bool // level and limit were
}

func newSeries() *series { return &series{step: time.Second} }

// at returns the bin of an instant.
func (s *series) at(t time.Duration) *bin {
	for int(t/s.step) >= maxSteps {
		s.double()
	}
	for int(t/s.step) >= len(s.bins) {
		s.bins = append(s.bins, bin{})
	}
	return &s.bins[t/s.step]
}

func (s *series) double() {
	for i := 0; i < len(s.bins); i += 2 {
		b := s.bins[i]
		if i+1 < len(s.bins) {
			b.add(&s.bins[i+1])
		}
		s.bins[i/2] = b
	}
	s.bins = s.bins[:(len(s.bins)+1)/2]
	s.step *= 2
}

func (b *bin) add(c *bin) {
	b.ours += c.ours
	b.others += c.others
	b.refused += c.refused
	b.harmed += c.harmed
	b.delay = max(b.delay, c.delay)
	if c.seen {
		if !b.seen || c.level < b.level {
			b.level = c.level
		}
		b.limit, b.seen = c.limit, true
	}
}

func (s *series) delay(t, d time.Duration) {
	b := s.at(t)
	b.delay = max(b.delay, d)
}

// note takes down an attempt that AWS has decided.
func (w *world) note(c *call) {
	ok, paced := c.outcome.Kind == botorate.OK, c.client.load.paced
	w.touched = w.touched || c.to.watched
	if ok && paced && c.to.watched {
		if w.last = w.loop.Elapsed(); w.drawn == 0 {
			w.first = w.last
		}
		w.drawn++
	}
	if w.series == nil {
		return
	}
	b := w.series.at(w.loop.Elapsed())
	switch {
	case ok && c.to.watched && paced:
		b.ours++
	case ok && c.to.watched:
		b.others++
	case !ok && paced:
		b.refused++
	case !ok:
		b.harmed++
	}
	if c.to.watched {
		level, _ := w.cloud.Level(w.loop.Now(), w.watch)
		q, _ := w.real.Quota(w.watch)
		b.add(&bin{level: level, limit: q.Refill, seen: true})
	}
}

// close returns the series. Where nothing came to the bucket, it is as it was, and fills.
func (s *series) close(w *world) *Series {
	out := &Series{Step: s.step.Seconds()}
	q, _ := w.real.initial(w.watch)
	level, limit := q.Capacity, q.Refill
	for _, b := range s.bins {
		if b.seen {
			level, limit = b.level, b.limit
		} else {
			level = min(q.Capacity, level+float64(limit*out.Step))
		}
		out.Ours = append(out.Ours, b.ours)
		out.Others = append(out.Others, b.others)
		out.Refused = append(out.Refused, b.refused)
		out.Harmed = append(out.Harmed, b.harmed)
		out.Level = append(out.Level, level)
		out.Limit = append(out.Limit, limit)
		out.Delay = append(out.Delay, b.delay.Seconds())
	}
	return out
}
