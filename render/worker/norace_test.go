//go:build !race

package worker

const testMemory = 256 << 20
