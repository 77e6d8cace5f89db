//go:build !race

package awssdk_test

// race is whether the race detector is on.
const race = false
