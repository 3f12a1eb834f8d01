//go:build !race

package worker

const testMemory = 256 << 20

// outOfMemory is how the fault of a worker without memory begins.
const outOfMemory = "rendering ran out of memory; a worker has 256 MiB"
