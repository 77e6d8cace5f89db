// Package adaptive puts botorate's adaptation beside the AWS SDK for Go's adaptive mode and a textbook AIMD, in the trials of
// internal/trial. It has nothing but tests; ../README.md says what its table means.
package adaptive
