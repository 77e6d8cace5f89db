//go:build !race

package trial_test

const race = false
