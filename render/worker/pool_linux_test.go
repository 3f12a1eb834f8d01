package worker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/sandbox"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func testConfig() Config {
	return Config{
		Args: []string{childArgument}, Spares: 2, Concurrency: 2, Queue: 8,
		MemoryBytes: testMemory, CPU: time.Minute, Timeout: 30 * time.Second, OutputBytes: 8 << 20,
		Require: []string{sandbox.Seccomp},
	}
}

// startPool starts a pool and checks, at the test's end, that it leaves neither
// a process nor a goroutine.
func startPool(t *testing.T, config Config) *Pool {
	t.Helper()
	goroutines := runtime.NumGoroutine()
	pool, err := NewPool(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pool.Close()
		if children := children(t); len(children) > 0 {
			t.Errorf("children after Close: %v", children)
		}
		for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > goroutines; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				stacks := make([]byte, 1<<16)
				t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), goroutines, stacks[:runtime.Stack(stacks, true)])
			}
		}
	})
	if err := pool.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return pool
}

// children returns the processes that this one started, zombies included.
func children(t *testing.T) []int {
	t.Helper()
	var pids []int
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(tasks) == 0 {
		t.Fatalf("no /proc/self/task/*/children: %v", err)
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // a thread that has ended has no children
		}
		for _, field := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

func request(app string) render.Request {
	tree := source.NewTree()
	tree.Add("a.yaml", []byte("kind: ConfigMap"))
	return render.Request{Source: tree, Path: ".", Root: ".", AppName: app}
}

// mustRender renders a request that any worker can render.
func mustRender(t *testing.T, pool *Pool) {
	t.Helper()
	got, err := pool.Render(t.Context(), request("fine"))
	if err != nil {
		t.Fatalf("a good request: %v", err)
	}
	if len(got.Objects) != 1 || got.Objects[0].Name() != "fine" {
		t.Fatalf("a good request gave %v", got.Objects)
	}
}

func TestRequestAndResultTravelWhole(t *testing.T) {
	pool := startPool(t, testConfig())
	req := request("tree")
	want := map[string]any{"a.yaml": digest([]byte("kind: ConfigMap"))}
	for i := range 2000 {
		name, content := fmt.Sprintf("dir%d/file %d.yaml", i%40, i), bytes.Repeat([]byte{byte(i), '\n', 0xff}, i)
		req.Source.Add(name, content)
		want[name] = digest(content)
	}
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	req.Source.Add("charts/large.tgz", large)
	req.Source.AddDir("empty/inside")
	want["charts/large.tgz"] = digest(large)
	want["dirs"] = strings.Join(req.Source.Dirs("."), " ")

	got, err := pool.Render(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "tree"}, "data": want}, got.Objects[0].Fields); diff != "" {
		t.Errorf("object (-want +got)\n%s", diff)
	}
	if got.Objects[0].File != "a.yaml" || got.Objects[0].Line != 3 || got.Kind != render.KindHelm {
		t.Errorf("got %+v", got)
	}
	if diff := cmp.Diff([]*fault.Error{fault.New(fault.Hook, "odd").In("a.yaml", 3)}, got.Warnings); diff != "" {
		t.Errorf("warnings (-want +got)\n%s", diff)
	}
}

func TestFaultsOfTheEngineArriveUnchanged(t *testing.T) {
	pool := startPool(t, testConfig())
	_, err := pool.Render(t.Context(), request("faults"))
	_, want := behaviours["faults"](render.Request{})
	if diff := cmp.Diff(want, err); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestManyFaultsAreCutAndCounted(t *testing.T) {
	pool := startPool(t, testConfig())
	_, err := pool.Render(t.Context(), request("many faults"))
	list := fault.Of(err)
	if len(list) != maxFaults {
		t.Fatalf("%d faults, want %d", len(list), maxFaults)
	}
	if got, want := list[maxFaults-1].Message, "and 4001 more faults"; got != want {
		t.Errorf("last fault %q, want %q", got, want)
	}
}

func TestACallerThatLeavesEndsItsWorker(t *testing.T) {
	pool := startPool(t, testConfig())
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	_, err := pool.Render(ctx, request("spin"))
	if fault.CodeOf(err) != fault.Canceled {
		t.Errorf("got %v", err)
	}
	_, err = pool.Render(ctx, request("fine"))
	if fault.CodeOf(err) != fault.Canceled {
		t.Errorf("a request that had ended before: %v", err)
	}
	mustRender(t, pool)
}

func TestI10AFullQueueIsBusy(t *testing.T) {
	config := testConfig()
	config.Concurrency, config.Spares, config.Queue = 1, 1, 2
	pool := startPool(t, config)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 3 { // one is rendered and two wait
		group.Go(func() { _, _ = pool.Render(ctx, request("sleep")) })
	}
	for full := false; !full; time.Sleep(time.Millisecond) {
		pool.mu.Lock()
		full = pool.inFlight == 1 && len(pool.queue) == 2
		pool.mu.Unlock()
	}
	_, err := pool.Render(t.Context(), request("fine"))
	if fault.CodeOf(err) != fault.Busy {
		t.Errorf("got %v", err)
	}
	cancel()
	group.Wait()
	mustRender(t, pool)
}

func TestWaitingTooLongIsBusy(t *testing.T) {
	config := testConfig()
	config.Concurrency = 1
	pool := startPool(t, config)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { _, _ = pool.Render(ctx, request("sleep")) })
	for taken := false; !taken; time.Sleep(time.Millisecond) {
		pool.mu.Lock()
		taken = pool.inFlight == 1
		pool.mu.Unlock()
	}
	brief, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	_, err := pool.Render(brief, request("fine"))
	if fault.CodeOf(err) != fault.Busy || brief.Err() != nil {
		t.Errorf("got %v, context %v", err, brief.Err())
	}
	cancel()
	group.Wait()
}

func TestManyRequestsAtOnce(t *testing.T) {
	config := testConfig()
	config.Concurrency, config.Queue = 4, 100
	pool := startPool(t, config)
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			app := "app" + strconv.Itoa(i)
			switch i % 10 {
			case 9:
				if _, err := pool.Render(t.Context(), request("panic elsewhere")); fault.CodeOf(err) != fault.RenderCrash {
					t.Errorf("panic: %v", err)
				}
			default:
				got, err := pool.Render(t.Context(), request(app))
				if err != nil || got.Objects[0].Name() != app {
					t.Errorf("%s: %v %v", app, got.Objects, err)
				}
			}
		})
	}
	group.Wait()
}

func TestCloseEndsWhatIsInFlight(t *testing.T) {
	pool := startPool(t, testConfig())
	failed := make(chan error)
	go func() {
		_, err := pool.Render(t.Context(), request("sleep"))
		failed <- err
	}()
	for taken := false; !taken; time.Sleep(time.Millisecond) {
		pool.mu.Lock()
		taken = pool.inFlight == 1
		pool.mu.Unlock()
	}
	go pool.Close()
	if err := <-failed; fault.CodeOf(err) != fault.Canceled {
		t.Errorf("in flight: %v", err)
	}
	pool.Close()
	if _, err := pool.Render(t.Context(), request("fine")); fault.CodeOf(err) != fault.Canceled {
		t.Errorf("afterwards: %v", err)
	}
}

func TestSparesAreReplaced(t *testing.T) {
	pool := startPool(t, testConfig())
	waitIdle(t, pool, 2)
	mustRender(t, pool)
	waitIdle(t, pool, 2)
	// A spare that dies while it waits is replaced as well.
	pool.mu.Lock()
	spare := pool.idle[0]
	pool.mu.Unlock()
	spare.kill()
	<-spare.exited
	mustRender(t, pool)
	waitIdle(t, pool, 2)
}

func waitIdle(t *testing.T, pool *Pool, want int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		pool.mu.Lock()
		idle := len(pool.idle)
		pool.mu.Unlock()
		if idle == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d spares, want %d", idle, want)
		}
	}
}
