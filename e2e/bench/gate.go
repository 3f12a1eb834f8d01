package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// gating is what judging costs. Times are in milliseconds.
type gating struct {
	// gate and conftest judge 30 objects by the rules of the production level,
	// by turns.
	gate, conftest float64
	// few and many are the gate's mean for 30 and for 1000 objects.
	few, many float64
	// check is how many seconds the program takes for 100 overlays, and cores
	// how many processors it keeps busy.
	check, cores float64
}

// measureGate runs the benchmarks of the main module, whose packages link
// conftest's Engine.
func measureGate(ctx context.Context) (gating, error) {
	root, err := harness.Root()
	if err != nil {
		return gating{}, err
	}
	figures := map[string]float64{}
	for _, suite := range []struct{ packages, pattern, time string }{
		{"./policy", "^Benchmark(ProductionLevel|BesideConftest)$", "40x"},
		{"./cmd/argocd-seal", "^BenchmarkCheckHundredOverlays$", "3x"},
	} {
		cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", suite.pattern, "-benchtime", suite.time, suite.packages)
		cmd.Dir, cmd.Stderr = root, os.Stderr
		output, err := cmd.Output()
		if err != nil {
			return gating{}, fmt.Errorf("benchmarks of %s: %w\n%s", suite.packages, err, output)
		}
		if err := readFigures(string(output), figures); err != nil {
			return gating{}, err
		}
	}
	return gatingOf(figures)
}

// readFigures reads the lines of go test: a name with the number of processors,
// the number of runs, and pairs of a figure and its unit.
func readFigures(output string, figures map[string]float64) error {
	for line := range strings.Lines(output) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if dash := strings.LastIndexByte(name, '-'); dash > 0 {
			name = name[:dash]
		}
		for i := 2; i+1 < len(fields); i += 2 {
			figure, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return fmt.Errorf("%q is no line of a benchmark", line)
			}
			figures[name+" "+fields[i+1]] = figure
		}
	}
	return nil
}

func gatingOf(figures map[string]float64) (gating, error) {
	var missing []error
	get := func(name string) float64 {
		figure, ok := figures[name]
		if !ok {
			missing = append(missing, fmt.Errorf("the benchmarks gave no %s", name))
		}
		return figure
	}
	const million, billion = 1e6, 1e9
	result := gating{
		gate: get("BesideConftest gate-ms"), conftest: get("BesideConftest conftest-ms"),
		few: get("ProductionLevel/30 ns/op") / million, many: get("ProductionLevel/1000 ns/op") / million,
		check: get("CheckHundredOverlays ns/op") / billion, cores: get("CheckHundredOverlays cores"),
	}
	return result, errors.Join(missing...)
}

func (g gating) markdown(b *strings.Builder) {
	fmt.Fprintf(b, `
## Judging

The built-in level production-security and its schema check, over rendered objects that pass: policies are compiled and
warm. conftest's Engine judges the same objects by the same Rego rules, in one process and by turns; the figures of the
first two rows are medians of 40, the others means.

| what | objects | time | for each object |
| --- | ---: | ---: | ---: |
| the gate, beside conftest | 30 | %.1f ms | %.2f ms |
| conftest's Engine, the same rules | 30 | %.1f ms | %.2f ms |
| the gate alone | 30 | %.1f ms | %.2f ms |
| the gate alone | 1000 | %.1f ms | %.2f ms |

The gate is %.1f times as fast as conftest's Engine. `+"`argocd-seal check`"+` of a repository with 100 overlays, the program's start
included, takes %.1f s and keeps %.2f processors busy.
`, g.gate, g.gate/30, g.conftest, g.conftest/30, g.few, g.few/30, g.many, g.many/1000, g.conftest/g.gate, g.check, g.cores)
}
