// Package scenario compares ways of pacing in a simulated AWS, in virtual time.
//
// A [File] says what there is: an account with AWS's limits, workloads that call it by the retry rules of their SDKs, and the ways of
// pacing to compare. [Run] plays it once for each, with the real [botorate.Scheduler] and the real table of quotas: never a model of
// them. Everything depends on the file and its seed only.
//
// A run is a world: one [sim.Loop], AWS's buckets ([lab.Cloud]), a pacer, and the workloads, all of them state machines without
// goroutines. A workload makes calls; a call goes through its SDK's attempts; each attempt goes through the pacer, over the
// network to AWS, and back.
package scenario
