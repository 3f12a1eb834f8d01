package sandbox

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// lastInherited is the highest descriptor that a worker is given: standard error.
const lastInherited = 2

// apply runs the steps in the order that their needs dictate: /proc is read
// before Landlock hides it, and seccomp comes last because it refuses the
// system calls of all the others.
func apply(cfg Config) []Layer {
	// Several prctl settings belong to a thread; the seccomp step spreads
	// no_new_privs from this one to the others.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	layers := []Layer{
		layer(Descriptors, "", closeInherited()),
		layer(Directory, "/", os.Chdir("/")),
		layer(ParentDeath, "", unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)),
		layer(NoDump, "", unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)),
		limitUse(cfg),
		limitMemory(cfg),
		layer(NoNewPrivs, "", unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)),
	}
	return append(layers, applyLandlock(), applySeccomp())
}

// closeInherited closes every descriptor above standard error that the Go
// runtime did not open for itself. Go marks what it opens close-on-exec, but
// not what the parent inherited from whoever started it.
func closeInherited() error {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		fd, err := strconv.Atoi(name)
		if err != nil {
			return fmt.Errorf("unexpected entry in /proc/self/fd: %w", err)
		}
		if fd <= lastInherited || fd == int(dir.Fd()) {
			continue
		}
		target, err := os.Readlink("/proc/self/fd/" + name)
		if err != nil || ownedByRuntime(target) {
			continue
		}
		if err := unix.Close(fd); err != nil {
			return fmt.Errorf("close descriptor %d: %w", fd, err)
		}
	}
	return nil
}

// ownedByRuntime tells whether a descriptor is one of those that the Go
// runtime keeps: its network poller, and the control group's CPU limit that
// sets GOMAXPROCS.
func ownedByRuntime(target string) bool {
	return target == "anon_inode:[eventpoll]" || target == "anon_inode:[eventfd]" ||
		strings.HasPrefix(target, "/sys/fs/cgroup/")
}
