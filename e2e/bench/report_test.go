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

func TestFiguresOfBenchmarks(t *testing.T) {
	figures := map[string]float64{}
	err := readFigures("goos: linux\n"+
		"BenchmarkProductionLevel/30-2 \t 490\t 7000000 ns/op\n"+
		"BenchmarkProductionLevel/1000-2 \t 9\t 210000000 ns/op\n"+
		"BenchmarkBesideConftest-2 \t 40\t 99 ns/op\t 200.0 conftest-ms\t 8.0 gate-ms\nPASS\n", figures)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gatingOf(figures); err == nil || !strings.Contains(err.Error(), "CheckHundredOverlays") {
		t.Errorf("a missing benchmark is not told: %v", err)
	}
	figures["CheckHundredOverlays ns/op"], figures["CheckHundredOverlays cores"] = 16e9, 1.9
	result, err := gatingOf(figures)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	result.markdown(&text)
	for _, want := range []string{"| 30 | 7.0 ms | 0.23 ms |", "| 1000 | 210.0 ms | 0.21 ms |", "25.0 times as fast", "takes 16.0 s and keeps 1.90"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, &text)
		}
	}
}

func TestTooFewRunsAreRefused(t *testing.T) {
	if err := run(t.Context(), []string{"-n", "3"}, os.Stdout); err == nil || !strings.Contains(err.Error(), "-n 3") {
		t.Errorf("run -n 3 = %v, want a refusal", err)
	}
}
