package botorate_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/botorate/botorate"
)

// Anything that is limited per second can be paced: here a mail server that takes 50 messages a second.
func Example() {
	mail := botorate.BucketID{Quota: "smtp", Scope: "mail.example.com"}
	governor := botorate.New(botorate.Options{
		Limit: func(botorate.BucketID) botorate.Limit { return botorate.Limit{Rate: 50, Burst: 1} },
	})
	start := time.Now()
	for range 6 {
		pass, err := governor.Wait(context.Background(), botorate.Attempt{Draws: []botorate.Draw{{Bucket: mail, Tokens: 1}}})
		if err != nil {
			fmt.Println(err)
			return
		}
		// Send one message here, then say what became of it.
		governor.Report(pass, botorate.Outcome{Kind: botorate.OK})
	}
	fmt.Println("6 messages in at least 100 ms:", time.Since(start) >= 100*time.Millisecond)
	// Output: 6 messages in at least 100 ms: true
}

// An attempt that can't meet its deadline is refused at once, and nothing is spent.
func ExampleTooLateError() {
	governor := botorate.New(botorate.Options{
		Limit: func(botorate.BucketID) botorate.Limit { return botorate.Limit{Rate: 0.1, Burst: 1} },
	})
	attempt := botorate.Attempt{Draws: []botorate.Draw{{Bucket: botorate.BucketID{Quota: "reports"}, Tokens: 1}}}
	for range 2 {
		attempt.Deadline = time.Now().Add(time.Second)
		_, err := governor.Wait(context.Background(), attempt)
		var late *botorate.TooLateError
		fmt.Println(errors.As(err, &late))
	}
	// Output:
	// false
	// true
}

// A call that creates something draws from two buckets: it leaves when both have the token, and what only reads does not wait for it.
func ExampleAttempt_draws() {
	requests, creations := botorate.BucketID{Quota: "requests"}, botorate.BucketID{Quota: "creations"}
	s := botorate.NewScheduler(botorate.Options{
		Limit: func(id botorate.BucketID) botorate.Limit {
			if id == creations {
				return botorate.Limit{Rate: 0.5, Burst: 1} // one in 2 s
			}
			return botorate.Limit{Rate: 10, Burst: 1}
		},
	})
	create := botorate.Attempt{Draws: []botorate.Draw{{Bucket: requests, Tokens: 1}, {Bucket: creations, Tokens: 1}}}
	read := botorate.Attempt{Draws: []botorate.Draw{{Bucket: requests, Tokens: 1}}}
	play(s, []step{{"create 1", create}, {"create 2", create}, {"read 1", read}, {"read 2", read}})
	// Output:
	//    0.0 s  create 1
	//    0.1 s  read 1
	//    0.2 s  read 2
	//    2.0 s  create 2
}

// Tenants take turns by weight, and interactive attempts go first. Batch is not starved.
func ExampleOptions_tenants() {
	s := botorate.NewScheduler(botorate.Options{
		Limit: func(botorate.BucketID) botorate.Limit { return botorate.Limit{Rate: 1, Burst: 1} },
		Weight: func(tenant string) float64 {
			if tenant == "paying" {
				return 2
			}
			return 1
		},
	})
	attempt := func(tenant string, class botorate.Class) botorate.Attempt {
		return botorate.Attempt{Draws: []botorate.Draw{{Bucket: botorate.BucketID{Quota: "jobs"}, Tokens: 1}}, Tenant: tenant, Class: class}
	}
	free, paying, person := attempt("free", botorate.Batch), attempt("paying", botorate.Batch), attempt("support", botorate.Interactive)
	play(s, []step{
		{"free 1", free},
		{"free 2", free},
		{"free 3", free},
		{"paying 1", paying},
		{"paying 2", paying},
		{"paying 3", paying},
		{"a person", person},
	})
	// Output:
	//    0.0 s  a person
	//    1.0 s  free 1
	//    2.0 s  paying 1
	//    3.0 s  paying 2
	//    4.0 s  free 2
	//    5.0 s  paying 3
	//    6.0 s  free 3
}

// A throttle means that the real bucket was empty: ours pauses, for as long as the service said, and is slower for a while.
func ExampleGovernor_Report() {
	id := botorate.BucketID{Quota: "requests", Scope: "api.example.com"}
	governor := botorate.New(botorate.Options{
		Limit: func(botorate.BucketID) botorate.Limit { return botorate.Limit{Rate: 20, Burst: 40} },
	})
	pass, err := governor.Wait(context.Background(), botorate.Attempt{Draws: []botorate.Draw{{Bucket: id, Tokens: 1}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	// The service answered 429 with Retry-After: 5.
	governor.Report(pass, botorate.Outcome{Kind: botorate.Throttled, RetryAfter: 5 * time.Second})

	snapshot := governor.Snapshot()
	b := snapshot.Buckets[0]
	pause := b.PausedUntil.Sub(snapshot.At)
	fmt.Println("paused for about 5 s:", pause > 4*time.Second && pause <= 5*time.Second)
	fmt.Println("empty:", b.Level < 1)
	fmt.Println("slower:", b.Rate < b.Limit.Rate)
	// Output:
	// paused for about 5 s: true
	// empty: true
	// slower: true
}

// Where nobody published a limit, it is found. What was learnt is kept for the next run.
func ExampleLimit_unknown() {
	known := map[botorate.BucketID]botorate.Learnt{} // from a file, perhaps
	s := botorate.NewScheduler(botorate.Options{     // or New, outside of virtual time
		Limit: func(botorate.BucketID) botorate.Limit {
			return botorate.Limit{Rate: 1, Burst: 1, Unknown: true} // begin at one call a second
		},
		Learnt: func(id botorate.BucketID) (botorate.Learnt, bool) {
			l, ok := known[id]
			return l, ok
		},
	})
	id := botorate.BucketID{Quota: "iam:GetRole", Scope: "123456789012"}
	attempt := botorate.Attempt{Draws: []botorate.Draw{{Bucket: id, Tokens: 1}}}
	var calls, throttles int
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	service := refilling{rate: 20, capacity: 40, level: 40, at: start}
	for now := start; now.Sub(start) < 5*time.Minute; now, _ = s.Wake() {
		for t := s.Next(now); t != nil; t = s.Next(now) {
			calls++
			if pass, _ := t.Pass(); !service.take(now) {
				throttles++
				s.Report(now, pass, botorate.Outcome{Kind: botorate.Throttled})
			}
		}
		_ = s.Submit(now, &botorate.Ticket{}, attempt)
	}
	known = s.Learnt(start.Add(5 * time.Minute))
	fmt.Printf("%v: %.0f/s\n", id.Quota, known[id].Rate)
	fmt.Printf("throttled: less than 1 %%: %v\n", 100*throttles < calls)
	// Output:
	// iam:GetRole: 20/s
	// throttled: less than 1 %: true
}

// A refilling service lets a call through for a token.
type refilling struct {
	rate, capacity, level float64
	at                    time.Time
}

func (r *refilling) take(now time.Time) bool {
	r.level = min(r.level+r.rate*now.Sub(r.at).Seconds(), r.capacity)
	r.at = now
	if r.level < 1 {
		return false
	}
	r.level--
	return true
}

// A step is an attempt that comes at the beginning.
type step struct {
	name    string
	attempt botorate.Attempt
}

// play lets the attempts come in order and prints when each leaves, in virtual time.
func play(s *botorate.Scheduler, steps []step) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, step := range steps {
		if err := s.Submit(start, &botorate.Ticket{Owner: step.name}, step.attempt); err != nil {
			fmt.Println(step.name, err)
		}
	}
	for now, ok := start, true; ok; now, ok = s.Wake() {
		for t := s.Next(now); t != nil; t = s.Next(now) {
			fmt.Printf("%6.1f s  %v\n", now.Sub(start).Seconds(), t.Owner)
		}
	}
}

// A Scheduler has no clock: here an hour of virtual time passes at once.
func ExampleScheduler() {
	id := botorate.BucketID{Quota: "requests"}
	s := botorate.NewScheduler(botorate.Options{
		Limit: func(botorate.BucketID) botorate.Limit { return botorate.Limit{Rate: 1.0 / 1200, Burst: 1} }, // one in 20 minutes
	})
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := start
	tickets := make([]botorate.Ticket, 4)
	for i := range tickets {
		tickets[i].Owner = i
		if err := s.Submit(now, &tickets[i], botorate.Attempt{Draws: []botorate.Draw{{Bucket: id, Tokens: 1}}}); err != nil {
			fmt.Println(err)
		}
	}
	for ok := true; ok; now, ok = s.Wake() {
		for t := s.Next(now); t != nil; t = s.Next(now) {
			pass, err := t.Pass()
			fmt.Println(t.Owner, pass.Left.Sub(start).Round(time.Second), err)
		}
	}
	// Output:
	// 0 0s <nil>
	// 1 20m0s <nil>
	// 2 40m0s <nil>
	// 3 1h0m0s <nil>
}
