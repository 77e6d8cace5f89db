package botorate

import (
	"testing"
	"time"
)

// TestHeadOfAnotherClass has the turn of a lane go from one class to the other without the one whose turn it was: what the head of batch costs says
// whether batch has saved up enough for it. Whoever's turn it is then leaves at once if it can.
func TestHeadOfAnotherClass(t *testing.T) {
	for name, test := range map[string]struct {
		cheap, next float64 // tokens
		cancelled   bool    // the costly attempt of batch waits from the beginning on; else it comes late, as the oldest
		leaves      string
	}{
		"cancelled":         {1, 50, true, "cheap"},
		"an older one came": {5, 2, false, "next"},
	} {
		t.Run(name, func(t *testing.T) {
			l := drained{t, NewScheduler(Options{BatchShare: 0.5, Limit: func(BucketID) Limit { return Limit{Rate: 1, Burst: 100} }})}
			l.s.Try(epoch, Attempt{Draws: []Draw{{id(0), 100}}})
			var costly *Ticket
			if test.cancelled {
				costly = l.submit("costly", Batch, 40, 0)
			}
			l.submit("cheap", Batch, test.cheap, 0)
			l.submit("first", Interactive, 10, 0)
			l.submit("next", Interactive, test.next, 0)
			at := epoch.Add(13 * time.Second)
			l.leaves(at, "first")
			l.leaves(at, nil) // 3 tokens are left, and batch has saved up 5
			if test.cancelled {
				l.s.Cancel(at, costly)
			} else {
				l.submit("costly", Batch, 40, time.Second)
			}
			l.leaves(at, test.leaves)
		})
	}
}

// A drained scheduler's only bucket was empty at epoch.
type drained struct {
	*testing.T
	s *Scheduler
}

func (l drained) submit(name string, cl Class, tokens float64, ago time.Duration) *Ticket {
	l.Helper()
	ticket := &Ticket{Owner: name}
	if err := l.s.Submit(epoch, ticket, Attempt{Draws: []Draw{{id(0), tokens}}, Class: cl, Since: epoch.Add(-ago)}); err != nil {
		l.Fatal(err)
	}
	return ticket
}

// leaves checks who is next at that time: nil if nobody.
func (l drained) leaves(at time.Time, want any) {
	l.Helper()
	var got any
	if ticket := l.s.Next(at); ticket != nil {
		got = ticket.Owner
	}
	if got != want {
		l.Fatalf("%v leaves, want %v", got, want)
	}
}

// TestNothingIsSavedUpForLater has batch save up for a costly attempt that gives up. Batch that comes later begins at nothing.
func TestNothingIsSavedUpForLater(t *testing.T) {
	q := id(0)
	start := time.Unix(0, 0)
	s := NewScheduler(Options{BatchShare: 0.5, Limit: func(BucketID) Limit { return Limit{Rate: 1, Burst: 100} }})
	if _, ok := s.Try(start, Attempt{Draws: []Draw{{q, 100}}}); !ok {
		t.Fatal("a full bucket lets nothing out")
	}
	submit := func(at time.Time, cl Class, tokens float64) *Ticket {
		ticket := &Ticket{}
		if err := s.Submit(at, ticket, Attempt{Draws: []Draw{{q, tokens}}, Class: cl, Since: at}); err != nil {
			t.Fatal(err)
		}
		return ticket
	}
	costly := submit(start, Batch, 40)
	first := submit(start, Interactive, 30)
	next := submit(start, Interactive, 1)
	at := start.Add(30 * time.Second)
	if s.Next(at) != first {
		t.Fatal("interactive doesn't leave first")
	}
	s.Cancel(at, costly)
	submit(at, Batch, 1)
	if s.Next(at.Add(time.Second)) != next {
		t.Error("batch goes first with what another attempt had saved up")
	}
}
