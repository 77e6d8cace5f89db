//go:build !race

package botorate

const underRace = false
