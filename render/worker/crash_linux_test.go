package worker

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

func TestBadRequestsGiveOneFaultAndHarmNobody(t *testing.T) {
	const crash = "E_RENDER_CRASH: "
	tests := []struct {
		app, want string
	}{
		{"recursion", crash + "rendering called itself without end"},
		{"hoard", crash + outOfMemory},
		{"8 GiB", crash + outOfMemory},
		{"kill", crash + "rendering ran out of memory; a worker has "},
		{"panic", crash + "rendering stopped on input that the renderer does not expect"},
		{"panic elsewhere", crash + "the renderer crashed"},
		{"exit", crash + "the renderer crashed"},
		{"plain error", "E_INTERNAL: unexpected failure"},
		{"garbage", crash + "the worker's answer is not one"},
		{"half", crash + "the renderer crashed"},
		{"hostile json", crash + "the worker's answer is not one"},
		{"trailing json", crash + "the worker's answer is not one"},
		{"twice", crash + "the worker's answer is not one"},
		{"not an object", crash + "the worker's answer is not one"},
		{"deep", "E_LIMIT: "},
		{"unknown code", crash + "the worker's answer is not one"},
		{"wrong count", crash + "the worker's answer is not one"},
		{"unknown frame", crash + "the worker's answer is not one"},
		{"forged", `E_YAML: a\nE_FORGED: \u001b[31m`},
		{"huge frame", "E_LIMIT: "},
		{"nodes", "E_LIMIT: "},
		{"flood", "E_LIMIT: "},
		{"close and hang", crash + "the worker broke off its answer"},
	}
	pool := startPool(t, testConfig())
	for _, test := range tests {
		t.Run(test.app, func(t *testing.T) {
			before := residentSelf(t)
			result, err := pool.Render(t.Context(), request(test.app))
			if err == nil {
				t.Fatalf("got %+v", result)
			}
			if !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got  %s\nwant %s…", err, test.want)
			}
			if strings.Contains(err.Error(), "HUNTER2") {
				t.Errorf("the worker's own text came through: %s", err)
			}
			const most = 200 << 20
			if grown := residentSelf(t) - before; grown > most {
				t.Errorf("the parent grew by %d MiB", grown>>20)
			}
			mustRender(t, pool)
		})
	}
}

// The watchdog stands in where the kernel's limit does not hold, so the worker
// is started with a larger one here.
func TestTheWatchdogEndsAWorkerThatKeepsTooMuch(t *testing.T) {
	pool := startPool(t, testConfig())
	pool.config.MemoryBytes = 64 << 20
	start := time.Now()
	_, err := pool.Render(t.Context(), request("hold 128 MiB"))
	if got, want := fmt.Sprint(err), "E_RENDER_CRASH: rendering ran out of memory; a worker has 64 MiB"; !strings.HasPrefix(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

func residentSelf(t *testing.T) int64 {
	t.Helper()
	bytes, ok := residentBytes(os.Getpid())
	if !ok {
		t.Fatal("cannot read /proc/self/statm")
	}
	return bytes
}

func TestNoisyStandardErrorIsNoFault(t *testing.T) {
	pool := startPool(t, testConfig())
	if _, err := pool.Render(t.Context(), request("noisy stderr")); err != nil {
		t.Fatal(err)
	}
}

func TestDeadlinesKillTheWorker(t *testing.T) {
	for _, app := range []string{"spin", "sleep"} {
		t.Run(app+" until the configured time", func(t *testing.T) {
			config := testConfig()
			config.Timeout = 500 * time.Millisecond
			pool := startPool(t, config)
			_, err := pool.Render(t.Context(), request(app))
			if fault.CodeOf(err) != fault.Timeout {
				t.Errorf("got %v", err)
			}
		})
		t.Run(app+" until the caller's deadline", func(t *testing.T) {
			pool := startPool(t, testConfig())
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := pool.Render(ctx, request(app))
			if fault.CodeOf(err) != fault.Timeout {
				t.Errorf("got %v", err)
			}
			if ctx.Err() != nil {
				t.Error("the answer came after the caller's deadline")
			}
			mustRender(t, pool)
		})
	}
}

func TestCPUTimeIsBounded(t *testing.T) {
	config := testConfig()
	config.CPU = time.Second
	pool := startPool(t, config)
	_, err := pool.Render(t.Context(), request("spin"))
	if got, want := fmt.Sprint(err), "E_TIMEOUT: rendering used up its CPU time of 1s"; !strings.HasPrefix(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}
