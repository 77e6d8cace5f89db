package scenario

import (
	"math/rand/v2"
	"time"
)

// A load is a workload that runs in a world.
type load struct {
	*Workload
	w      *world
	paced  bool
	random *rand.Rand
	tally  Tally
	ended  time.Duration
	over   bool
	total  time.Duration // of all calls
}

// A Tally counts what a workload did and suffered.
type Tally struct {
	Calls     int `json:"calls"`
	Attempts  int `json:"attempts"`  // that came to AWS
	Throttles int `json:"throttles"` // attempts that AWS refused for their rate
	Seen      int `json:"seen"`      // throttles of AWS's that came to the client
	Shed      int `json:"shed"`      // attempts that botorate refused
	Lost      int `json:"lost"`      // calls that failed in the end
	Resources int `json:"resources"` // that a scan is to find
	Missing   int `json:"missing"`   // of these, not in its result
	Rounds    int `json:"rounds"`    // that came to their end
	Late      int `json:"late"`      // of these, not within their time, or without all answers

	LongestHold  time.Duration `json:"longestHold"`  // that an attempt was held before it left
	LongestCall  time.Duration `json:"longestCall"`  // from its first attempt to its last answer
	LongestRound time.Duration `json:"longestRound"` // from its first call to the last answer
}

// took notes how long a call took.
func (l *load) took(d time.Duration) {
	l.total += d
	l.tally.LongestCall = max(l.tally.LongestCall, d)
	if l.w.series != nil && !l.paced {
		l.w.series.delay(l.w.loop.Elapsed(), d)
	}
}

// finish notes that the workload has come to its end.
func (l *load) finish() {
	l.ended, l.over = l.w.loop.Elapsed(), true
	l.w.running--
}

// run begins the workload.
func (l *load) run() {
	switch l.Kind {
	case kindScout:
		l.w.loop.After(l.Start.Duration(), newScan(l).run)
	case kindTrace:
		newReplay(l).run()
	default:
		newRounds(l).run()
	}
}
