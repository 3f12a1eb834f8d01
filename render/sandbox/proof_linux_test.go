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
	defer func() { _ = write.Close() }()
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
