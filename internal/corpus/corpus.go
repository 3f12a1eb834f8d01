// Package corpus is where the fuzz targets get what they begin with: files of
// this repository, and inputs that were made to do harm. Only tests use it.
package corpus

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Least is how many different seeds a target must have.
const Least = 20

// Target is what Add needs of a [testing.F].
type Target interface {
	Helper()
	Add(seed ...any)
	Fatalf(format string, args ...any)
}

// Add gives a target its seeds. The test fails where fewer than [Least] differ:
// a pattern that finds nothing any more must not go unnoticed.
func Add[Seed string | []byte](f Target, seeds ...Seed) {
	f.Helper()
	different := map[string]bool{}
	for _, seed := range seeds {
		if !different[string(seed)] {
			different[string(seed)] = true
			f.Add(seed)
		}
	}
	if len(different) < Least {
		f.Fatalf("the target has %d different seeds, and needs %d", len(different), Least)
	}
}

// Files returns the contents of the repository's files that match one of the
// patterns, in the order of their names. In a pattern, which begins at the root
// of the repository, ** stands for any number of folders. The test fails where a
// pattern matches no file.
func Files(tb testing.TB, patterns ...string) []string {
	tb.Helper()
	var contents []string
	for _, pattern := range patterns {
		names := find(tb, pattern)
		if len(names) == 0 {
			tb.Fatalf("no file of the repository matches %s", pattern)
		}
		for _, name := range names {
			content, err := os.ReadFile(name)
			if err != nil {
				tb.Fatal(err)
			}
			contents = append(contents, string(content))
		}
	}
	return contents
}

// Blocks returns the blocks of code in the repository's guides that hold a text.
func Blocks(tb testing.TB, guides, holding string) []string {
	tb.Helper()
	var blocks []string
	for _, guide := range Files(tb, guides) {
		for i, block := range strings.Split(guide, "\n```") {
			if _, code, _ := strings.Cut(block, "\n"); i%2 == 1 && strings.Contains(code, holding) {
				blocks = append(blocks, code+"\n")
			}
		}
	}
	if len(blocks) == 0 {
		tb.Fatalf("no block of code in %s holds %q", guides, holding)
	}
	return blocks
}

func find(tb testing.TB, pattern string) []string {
	tb.Helper()
	folder, rest, deep := strings.Cut(pattern, "**/")
	folder = filepath.Join(Root(tb), folder)
	if !deep {
		names, err := filepath.Glob(folder)
		if err != nil {
			tb.Fatal(err)
		}
		return names
	}
	var names []string
	err := filepath.WalkDir(folder, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		matches, err := filepath.Match(rest, entry.Name())
		if matches {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// Root returns the folder of the repository.
func Root(tb testing.TB) string {
	tb.Helper()
	// The compiler may have been told to leave its own folders out of names, but
	// a test always runs in the folder of its package.
	folder, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "plugin.yaml")); err == nil {
			if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
				return folder
			}
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			tb.Fatal("the test does not run in the repository")
		}
		folder = parent
	}
}
