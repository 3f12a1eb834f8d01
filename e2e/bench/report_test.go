package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestReportComparesMedians(t *testing.T) {
	second := time.Second
	r := report{
		tables: []table{{title: "Overlay", contenders: []*contender{
			// One slow run must not move the figure.
			{name: "native", took: []time.Duration{100 * time.Millisecond, 90 * second, 80 * time.Millisecond}},
			{name: "ours", took: []time.Duration{50 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond}},
		}}},
		idle:  memory{parent: 50 << 20, workers: []int64{30 << 20, 31 << 20}},
		after: memory{parent: 60 << 20},
	}
	text := r.markdown()
	for _, row := range []string{
		"| native | 100 ms | 80 ms | 90000 ms | 1.00 |",
		"| ours | 50 ms | 40 ms | 60 ms | 0.50 |",
		"| after the start | 50 MiB | 30 MiB, 31 MiB |",
	} {
		if !strings.Contains(text, row+"\n") {
			t.Errorf("the report lacks %q:\n%s", row, text)
		}
	}
}

func TestMemoryOfProcessAndChildren(t *testing.T) {
	child := exec.CommandContext(t.Context(), "sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	})
	own, err := resident(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	workers, err := children(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if own < 1<<20 || len(workers) != 1 || workers[0] < 1<<10 || workers[0] > own {
		t.Errorf("this process has %d bytes and children of %v", own, workers)
	}
}

func TestTooFewRunsAreRefused(t *testing.T) {
	if err := run(t.Context(), []string{"-n", "3"}, os.Stdout); err == nil || !strings.Contains(err.Error(), "-n 3") {
		t.Errorf("run -n 3 = %v, want a refusal", err)
	}
}
