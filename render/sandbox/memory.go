package sandbox

// DefaultMemoryBytes is a worker's memory where nothing else is configured. A
// kustomize build of 500 objects peaks at 36 MiB resident and one of 1500 at
// 155 MiB, so it leaves room for charts that are large without reason.
//
// What holds a Go program to it was measured with a loop that allocates and
// touches 1 MiB at a time, a single allocation of 8 GiB, and a function that
// calls itself for ever (Go 1.26, Linux 6.18, limit 512 MiB):
//
//	control            1 MiB chunks               8 GiB at once  recursion
//	debug.SetMemoryLimit  grows on, 2.7 GB seen   not refused    2.1 GB, 10 s of CPU
//	RLIMIT_AS 512 MiB     the runtime cannot start: it reserves 1.3 GB of addresses
//	RLIMIT_AS 1.4 GB      dies at 88 MB resident: address space is not memory
//	RLIMIT_DATA 576 MiB   dies at 529 MB          dies at once   dies at 529 MB
//	the same + max stack  dies at 529 MB          dies at once   67 MB, 0.3 s of CPU
//
// So RLIMIT_DATA is the hard limit: it counts writable private memory, which
// the heap, stacks and the runtime's own tables all are, and not the addresses
// that Go only reserves. The runtime maps its heap in pieces of 64 MiB, which
// is how precise the limit is. SetMemoryLimit makes the garbage collector work
// before the hard limit ends the process, and the worker pool's watchdog stands
// in where a container runtime ignores RLIMIT_DATA.
const DefaultMemoryBytes = 512 << 20

const (
	// maxStackBytes bounds one goroutine's stack. Go's own bound is 1 GB, so
	// endless recursion would end as a lack of memory, late and hard to tell
	// from a large input. A Helm value that calls tpl on itself ends after 2 s
	// of CPU and 340 MB with 32 MiB of stack, after 8 s and 530 MB with 64 MiB;
	// Helm's own limit of 1000 nested includes stays far below either.
	maxStackBytes = 32 << 20
	// softLimitPercent of the memory is where the collector stops to let
	// garbage accumulate.
	softLimitPercent = 75
)
