// Package lab is a simulated AWS: buckets as AWS has them, and a TLS endpoint that plays one account.
//
// [Bucket] and [Cloud] know neither a clock nor a network: time is a parameter, so that they serve in virtual time too.
// [Endpoint] puts a Cloud behind TLS: it verifies signatures, throttles in each service's own words, answers the calls of a
// snapshot scan itself, and hands the rest to another emulator.
package lab
