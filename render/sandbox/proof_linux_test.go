package sandbox

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// proofArgument makes the test binary a child that restricts itself and then
// tries what it should not be able to do.
const proofArgument = "sandbox-proof"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == proofArgument {
		prove(os.Args[2], os.Args[3:])
		return
	}
	os.Exit(m.Run())
}

// layerUnderTest applies one layer alone, or all of them.
func layerUnderTest(name string) []Layer {
	switch name {
	case "none":
		return nil
	case Landlock:
		return []Layer{applyLandlock()}
	case Seccomp:
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		return []Layer{applySeccomp()}
	case Limits:
		return []Layer{limitUse(Config{CPU: time.Minute})}
	case NoDump:
		return []Layer{layer(NoDump, "", unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0))}
	default:
		return apply(Config{MemoryBytes: 4 << 30})
	}
}

// proofInput is what a child gets to try its hands on.
type proofInput struct {
	File   string // an existing file
	Dir    string // an existing directory that may be written to
	Port   int    // a TCP port of 127.0.0.1 that accepts
	Victim int    // a process of the same user
}

type proofOutput struct {
	Layers  []Layer
	Results map[string]string // attempt: "allowed" or the error
}

func prove(name string, args []string) {
	switch name {
	case "exit":
		return
	case Descriptors:
		fmt.Print(closeInherited(), unix.Fsync(3), unix.Fsync(4))
		return
	}
	var in proofInput
	if err := json.Unmarshal([]byte(args[0]), &in); err != nil {
		panic(err)
	}
	// What an attacker might hold from before: a descriptor of each kind.
	tcp, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		panic(err)
	}
	out := proofOutput{Layers: layerUnderTest(name), Results: map[string]string{}}
	for attempt, try := range attempts(in, tcp) {
		if len(args) == 1 || strings.Contains(","+args[1]+",", ","+attempt+",") {
			out.Results[attempt] = "allowed"
			if err := try(); err != nil {
				out.Results[attempt] = err.Error()
			}
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode(out)
}

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

// runProof starts a child under a layer and returns what it could do.
func runProof(t *testing.T, layer, only string) proofOutput {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"file", "victim", "victim2"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/true\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	input, err := json.Marshal(proofInput{
		File: filepath.Join(dir, "file"), Dir: dir,
		Port: listener.Addr().(*net.TCPAddr).Port, Victim: os.Getpid(),
	})
	if err != nil {
		t.Fatal(err)
	}
	args := []string{proofArgument, layer, string(input)}
	if only != "" {
		args = append(args, only)
	}
	cmd := exec.Command("/proc/self/exe", args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var out proofOutput
	if err := json.Unmarshal(stdout, &out); err != nil {
		t.Fatalf("%v in %q", err, stdout)
	}
	return out
}

func TestEachLayerRefusesOnItsOwn(t *testing.T) {
	tests := []struct {
		layer, refusal string
		attempts       []string
	}{
		{Landlock, "permission denied", []string{
			"open", "open dir", "open proc", "open write", "create", "mkdir", "unlink", "rename", "write file", "connect",
		}},
		{Seccomp, "operation not permitted", []string{
			"open", "open dir", "open proc", "open write", "create", "mkdir", "unlink", "rename", "stat", "write file",
			"socket", "socket unix", "connect", "exec lookup", "execve", "fork", "ptrace", "process_vm_readv", "kill", "tgkill",
			"unshare", "prctl", "memfd", "io_uring", "bpf", "executable memory", "make executable", "raise limit", "many files",
		}},
		{Limits, "too many open files", []string{"many files"}},
		{Limits, "file too large", []string{"write file"}},
	}
	for _, test := range tests {
		t.Run(test.layer+" "+test.refusal, func(t *testing.T) {
			control := runProof(t, "none", strings.Join(harmless(test.attempts), ","))
			got := runProof(t, test.layer, strings.Join(test.attempts, ","))
			if test.layer == Landlock && !got.Layers[0].Active {
				t.Skip("this kernel has no Landlock: " + got.Layers[0].Detail)
			}
			for _, attempt := range test.attempts {
				if strings.Contains(control.Results[attempt], test.refusal) {
					t.Logf("%s is refused here without any layer", attempt)
				}
				if result := got.Results[attempt]; !strings.Contains(result, test.refusal) {
					t.Errorf("%s: %q under %v, and %q without it", attempt, result, got.Layers, control.Results[attempt])
				}
			}
		})
	}
}

// harmless leaves out what would end or stop the control.
func harmless(attempts []string) []string {
	return slices.DeleteFunc(slices.Clone(attempts), func(attempt string) bool {
		return attempt == "execve" || attempt == "fork" || attempt == "ptrace"
	})
}

func TestApplyLeavesNothingButComputing(t *testing.T) {
	got := runProof(t, "all", "")
	for _, layer := range got.Layers {
		if !layer.Active && layer.Name != Landlock {
			t.Errorf("layer %s", layer)
		}
	}
	if len(got.Layers) != len(Names()) {
		t.Errorf("%d layers for the names %v", len(got.Layers), Names())
	}
	for i, name := range Names() {
		if got.Layers[i].Name != name {
			t.Errorf("layer %d is %s, want %s", i, got.Layers[i].Name, name)
		}
	}
	works := map[string]bool{"thread": true, "memory": true, "sleep": true}
	for attempt, result := range got.Results {
		if (result == "allowed") != works[attempt] {
			t.Errorf("%s: %s", attempt, result)
		}
	}
}

func TestSeccompRefusesOtherCallingConventions(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("only amd64 has the x32 calling convention")
	}
	policy, err := filter(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	program, err := policy.Assemble()
	if err != nil {
		t.Fatal(err)
	}
	// A call through another architecture's ABI jumps to the last instruction.
	const errno = 0x00050000
	last := fmt.Sprint(program[len(program)-1])
	want := "ret #" + strconv.Itoa(errno|int(unix.EPERM))
	if last != want {
		t.Errorf("the filter ends in %q, want %q", last, want)
	}
}

func TestInheritedDescriptorsAreClosed(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	cmd := exec.Command("/proc/self/exe", proofArgument, Descriptors)
	cmd.ExtraFiles = []*os.File{read, write}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := "<nil> bad file descriptor bad file descriptor"; string(out) != want {
		t.Errorf("got %q, want %q", out, want)
	}
}
