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
