package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// spoiledLine is one in the middle of a file.
const spoiledLine = 700

// spoilers change the lines of a file. line is the one that is named, 0 the first
// of the next file.
var spoilers = map[string]struct {
	spoil  func(lines []string) []string
	reason string
	line   int
}{
	"edited": {func(lines []string) []string {
		lines[spoiledLine-1] = strings.Replace(lines[spoiledLine-1], `"project":"team-a"`, `"project":"team-b"`, 1)
		return lines
	}, "edited", spoiledLine},
	"removed": {func(lines []string) []string { return slices.Delete(lines, spoiledLine-1, spoiledLine) }, "removed", spoiledLine},
	"reordered": {func(lines []string) []string {
		lines[spoiledLine-1], lines[spoiledLine] = lines[spoiledLine], lines[spoiledLine-1]
		return lines
	}, "reordered", spoiledLine},
	"twice":               {func(lines []string) []string { return slices.Insert(lines, spoiledLine, lines[spoiledLine-1]) }, "duplicated", spoiledLine + 1},
	"the end of the file": {func(lines []string) []string { return lines[:len(lines)-3] }, "removed", 0},
}

// TestSpoiledTrailIsNamed writes a trail of several files with kills in between,
// and spoils copies of it: the command names file and line.
func TestSpoiledTrailIsNamed(t *testing.T) {
	place := newAudited(t)
	plugin := place.plugin("segmentSize: 2Mi", "checkpoint: {events: 100}")
	const kills, events = 2, 4000
	for i := range kills {
		sidecar := place.serve(plugin)
		flood(t, sidecar, fmt.Sprintf("part-%d", i), events)
		killed(t, sidecar)
		halfALine(t, place)
	}
	sidecar := place.serve(plugin)
	flood(t, sidecar, "last", events)
	if code, err := sidecar.Exit(); code != 0 || err != nil {
		t.Errorf("exit status %d, %v", code, err)
	}
	files := place.files()
	if len(files) < 3 {
		t.Fatalf("the trail has %d files, want 3 or more", len(files))
	}
	report := place.verify()
	if all := fmt.Sprintf("lines 1 to %d", len(place.lines())); strings.Count(report, all) != 2 {
		t.Errorf("not all lines are chained and signed:\n%s", report)
	}
	t.Logf("%d files after %d kills\n%s", len(files), kills, report)

	// Of the second file, with files before and after it.
	middle := filepath.Base(files[1])
	for name, tc := range spoilers {
		t.Run(name, func(t *testing.T) {
			copied := t.TempDir()
			must(t, os.CopyFS(copied, os.DirFS(place.trail)))
			path := filepath.Join(copied, middle)
			spoiled := tc.spoil(linesOf(t, path))
			must(t, os.WriteFile(path, []byte(strings.Join(spoiled, "\n")+"\n"), 0o600))
			code, stdout, stderr := command(t, "audit", "verify", copied, "--key", place.public)
			where := fmt.Sprintf("%s:%d,", path, tc.line)
			if tc.line == 0 {
				where = fmt.Sprintf("%s:%d,", filepath.Join(copied, filepath.Base(files[2])), 1)
			}
			if code != 1 || !strings.Contains(stdout, "BAD: "+tc.reason+"\n") || !strings.Contains(stdout, where) {
				t.Errorf("exit status %d, want 1, %s and %s\n%s%s", code, tc.reason, where, stdout, stderr)
			}
		})
	}
}
