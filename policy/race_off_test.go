//go:build !race

package policy_test

// raceEnabled says that the race detector slows this run down.
const raceEnabled = false
