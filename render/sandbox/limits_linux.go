package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// maxFiles is how many descriptors a worker may have: three standard ones, the
// runtime's poller and a few to spare.
const maxFiles = 16

// limitUse sets the limits that are not about memory. RLIMIT_NPROC is left
// alone: it counts the threads of all processes of a user on the whole node,
// and Argo CD's images all run as user 999, so any value would either bound
// nothing or stop the Go runtime from starting a thread. Seccomp refuses new
// processes instead.
func limitUse(cfg Config) Layer {
	detail := fmt.Sprintf("files %d, file size 0", maxFiles)
	errs := []error{
		limit(unix.RLIMIT_CORE, 0),
		limit(unix.RLIMIT_FSIZE, 0),
		limit(unix.RLIMIT_NOFILE, maxFiles),
	}
	if cfg.CPU > 0 {
		// The hard limit is set to the same second as the soft one: the Go
		// runtime takes note of SIGXCPU and goes on, while SIGKILL ends it.
		seconds := uint64((cfg.CPU + time.Second - 1) / time.Second)
		errs = append(errs, limit(unix.RLIMIT_CPU, seconds))
		detail += fmt.Sprintf(", cpu %ds", seconds)
	}
	return layer(Limits, detail, errors.Join(errs...))
}

// limitMemory bounds the process's memory; see [DefaultMemoryBytes]. What the
// process has mapped so far, for code, tables and a first piece of heap, comes
// on top, so that the limit means the same for a small and for a large binary.
func limitMemory(cfg Config) Layer {
	bytes := cfg.MemoryBytes
	if bytes <= 0 {
		bytes = DefaultMemoryBytes
	}
	debug.SetMaxStack(maxStackBytes)
	debug.SetMemoryLimit(bytes / 100 * softLimitPercent)
	mapped, err := mappedData()
	if err != nil {
		return layer(Memory, "", err)
	}
	return layer(Memory, fmt.Sprintf("%d MiB", bytes>>20), limit(unix.RLIMIT_DATA, mapped+uint64(bytes)))
}

// mappedData returns how many bytes count towards RLIMIT_DATA now, which is
// the sixth number of /proc/self/statm, in pages.
func mappedData() (uint64, error) {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 6 {
		return 0, errors.New("/proc/self/statm is not as expected")
	}
	pages, err := strconv.ParseUint(fields[5], 10, 64)
	return pages * uint64(os.Getpagesize()), err
}

func limit(resource int, value uint64) error {
	return unix.Setrlimit(resource, &unix.Rlimit{Cur: value, Max: value})
}
