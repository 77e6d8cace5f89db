package trial

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/botorate/botorate/internal/sim"
)

// A Score is what a trial showed.
type Score struct {
	Sent, Throttled            int           // our attempts
	OtherSent, OtherRefused    int           // the others' attempts
	Free                       float64       // tokens that the server had to give and the others did not take
	MeanWait, P99Wait, MaxWait time.Duration // from a call's first asking to its last leaving
}

// ThrottledPercent is which part of our attempts was throttled.
func (s Score) ThrottledPercent() float64 { return percent(float64(s.Throttled), float64(s.Sent)) }

// UsePercent is which part of what was free we got.
func (s Score) UsePercent() float64 { return percent(float64(s.Sent-s.Throttled), s.Free) }

// RefusedPercent is which part of the others' attempts was refused.
func (s Score) RefusedPercent() float64 {
	return percent(float64(s.OtherRefused), float64(s.OtherSent))
}

func percent(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * part / whole
}

// A run is one trial.
type run struct {
	scenario Scenario
	rng      *rand.Rand
	loop     *sim.Loop
	server   *Server
	pacers   []*paced
	callers  []caller
	waits    []time.Duration
	score    Score
}

// A paced is a pacer and when to look at it next.
type paced struct {
	Pacer
	wake sim.Event
}

func newPaced(r *run, pacer Pacer) *paced {
	p := &paced{Pacer: pacer}
	p.wake.Do = func() { r.settle(p) }
	return p
}

type caller struct {
	pacer *paced
	since time.Duration
}

// Run plays the scenario once. pace makes a pacer; it is called once for each governor.
func Run(s Scenario, seed uint64, pace func() Pacer) Score {
	rng := sim.Rand(seed, s.Name)
	r := &run{scenario: s, rng: rng, loop: sim.New(time.Time{}), server: NewServer(s.Refill, s.Capacity, seconds(rng.Float64()*Step.Seconds()))}
	for range max(1, s.Governors) {
		r.pacers = append(r.pacers, newPaced(r, pace()))
	}
	if s.Later > 0 {
		r.loop.After(Length/2, func() { r.server.SetRefill(r.now(), s.Later) })
	}
	for i, load := range s.Others {
		r.others(load, sim.Rand(seed, s.Name+strconv.Itoa(i)))
	}
	r.callers = make([]caller, s.Callers)
	for i := range r.callers {
		r.callers[i].pacer = r.pacers[i%len(r.pacers)]
		r.loop.After(seconds(rng.Float64()*RTT.Seconds()), func() { r.call(i) })
	}
	r.loop.Run(time.Time{}.Add(Length))
	return r.finish()
}

func (r *run) now() time.Duration { return r.loop.Elapsed() }

// others plans the load's arrivals.
func (r *run) others(load Load, rng *rand.Rand) {
	for at := range load.Arrivals(rng) {
		if at >= Length {
			return
		}
		r.loop.After(at, func() {
			r.score.OtherSent++
			if !r.server.Take(r.now()) {
				r.score.OtherRefused++
			}
		})
	}
}

// call begins a caller's next call.
func (r *run) call(i int) {
	c := &r.callers[i]
	c.since = r.now()
	c.pacer.Ask(r.now(), i, c.since)
	r.settle(c.pacer)
}

// settle sends what the pacer lets out now, and looks again when it says.
func (r *run) settle(p *paced) {
	for i, ok := p.Next(r.now()); ok; i, ok = p.Next(r.now()) {
		r.send(i)
	}
	if at, ok := p.Wake(r.now()); ok {
		r.loop.SetAfter(&p.wake, at-r.now())
	}
}

// send lets a caller's attempt go to the server and back. Half of the way takes up to a fifth less or more.
func (r *run) send(i int) {
	left, there := r.now(), seconds(RTT.Seconds()/2*(0.8+0.4*r.rng.Float64()))
	r.score.Sent++
	r.loop.After(there, func() {
		ok := r.server.Take(r.now())
		r.loop.After(RTT/2, func() { r.answer(i, left, ok) })
	})
}

// answer tells the pacer what became of an attempt. One that was throttled is sent again, in its old place.
func (r *run) answer(i int, left time.Duration, ok bool) {
	c := &r.callers[i]
	c.pacer.Tell(r.now(), i, !ok)
	if ok {
		r.waits = append(r.waits, left-c.since)
		r.call(i)
		return
	}
	r.score.Throttled++
	c.pacer.Ask(r.now(), i, c.since)
	r.settle(c.pacer)
}

func (r *run) finish() Score {
	r.score.Free = r.server.Given(Length) - float64(r.score.OtherSent-r.score.OtherRefused)
	slices.Sort(r.waits)
	if n := len(r.waits); n > 0 {
		sum := time.Duration(0)
		for _, w := range r.waits {
			sum += w
		}
		r.score.MeanWait, r.score.P99Wait, r.score.MaxWait = sum/time.Duration(n), r.waits[n*99/100], r.waits[n-1]
	}
	return r.score
}
