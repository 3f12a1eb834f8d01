package worker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// hold has a tenant ask for renders that do not end, and waits until it has as many
// workers as it gets.
func hold(t *testing.T, pool *Pool, tenant string, requests, workers int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range requests {
		group.Go(func() {
			req := request("sleep")
			req.Tenant = tenant
			_, _ = pool.Render(ctx, req)
		})
	}
	t.Cleanup(func() {
		cancel()
		group.Wait()
	})
	for held := 0; held < workers || held < requests && pool.Stats().Queued < requests-workers; time.Sleep(time.Millisecond) {
		pool.mu.Lock()
		held = pool.busy[tenant]
		pool.mu.Unlock()
	}
}

func TestI10ATenantThatHoldsAllWorkersKeepsNobodyWaiting(t *testing.T) {
	pool := startPool(t, testConfig())
	hold(t, pool, "hostile", 4, 2)
	for i := range 5 {
		req := request(fmt.Sprintf("fine-%d", i))
		req.Tenant = "calm"
		if _, err := pool.Render(t.Context(), req); err != nil {
			t.Fatalf("another tenant's request %d: %v", i, err)
		}
	}
	if got := pool.Stats(); got.Busy != 2 || got.Queued != 2 {
		t.Errorf("%d render and %d wait", got.Busy, got.Queued)
	}
}

func TestI10ATenantHasHalfOfTheLine(t *testing.T) {
	config := testConfig()
	config.Queue = 8
	pool := startPool(t, config)
	hold(t, pool, "hostile", 6, 2)
	req := request("fine")
	req.Tenant = "hostile"
	if _, err := pool.Render(t.Context(), req); fault.CodeOf(err) != fault.Busy {
		t.Errorf("the fifth in line gets %v", err)
	}
	req.Tenant = "calm"
	if _, err := pool.Render(t.Context(), req); err != nil {
		t.Errorf("another tenant gets %v", err)
	}
}

// Who finds no line at all may still have the place in reserve.
func TestI10WithoutALineThereIsAPlaceInReserve(t *testing.T) {
	config := testConfig()
	config.Queue = 0
	pool := startPool(t, config)
	hold(t, pool, "hostile", 2, 2)
	for tenant, want := range map[string]fault.Code{"hostile": fault.Busy, "calm": "", "other": ""} {
		req := request("fine")
		req.Tenant = tenant
		if _, err := pool.Render(t.Context(), req); fault.CodeOf(err) != want {
			t.Errorf("%s: %v", tenant, err)
		}
	}
}

func TestNextIsWhoHasLeast(t *testing.T) {
	for _, test := range []struct {
		name     string
		inFlight int
		busy     map[string]int
		queue    []string
		want     int
	}{
		{"nobody waits", 1, map[string]int{"a": 1}, nil, -1},
		{"the oldest", 1, map[string]int{"a": 1}, []string{"a", "a"}, 0},
		{"who has none", 1, map[string]int{"a": 1}, []string{"a", "b", "b"}, 1},
		{"the one in reserve", 2, map[string]int{"a": 2}, []string{"a", "b"}, 1},
		{"not for who has some", 2, map[string]int{"a": 1, "b": 1}, []string{"a", "b"}, -1},
		{"it is one", 3, map[string]int{"a": 2, "b": 1}, []string{"a", "b", "c"}, -1},
		{"nobody's request has no share", 2, map[string]int{"a": 2}, []string{"a", ""}, -1},
	} {
		pool := &Pool{config: Config{Concurrency: 2}, inFlight: test.inFlight, busy: test.busy}
		for _, tenant := range test.queue {
			pool.queue = append(pool.queue, &ticket{tenant: tenant})
		}
		if got := pool.next(); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

// A render that goes on and on leaves the CPUs to others, all of its threads.
func TestI10ASlowRenderGivesWay(t *testing.T) {
	pool := startPool(t, testConfig())
	waitIdle(t, pool, 2)
	spares := children(t)
	hold(t, pool, "hostile", 1, 1)
	lowered := func() (threads, low int) {
		for _, pid := range spares {
			tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
			for _, task := range tasks {
				stat, _ := os.ReadFile(task) // a thread may have ended
				_, rest, _ := strings.Cut(string(stat), ") ")
				if fields := strings.Fields(rest); len(fields) > 16 && fields[16] == "19" {
					low++
				}
				threads++
			}
		}
		return threads, low
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		threads, low := lowered()
		if low > 1 && low < threads {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d threads of two workers give way", low, threads)
		}
	}
	mustRender(t, pool)
}
