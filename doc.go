// Package botorate lets attempts out as fast as their token buckets allow, in turn.
//
// It is for programs that call a service which limits its callers (an HTTP API, a mail relay, a cloud account), and that would rather wait
// their turn than be refused. An attempt is one request to such a service. A [Governor] holds it until each of the buckets that it
// draws from has the tokens, and until it is its turn:
//
//	pass, err := governor.Wait(ctx, botorate.Attempt{     // 1. wait
//		Draws: []botorate.Draw{{Bucket: id, Tokens: 1}},
//	})
//	if err != nil {
//		return err                                        //    nothing was spent
//	}
//	response, err := send(ctx, request)                   // 2. send, or governor.Return(pass)
//	governor.Report(pass, outcome(response, err))         // 3. report what became of it
//	                                                      // 4. if it was throttled, wait again, with its first Since
//
// # What it promises
//
//   - In any window a bucket lets out at most its burst, and its rate times the elapsed time and 2 ms: what a timer may be late
//     without costing rate. This holds however many callers come at once. (Where a burst is less than a tenth of a second's rate and the
//     timer comes later than that, one attempt and 100 ms of the rate: see [Scheduler].)
//   - An attempt draws from up to [MaxDraws] buckets: all or none.
//   - Attempts leave in the order in which they came, inside a tenant and class. Tenants that wait for the same buckets get tokens by weight.
//     [Interactive] attempts go before [Batch] ones, which get a tenth of what is let out all the same.
//   - Attempts that share only some of their buckets take turns. One that waits for a scarce bucket keeps its turn in the plentiful ones, and others
//     go ahead only if that makes it no later: nobody starves, and nothing that could leave stays.
//   - An attempt with a deadline that it can't meet is refused at once, not at the deadline.
//   - A new limit, a pause or a throttle applies at once to those that wait already.
//   - One that gives up leaves no hole: its turn and its tokens go to the next.
//
// # What it learns
//
// A throttle that is reported says that the real bucket was empty: ours is emptied too, paused, and its rate cut and brought back slowly; see [Scheduler.Report].
// Where nobody published a limit ([Limit].Unknown) the governor finds it from successes and throttles, stays just below it, and
// [Governor.Learnt] is what to keep for the next one ([Options].Learnt).
//
// # Defaults and cost
//
// The zero [Options] limit nothing. Of an [Attempt] only Draws must be set. Everything that a [Governor] has is safe for concurrent use. It
// runs no goroutine and needs no closing. A Wait that needn't wait doesn't allocate; one that must costs about 250 bytes besides its goroutine. Buckets are made when they are first
// drawn from, and forgotten, but for their limit and counters, when they have been idle for long.
//
// A [Scheduler] is the same without clock, goroutines and locks, for callbacks and for simulations in virtual time; a Governor, too,
// runs in virtual time inside testing/synctest.
//
// # Mistakes that are easily made
//
// A retry outside of Wait spends tokens that nobody counted: each attempt waits for itself. Without reports nothing is learnt. Two governors for one limit
// let out twice as much: share one. N calls in a window of T are not Burst N with Rate N/T, which can let out 2 N in one T; any burst b with the rate (N−b)/T is safe.
// A signature ages while it waits: wait first, then sign.
//
// The guide in docs/pacing-anything.md makes whole programs of this: an HTTP client, an API with several limits, a mail relay.
package botorate
