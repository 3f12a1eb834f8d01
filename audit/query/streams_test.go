package query_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/query"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// lay writes files below a directory.
func lay(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTrailsAreFound(t *testing.T) {
	at := func(id string, n int) string {
		return written(t, audit.Event{ID: id, Type: audit.Start, Time: minute(n), Outcome: "OK"})
	}
	dir := t.TempDir()
	lay(t, dir, map[string]string{
		"one/trail-00000000000000000001.jsonl":               at("a", 1) + at("b", 4),
		"one/trail-00000000000000000003.jsonl":               at("c", 5) + at("set-back", 3) + at("d", 9),
		"one/cursor.json":                                    "no trail",
		"replicas/server-0/trail-00000000000000000001.jsonl": at("e", 2) + at("g", 7),
		"replicas/server-1/trail-00000000000000000001.jsonl": at("f", 6),
		"replicas/lost+found/notes.txt":                      "no trail",
	})
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, test := range []struct {
		name  string
		paths []string
		want  string
	}{
		{"a directory, in the order that was written", []string{in("one")}, "a b c set-back d"},
		{"replicas, by time", []string{in("replicas")}, "e f g"},
		{"two trails, by time", []string{in("one"), in("replicas")}, "a e b c set-back f g d"},
		{"the files of a trail in any order", []string{in("one/trail-00000000000000000003.jsonl"), in("one/trail-00000000000000000001.jsonl")}, "a b c set-back d"},
		{"one file", []string{in("replicas/server-1/trail-00000000000000000001.jsonl")}, "f"},
		{"standard input beside a directory", []string{"-", in("one")}, "a b c set-back in d"},
	} {
		if got := ids(t, query.Question{}, query.Options{}, at("in", 8), test.paths...); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
	streams, err := query.Open([]string{in("replicas"), in("one/trail-00000000000000000003.jsonl"), "-"}, nil)
	if err != nil || len(streams) != 4 || streams[1].Paths()[0] != in("replicas/server-1") || streams[2].Paths()[0] != in("one/trail-00000000000000000003.jsonl") || streams[3].Paths() != nil {
		t.Errorf("the trails lie in %v (%v)", streams, err)
	}
	for want, path := range map[string]string{"there is no file": in("none"), "there is no trail in": in("replicas/lost+found")} {
		if _, err := query.Open([]string{path}, nil); fault.CodeOf(err) != fault.Path || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

// endless gives the same line again and again, and notes how much memory is used.
type endless struct {
	line, rest []byte
	left       int
	reads      int
	highest    uint64
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		if e.left == 0 {
			return 0, io.EOF
		}
		e.left--
		e.rest = e.line
	}
	if e.reads++; e.reads%10 == 0 {
		var used runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&used)
		e.highest = max(e.highest, used.HeapAlloc)
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// Trails are larger than memory: what is held is some lines, whatever is asked.
func TestMemoryDoesNotGrowWithTheTrail(t *testing.T) {
	content, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	const megabytes = 64
	for name, options := range map[string]query.Options{
		"table": {Format: query.Table}, "json": {Format: query.JSON}, "csv": {Format: query.CSV}, "by": {Format: query.Table, By: "secret"},
		"reverse": {Format: query.Table, Reverse: true, Limit: 100},
	} {
		source := &endless{line: content, left: megabytes << 20 / len(content)}
		filter, err := query.Compile(query.Question{Decisions: []string{"deny"}}, now)
		if err != nil {
			t.Fatal(err)
		}
		streams, err := query.Open([]string{"-"}, source)
		if err != nil {
			t.Fatal(err)
		}
		stats, err := query.Answer(t.Context(), io.Discard, streams, filter, options)
		if err != nil || stats.Events < 40_000 {
			t.Fatalf("%s: %+v, %v", name, stats, err)
		}
		if source.highest == 0 || source.highest > 16<<20 {
			t.Errorf("%s holds %d MiB of a trail of %d MB", name, source.highest>>20, megabytes)
		}
	}
}

func TestTooMuchToHoldIsRefused(t *testing.T) {
	long := written(t, audit.Event{Type: audit.Config, Outcome: "OK", Message: strings.Repeat("x", 900<<10)})
	streams, err := query.Open([]string{"-"}, strings.NewReader(strings.Repeat(long, 80)))
	if err != nil {
		t.Fatal(err)
	}
	filter, err := query.Compile(query.Question{}, now)
	if err != nil {
		t.Fatal(err)
	}
	_, err = query.Answer(t.Context(), io.Discard, streams, filter, query.Options{Format: query.Table, Reverse: true})
	if fault.CodeOf(err) != fault.Limit || !strings.Contains(err.Error(), "--limit") {
		t.Errorf("got %v, want E_LIMIT", err)
	}
}

func TestReadingEndsWhenItIsCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	streams, err := query.Open([]string{"-"}, &endless{line: []byte(written(t, various()...)), left: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := query.Read(ctx, streams, func(*query.Record) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// broken fails in the middle of a file.
type broken struct{ io.Reader }

func (b broken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("the disk: %w", io.ErrClosedPipe)
	}
	return n, err
}

func TestAFileThatCannotBeReadIsAnError(t *testing.T) {
	streams, err := query.Open([]string{"-"}, broken{bytes.NewReader([]byte(written(t, various()...)))})
	if err != nil {
		t.Fatal(err)
	}
	stats, err := query.Read(t.Context(), streams, func(*query.Record) error { return nil })
	if fault.CodeOf(err) != fault.Audit || !strings.Contains(err.Error(), "standard input: the file cannot be read") {
		t.Errorf("got %v after %d events", err, stats.Events)
	}
}
