package sandbox

// DefaultMemoryBytes is a worker's memory where nothing else is configured. A
// kustomize build of 500 objects peaks at 32 MiB resident, one of 1500 at
// 60 MiB and one of 5000 at 141 MiB, so it leaves room for charts that are
// large without reason.
//
// What holds a Go program to it was measured with a loop that allocates and
// touches 1 MiB at a time, a single allocation of 8 GiB, and a function that
// calls itself for ever (Go 1.26, Linux 6.18, amd64). The figures are the most
// that was resident, and CPU time for the recursion:
//
//	control                  1 MiB at a time    8 GiB at once  recursion
//	none                     not tried          allowed        1.1 GB, 4.7 s
//	GOMEMLIMIT 512 MiB       2.8 GB and on (1)  allowed        0.8 GB, 4.9 s
//	RLIMIT_AS 512 MiB        the runtime cannot start: it reserves 1.3 GB
//	RLIMIT_AS 1.4 GB         dies at 149 MB     refused        dies at 133 MB
//	RLIMIT_DATA 576 MiB (2)  dies at 552 MB     refused        dies at 527 MB
//	all that is set here     dies at 554 MB     refused        68 MB, 0.3 s
//
// (1) stopped there by another limit. (2) with neither a soft limit nor a
// bound of the stack below Go's own.
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
	// of CPU and 340 MB with 32 MiB of stack, after 8 s and 530 MB with 64 MiB,
	// where it is hardly told from a lack of memory. Helm's own limit of 1000
	// nested includes is reached below either; text/template's of 100000 is not.
	maxStackBytes = 32 << 20
	// softLimitPercent of the memory is where the collector stops to let
	// garbage accumulate.
	softLimitPercent = 75
)
