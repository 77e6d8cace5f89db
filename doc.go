// Package botorate lets attempts out as fast as their token buckets allow, in turn.
//
// An attempt is one request to a service that limits its callers. A [Governor] holds it until each of the buckets that it
// draws from has the tokens, and until it is its turn. It takes four steps:
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
// A bucket never lets out more than its burst, and its rate times the elapsed time and 2 ms, in any window. The 2 ms are how
// late a timer may be without costing rate. An attempt draws from up to [MaxDraws] buckets, all or none. Attempts leave in the order in which they came, inside a
// tenant; tenants that wait for the same buckets get tokens by weight; [Interactive] attempts go before [Batch] ones, which get
// at least every tenth turn. Attempts that share only some of their buckets take turns, and one that waits for a scarce bucket
// keeps its turn in the plentiful ones. An attempt with a deadline that it can't meet is refused at once, not at
// the deadline. A new limit, a pause or a throttle applies to those that wait already. One that gives up leaves no hole.
//
// A throttle that is reported empties its buckets, pauses them and lowers their rates, which come back over a minute of use:
// see [Scheduler.Report].
//
// # Defaults and cost
//
// The zero [Options] limit nothing. Of an [Attempt] only Draws must be set. Everything that a [Governor] has is safe for concurrent use. It
// runs no goroutine and needs no closing. A Wait that needn't wait doesn't allocate; one that must costs about 250 bytes besides its goroutine.
//
// A [Scheduler] is the same without clock, goroutines and locks, for callbacks and for simulations in virtual time.
package botorate
