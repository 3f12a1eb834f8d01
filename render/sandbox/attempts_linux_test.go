package sandbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func raw(number uintptr, args ...uintptr) error {
	var a [6]uintptr
	copy(a[:], args)
	if _, _, errno := syscall.RawSyscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
		return errno
	}
	return nil
}

func attempts(in proofInput, tcp int) map[string]func() error {
	openAs := func(path string, flags int) func() error {
		return func() error {
			fd, err := syscall.Open(path, flags, 0o600)
			if err == nil {
				_ = syscall.Close(fd)
			}
			return err
		}
	}
	victim := uintptr(in.Victim)
	return map[string]func() error{
		"open":        openAs(in.File, syscall.O_RDONLY),
		"open dir":    openAs("/", syscall.O_RDONLY|syscall.O_DIRECTORY),
		"open proc":   openAs("/proc/self/environ", syscall.O_RDONLY),
		"open write":  openAs(in.File, syscall.O_WRONLY),
		"create":      openAs(filepath.Join(in.Dir, "created"), syscall.O_CREAT|syscall.O_WRONLY),
		"mkdir":       func() error { return syscall.Mkdir(filepath.Join(in.Dir, "made"), 0o700) },
		"unlink":      func() error { return syscall.Unlink(filepath.Join(in.Dir, "victim")) },
		"rename":      func() error { return os.Rename(filepath.Join(in.Dir, "victim2"), filepath.Join(in.Dir, "renamed")) },
		"stat":        func() error { _, err := os.Stat(in.File); return err },
		"socket":      func() error { return raw(syscall.SYS_SOCKET, syscall.AF_INET, syscall.SOCK_DGRAM, 0) },
		"socket unix": func() error { return raw(syscall.SYS_SOCKET, syscall.AF_UNIX, syscall.SOCK_STREAM, 0) },
		"connect": func() error {
			return syscall.Connect(tcp, &syscall.SockaddrInet4{Port: in.Port, Addr: [4]byte{127, 0, 0, 1}})
		},
		"exec lookup":      func() error { return exec.Command("/proc/self/exe", proofArgument, "exit").Run() },
		"execve":           func() error { return syscall.Exec(in.File, nil, nil) },
		"fork":             fork,
		"ptrace":           func() error { return raw(syscall.SYS_PTRACE, unix.PTRACE_TRACEME) },
		"process_vm_readv": func() error { return raw(unix.SYS_PROCESS_VM_READV, victim, 0, 0, 0, 0, 0) },
		"kill":             func() error { return raw(syscall.SYS_KILL, victim, 0) },
		"tgkill":           func() error { return raw(syscall.SYS_TGKILL, victim, victim, 0) },
		"unshare":          func() error { return raw(unix.SYS_UNSHARE, unix.CLONE_NEWUSER) },
		"prctl":            func() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) },
		"memfd":            func() error { _, err := unix.MemfdCreate("x", 0); return err },
		"io_uring":         func() error { return raw(unix.SYS_IO_URING_SETUP, 1, 0) },
		"bpf":              func() error { return raw(unix.SYS_BPF, 0, 0, 0) },
		"executable memory": func() error {
			_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
			return err
		},
		"make executable": func() error {
			page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ, unix.MAP_ANON|unix.MAP_PRIVATE)
			if err != nil {
				return nil // not the refusal that is looked for
			}
			return unix.Mprotect(page, unix.PROT_READ|unix.PROT_EXEC)
		},
		"raise limit": func() error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1, Max: 1}) },
		"many files":  manyFiles,
		"write file": func() error {
			return os.WriteFile(filepath.Join(in.Dir, "written"), []byte("x"), 0o600)
		},
		// What a worker must go on doing.
		"thread": thread,
		"memory": func() error { _ = make([]byte, 256<<20); return nil },
		"sleep":  func() error { time.Sleep(time.Millisecond); return nil },
	}
}

// fork makes a second process; should it come to life, it ends itself.
func fork() error {
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		_, _, _ = syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
	}
	return nil
}

func thread() error {
	done := make(chan int)
	for range 8 {
		go func() {
			runtime.LockOSThread() // one thread each
			done <- unix.Gettid()
		}()
	}
	for range 8 {
		<-done
	}
	return nil
}

func manyFiles() error {
	for range 64 {
		if err := raw(unix.SYS_DUP, 0); err != nil {
			return err
		}
	}
	return nil
}
