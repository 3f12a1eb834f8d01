// Command fuzz runs the repository's fuzz targets one after the other, each for
// the same time, and prints a line for each: target, minutes, executions and
// crashers. It ends with status 1 where a target fails. What broke a target is
// then in the package's testdata/fuzz, where it is a test from then on.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

func main() {
	duration := flag.Duration("time", 10*time.Minute, "how long each target runs")
	only := flag.String("only", "", "a regular expression for the targets, such as plugin/config")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *duration, *only); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, duration time.Duration, only string) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	targets, err := find(".")
	if err != nil {
		return err
	}
	const row = "%-44s %8s %12s %9s\n"
	fmt.Printf(row, "target", "minutes", "executions", "crashers")
	var failed []string
	for _, one := range targets {
		if !wanted.MatchString(one.String()) {
			continue
		}
		output, err := one.run(ctx, duration)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		seen := read(output)
		fmt.Printf(row, one, fmt.Sprintf("%.1f", seen.elapsed.Minutes()), fmt.Sprint(seen.executions), fmt.Sprint(seen.crashers))
		if err != nil {
			failed = append(failed, one.String())
			fmt.Fprintf(os.Stderr, "%s\n", output)
		}
	}
	if len(failed) > 0 {
		return errors.New("these fail: " + strings.Join(failed, ", "))
	}
	return nil
}

// target is one fuzz target of a package.
type target struct{ folder, name string }

func (t target) String() string { return filepath.ToSlash(t.folder) + " " + t.name }

var declared = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(f \*testing\.F\)`)

// find returns the targets below a folder by package. Modules of their own and
// hidden folders are left out.
func find(root string) ([]target, error) {
	var targets []target
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			_, foreign := os.Stat(filepath.Join(name, "go.mod"))
			if name != root && (foreign == nil || strings.HasPrefix(entry.Name(), ".")) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, match := range declared.FindAllStringSubmatch(string(source), -1) {
			targets = append(targets, target{filepath.Dir(name), match[1]})
		}
		return nil
	})
	return targets, err
}

func (t target) run(ctx context.Context, duration time.Duration) (string, error) {
	// A new input is made smaller in few tries: by default that takes most of the
	// time, and counts as no execution.
	command := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-fuzz", "^"+t.name+"$", "-fuzztime", duration.String(),
		"-fuzzminimizetime", "100x", "-timeout", "0", "./"+filepath.ToSlash(t.folder))
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	output, err := command.CombinedOutput()
	return string(output), err
}

// summary is what a run printed.
type summary struct {
	elapsed    time.Duration
	executions string
	crashers   int
}

var (
	progress = regexp.MustCompile(`(?m)^fuzz: elapsed: (\S+), execs: (\d+)`)
	crasher  = regexp.MustCompile(`(?m)^\s*Failing input written to `)
)

// read finds the last progress in the output of a run, and its crashers.
func read(output string) summary {
	seen := summary{executions: "0", crashers: len(crasher.FindAllString(output, -1))}
	if lines := progress.FindAllStringSubmatch(output, -1); len(lines) > 0 {
		last := lines[len(lines)-1]
		seen.executions = last[2]
		seen.elapsed, _ = time.ParseDuration(last[1]) // as the go command prints it
	}
	return seen
}
