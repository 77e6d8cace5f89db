//go:build race

package awssdk_test

// race is whether the race detector is on, which lets a sync.Pool forget things at random.
const race = true
