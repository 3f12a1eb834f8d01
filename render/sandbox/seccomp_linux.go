package sandbox

import (
	"fmt"
	"os"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// allowed are the system calls that a running Go program needs to compute,
// allocate, collect garbage, start threads and use descriptors that are
// already open. All others fail with EPERM. It is a list of what is allowed
// and not of what is refused because the filter's default also answers calls
// made through another ABI of the processor, and calls of future kernels.
var allowed = []string{
	// Descriptors that are open.
	"read", "write", "close", "fstat",
	"epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_wait", "eventfd2",
	// Memory; mmap and mprotect are allowed with conditions.
	"munmap", "mremap", "madvise", "brk",
	// Threads and signals; clone, tgkill and prlimit64 have conditions.
	"futex", "sched_yield", "sched_getaffinity", "set_robust_list", "rseq",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall",
	"getpid", "gettid", "exit", "exit_group",
	// Clocks, random numbers, and the working directory, which is "/".
	"clock_gettime", "gettimeofday", "nanosleep", "clock_nanosleep", "getrandom", "getcwd",
}

// applySeccomp loads the filter into all threads of the process.
func applySeccomp() Layer {
	if !seccomp.Supported() {
		return layer(Seccomp, "", fmt.Errorf("the kernel or the container refuses seccomp"))
	}
	policy, err := filter(os.Getpid())
	if err != nil {
		return layer(Seccomp, "", err)
	}
	err = seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: policy})
	return layer(Seccomp, "", err)
}

// filter returns the policy for the process pid on this architecture.
func filter(pid int) (seccomp.Policy, error) {
	table, err := arch.GetInfo("")
	if err != nil {
		return seccomp.Policy{}, fmt.Errorf("seccomp does not know this architecture: %w", err)
	}
	known := func(name string) bool { _, ok := table.SyscallNames[name]; return ok }
	groups := []seccomp.SyscallGroup{{Action: seccomp.ActionAllow}, {Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS)}}
	for _, name := range allowed {
		if known(name) {
			groups[0].Names = append(groups[0].Names, name)
		}
	}
	for _, call := range conditional(pid) {
		if known(call.Name) {
			groups[0].NamesWithCondtions = append(groups[0].NamesWithCondtions, call)
		}
	}
	// The C library falls back from clone3 to clone only where clone3 does not
	// exist; its arguments lie in memory, where a filter cannot look.
	groups[1].Names = []string{"clone3"}
	return seccomp.Policy{DefaultAction: seccomp.ActionErrno, Syscalls: groups}, nil
}

// conditional are the system calls that are allowed for some arguments only.
func conditional(pid int) []seccomp.NameWithConditions {
	when := func(name string, conditions ...seccomp.Condition) seccomp.NameWithConditions {
		return seccomp.NameWithConditions{Name: name, Conditions: conditions}
	}
	argument := func(at uint32, operation seccomp.Operation, value uint64) seccomp.Condition {
		return seccomp.Condition{Argument: at, Operation: operation, Value: value}
	}
	return []seccomp.NameWithConditions{
		// New threads, but no new processes.
		when("clone", argument(0, seccomp.BitsSet, unix.CLONE_THREAD)),
		// Memory that cannot be executed.
		when("mmap", argument(2, seccomp.BitsNotSet, unix.PROT_EXEC)),
		when("mprotect", argument(2, seccomp.BitsNotSet, unix.PROT_EXEC)),
		// Signals to itself: the Go scheduler preempts with them.
		when("tgkill", argument(0, seccomp.Equal, uint64(pid))),
		// Reading its own limits, not changing them.
		when("prlimit64", argument(0, seccomp.Equal, 0), argument(2, seccomp.Equal, 0)),
		// Asking how a descriptor is open.
		when("fcntl", argument(1, seccomp.Equal, unix.F_GETFL)),
		when("fcntl", argument(1, seccomp.Equal, unix.F_GETFD)),
	}
}
