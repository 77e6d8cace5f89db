//go:build race

package botorate

// underRace says that the race detector watches, which allows for 8,128 goroutines.
const underRace = true
