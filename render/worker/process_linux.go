package worker

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownExecutable returns a path that is this program in every process started
// from it, even after the file has been replaced or removed.
func ownExecutable() (string, error) { return "/proc/self/exe", nil }

// attributes put a child in a process group of its own, so that it can be
// ended with all it started, and end it with the parent's thread.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// killGroup ends the process group whose leader is pid.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

// lowestPriority leaves the CPUs to everybody else who wants them: an eightieth of
// the time of a process of usual priority.
const lowestPriority = 19

// yieldGroup gives the lowest priority to all threads of the process group whose
// leader is pid, and so to those that they start. Nobody needs a privilege for it.
func yieldGroup(pid int) { _ = unix.Setpriority(unix.PRIO_PGRP, pid, lowestPriority) }

// awaitExit blocks until the child has exited and leaves it to be reaped.
func awaitExit(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// residentBytes returns the memory that a child has for itself: what is
// resident less what it shares with files, from /proc/PID/statm.
func residentBytes(pid int) (int64, bool) {
	statm, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 3 {
		return 0, false
	}
	resident, err1 := strconv.ParseInt(fields[1], 10, 64)
	shared, err2 := strconv.ParseInt(fields[2], 10, 64)
	return (resident - shared) * int64(os.Getpagesize()), err1 == nil && err2 == nil
}

// starter starts children on one thread that lives until close is called. The
// kernel sends a child its parent-death signal when the thread that started it
// ends, and the Go runtime ends threads as it likes (golang.org/issue/27505).
type starter struct {
	calls chan func()
	done  chan struct{}
}

func newStarter() *starter {
	s := &starter{calls: make(chan func()), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for call := range s.calls {
			call()
		}
	}()
	return s
}

func (s *starter) spawn(config Config) (w *process, err error) {
	started := make(chan struct{})
	s.calls <- func() {
		defer close(started)
		w, err = spawn(config)
	}
	<-started
	return w, err
}

// close is called after the last child has exited.
func (s *starter) close() {
	close(s.calls)
	<-s.done
}
