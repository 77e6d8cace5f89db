// Package pacers compares botorate's governor with what Go programs pace with otherwise, at the same work in the same run. It has nothing
// but tests; ../README.md says what its table means.
package pacers
