//go:build race

package worker

// testMemory is larger than in earnest: the race detector keeps several bytes
// for each one of the heap.
const testMemory = 2 << 30

// outOfMemory is less precise: the race detector aborts in its own words.
const outOfMemory = ""
