package worker

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render/sandbox"
)

func TestWorkersThatDoNotStartAreReported(t *testing.T) {
	tests := []struct {
		name, want string
		change     func(*Config)
	}{
		{"no such program", "E_INTERNAL: a render worker does not start: fork/exec /nonexistent", func(c *Config) { c.Executable = "/nonexistent" }},
		{"exits", "E_INTERNAL: a render worker does not start: ", func(c *Config) { c.Args = append(c.Args, "exits") }},
		{"babbles", "E_INTERNAL: a render worker does not start: malformed frame", func(c *Config) { c.Args = append(c.Args, "babbles") }},
		{"cannot warm up", "E_INTERNAL: the worker cannot warm up: no schema", func(c *Config) { c.Args = append(c.Args, "cannot warm up") }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := testConfig()
			test.change(&config)
			var log bytes.Buffer
			logger := logrus.New()
			logger.SetOutput(&log)
			config.Logger = logger
			pool, err := NewPool(config)
			if err != nil {
				t.Fatal(err)
			}
			err = pool.Start(t.Context())
			if !strings.HasPrefix(fmt.Sprint(err), test.want) {
				t.Errorf("Start: got %v, want %s", err, test.want)
			}
			if _, err := pool.Render(t.Context(), request("fine")); !strings.HasPrefix(fmt.Sprint(err), test.want) {
				t.Errorf("Render: got %v, want %s", err, test.want)
			}
			pool.Close()
			if left := children(t); len(left) > 0 {
				t.Errorf("children after Close: %v", left)
			}
			if !strings.Contains(log.String(), "a render worker does not start") {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

func TestAWorkerThatHangsAtItsStartEndsWithThePool(t *testing.T) {
	config := testConfig()
	config.Args = append(config.Args, "hangs")
	pool, err := NewPool(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := pool.Start(ctx); fault.CodeOf(err) != fault.Internal {
		t.Errorf("got %v", err)
	}
	pool.Close()
	if left := children(t); len(left) > 0 {
		t.Errorf("children after Close: %v", left)
	}
}

func TestRequiringAnUnknownLayerIsAConfigFault(t *testing.T) {
	config := testConfig()
	config.Require = []string{"gvisor"}
	if _, err := NewPool(config); fault.CodeOf(err) != fault.Config {
		t.Errorf("got %v", err)
	}
	config = testConfig()
	config.Spares = -1
	if _, err := NewPool(config); fault.CodeOf(err) != fault.Config {
		t.Errorf("got %v", err)
	}
}

func TestLayersAreReported(t *testing.T) {
	pool := startPool(t, testConfig())
	var names []string
	for _, layer := range pool.Layers() {
		names = append(names, layer.Name)
		if !layer.Active && layer.Name != sandbox.Landlock {
			t.Errorf("%s", layer)
		}
	}
	if diff := cmp.Diff(append(sandbox.Names(), "watchdog"), names); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestV11AWorkerKnowsNothingOfItsParent(t *testing.T) {
	t.Setenv("VAULT_TOKEN", "hvs.CANARY")
	pool := startPool(t, testConfig())
	waitIdle(t, pool, 2)
	pid := pool.idle[0].cmd.Process.Pid
	for _, file := range []string{"environ", "cmdline"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
		if os.IsPermission(err) {
			continue // a worker is not dumpable, so only root may look
		}
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("CANARY")) || len(text) > 200 {
			t.Errorf("%s: %q", file, text)
		}
	}
	got, err := pool.Render(t.Context(), request("proof"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"environ": strings.Join(slices.Sorted(slices.Values(pool.config.environment())), " "),
		"cwd":     "/", "open": "open /etc/hostname: operation not permitted", "socket": "operation not permitted",
	}
	if diff := cmp.Diff(want, got.Objects[0].Fields["data"]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestEveryThreadOfAWorkerIsConfined(t *testing.T) {
	pool := startPool(t, testConfig())
	waitIdle(t, pool, 2)
	pid := pool.idle[0].cmd.Process.Pid
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatalf("%d threads: %v", len(tasks), err)
	}
	for _, task := range tasks {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/status", pid, task.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"NoNewPrivs:\t1", "Seccomp:\t2"} {
			if !strings.Contains(string(status), want) {
				t.Errorf("thread %s lacks %q", task.Name(), want)
			}
		}
	}
}

func TestTemplatesSeeUTCAndNamedZones(t *testing.T) {
	t.Setenv("TZ", "America/New_York")
	pool := startPool(t, testConfig())
	got, err := pool.Render(t.Context(), request("zones"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"berlin": "2026-07-01T14:00:00+02:00", "local": "2026-07-01T12:00:00Z"}
	if diff := cmp.Diff(want, got.Objects[0].Fields["data"]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// parentArgument makes the test binary a process that has a pool and waits to
// be killed.
const parentArgument = "test-parent"

func TestWorkersDieWithTheirParent(t *testing.T) {
	parent := exec.Command("/proc/self/exe", parentArgument)
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 64)
	n, err := stdout.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	pid, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
		if state, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); bytes.Contains(state, []byte(") Z ")) {
			break // dead, and waiting for whoever adopted it
		}
		if time.Now().After(end) {
			t.Fatalf("worker %d lives on", pid)
		}
	}
}

// livingParent prints the number of a worker that spins, and lives on.
func livingParent() {
	pool, err := NewPool(testConfig())
	if err != nil {
		panic(err)
	}
	if err := pool.Start(context.Background()); err != nil {
		panic(err)
	}
	pid := pool.idle[0].cmd.Process.Pid
	go func() { _, _ = pool.Render(context.Background(), request("spin")) }()
	time.Sleep(100 * time.Millisecond)
	fmt.Println(pid)
	select {}
}
