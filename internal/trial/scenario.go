package trial

import (
	"time"

	"github.com/botorate/botorate"
)

// RTT is how long an attempt takes there and back.
const RTT = 80 * time.Millisecond

// Length is how long a trial lasts.
const Length = 30 * time.Minute

// A Scenario is one trial.
type Scenario struct {
	Name             string
	Refill, Capacity float64 // the server's
	Later            float64 // its refill from half-way on; 0 for no change
	Callers          int     // each sends one attempt after the other, as fast as it may
	Governors        int     // that the callers are spread over, and that don't know of each other; 0 means 1
	Others           []Load
	HeldOut          bool // nothing was changed for its sake
}

// Scenarios returns the trials, in order. In [Within] the others stay within the headroom of a share of 80 %.
func Scenarios() []Scenario {
	usual := func(name string, others ...Load) Scenario {
		return Scenario{Name: name, Refill: 20, Capacity: 100, Callers: 32, Others: others}
	}
	turned := func(name string, refill, later float64) Scenario {
		s := usual(name)
		s.Refill, s.Later = refill, later
		return s
	}
	heldOut := func(name string, refill, capacity float64, callers int, others ...Load) Scenario {
		return Scenario{Name: name, Refill: refill, Capacity: capacity, Callers: callers, Others: others, HeldOut: true}
	}
	five := usual("five governors")
	five.Governors = 5
	return []Scenario{
		usual("alone"),
		usual(Within, Load{Rate: 2.5}, Load{Burst: 25, Every: time.Minute}),
		usual("others take 50 %", Load{Rate: 10}),
		usual("others take 75 % on and off", Load{Rate: 15, On: time.Minute, Off: time.Minute}),
		usual("bursts of 100", Load{Burst: 100, Every: time.Minute}),
		turned("20/s, then 5/s", 20, 5),
		turned("5/s, then 20/s", 5, 20),
		{Name: "5 and 2/s", Refill: 2, Capacity: 5, Callers: 32},
		{Name: "400 and 200/s", Refill: 200, Capacity: 400, Callers: 64},
		five,
		heldOut("50 and 10/s, others 3/s", 10, 50, 32, Load{Rate: 3}),
		heldOut("100 and 50/s, others 35/s", 50, 100, 32, Load{Rate: 35}),
		heldOut("10 and 5/s, others 1/s", 5, 10, 32, Load{Rate: 1}),
		heldOut("1,000 and 100/s, others 60/s on and off", 100, 1000, 32, Load{Rate: 60, On: 5 * time.Minute, Off: 5 * time.Minute}),
		heldOut("60 and 30/s, bursts of 30", 30, 60, 32, Load{Burst: 30, Every: 20 * time.Second}),
		heldOut("1.5 and 1/s", 1, 1.5, 4),
	}
}

// Within is the name of the scenario in which nobody should ever be throttled.
const Within = "others within the headroom"

// Known is the limit of a governor that knows the server's bucket and takes a share of it, as it is published before any change.
// Our burst leaves room for a refill step and for what the network delays.
func (s Scenario) Known(share float64) botorate.Limit {
	rate := s.Refill * share
	return botorate.Limit{
		Rate: rate, Burst: max(1, s.Capacity*share-s.Refill*Step.Seconds()-rate*0.05),
		Refill: s.Refill, Capacity: s.Capacity,
	}
}

// Unknown is the limit of a governor that knows nothing.
func (s Scenario) Unknown() botorate.Limit {
	return botorate.Limit{Rate: 1, Burst: 1, Refill: 1, Capacity: 1, Unknown: true}
}
