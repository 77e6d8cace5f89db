package botorate

import "time"

// A Ticket is an attempt's place in a [Scheduler]: submitted once, decided once, and then free to be submitted again.
// The zero value is ready for use. It must not be copied while it waits.
type Ticket struct {
	// Owner is the caller's to use: what to wake, or to call, when the ticket is decided. The scheduler doesn't look at it.
	Owner any

	next, prev *Ticket // in its queue while it waits, then of the decided
	queue      *queue
	draws      []Draw

	since, submitted, deadline instant
	left                       instant // when it was let out; if it is late, when it could have been

	place int32 // in the heap of deadlines, or -1
	early int32 // in its queue's heap of early tickets, or -1
	seq   uint32
	order uint8 // which of draws belongs to which of the lane's buckets: see tokens
	state ticketState
}

type ticketState uint8

const (
	idle ticketState = iota
	waiting
	decided
	late
)

// Pass returns the leave that a ticket got, or the *[TooLateError] for which it did not. It is meaningful from when
// [Scheduler.Next] returned the ticket until it is submitted again, and may be called without the scheduler's lock.
func (t *Ticket) Pass() (p Pass, err error) {
	if err := t.tooLate(); err != nil {
		return p, err
	}
	return Pass{Draws: t.draws, Tenant: t.queue.tenant.name, Left: t.queue.lane.sched.time(t.left), Waited: t.waited(t.left)}, nil
}

func (t *Ticket) tooLate() error {
	if t.state != late {
		return nil
	}
	return tooLate(t.left, t)
}

// tokens returns what the ticket takes from the lane's bucket i.
func (t *Ticket) tokens(i int) float64 { return t.draws[t.order>>(2*i)&3].Tokens }

// cost is what the ticket counts for in fair turns: its largest draw.
func (t *Ticket) cost() float64 {
	c := t.draws[0].Tokens
	for _, d := range t.draws[1:] {
		c = max(c, d.Tokens)
	}
	return c
}

type byDeadline struct{}

func (byDeadline) slot(t *Ticket) *int32           { return &t.place }
func (byDeadline) before(a, b *Ticket) bool        { return a.deadline < b.deadline }
func (t *Ticket) waited(now instant) time.Duration { return time.Duration(now - t.submitted) }
