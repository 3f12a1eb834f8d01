package query_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/audit/query"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

const whole = `{"seq":1,"version":1,"time":"2026-11-26T10:00:00Z","type":"start","outcome":"OK"}`

// long is an event of so many bytes.
func long(size int) string {
	const before, after = `{"version":1,"time":"2026-11-26T10:00:00Z","type":"config","outcome":"OK","id":"long","message":"`, `"}`
	return before + strings.Repeat("x", size-len(before)-len(after)) + after
}

// A line that is no event is passed over, located, and told; those around it
// answer.
func TestBrokenLinesAreLocated(t *testing.T) {
	for name, test := range map[string]struct{ line, want string }{
		"not JSON":             {"not an event", "is no event"},
		"half of one":          {whole[:40], "is no event"},
		"two in one":           {whole + whole, "is no event"},
		"empty":                {"", "the line is empty"},
		"white space":          {" \t\r", "the line is empty"},
		"zeros":                {strings.Repeat("\x00", 4096), "is no event"},
		"a list":               {"[" + whole + "]", "is no event"},
		"null":                 {"null", "is no event"},
		"no time":              {`{"version":1,"type":"start"}`, "has no version, type or time"},
		"no type":              {`{"version":1,"time":"2026-11-26T10:00:00Z"}`, "has no version, type or time"},
		"a time of its own":    {strings.Replace(whole, "2026-11-26T10", "26.11.2026 10", 1), "is no event"},
		"a number for a text":  {strings.Replace(whole, `"OK"`, `1`, 1), "is no event"},
		"a text for a list":    {strings.Replace(whole, `"OK"`, `"OK","codes":"E_X"`, 1), "is no event"},
		"a text for an object": {strings.Replace(whole, `"OK"`, `"OK","verdict":"deny"`, 1), "is no event"},
		"a number below 0":     {strings.Replace(whole, `"OK"`, `"OK","objects":-1`, 1), "is no event"},
		"a control character":  {strings.Replace(whole, "OK", "O\x1bK", 1), "is no event"},
		"one behind an escape": {strings.Replace(whole, "OK", `O\u0041`+"\x00K", 1), "is no event"},
		"deep":                 {strings.Replace(whole, `"OK"`, `"OK","deep":`+strings.Repeat("[", 100_000), 1), "is no event"},
		"version 2":            {strings.Replace(whole, `"version":1`, `"version":2`, 1), "has version 2, and this program knows version 1; fix: use a newer argocd-seal"},
		"longer than a line":   {long(chain.MaxLine + 1), "longer than 1048576 bytes"},
		"much longer":          {long(3 * chain.MaxLine), "longer than 1048576 bytes"},
	} {
		dir := t.TempDir()
		lay(t, dir, map[string]string{"trail-00000000000000000001.jsonl": whole + "\n" + test.line + "\n" + whole + "\n"})
		out, stats := ask(t, query.Question{}, query.Options{Format: query.JSON}, "", dir)
		if want := whole + "\n" + whole + "\n"; out != want || stats.Events != 2 || stats.Bad != 1 || len(stats.Unfinished) > 0 {
			t.Errorf("%s: %d events and %d bad lines: %.200s", name, stats.Events, stats.Bad, out)
			continue
		}
		said := stats.Faults[0].Error()
		place := filepath.ToSlash(filepath.Join(dir, "trail-00000000000000000001.jsonl")) + ":2: "
		if !strings.Contains(said, place) || !strings.Contains(said, test.want) || len(said) > fault.MaxText || strings.Contains(said, "x1b") {
			t.Errorf("%s: %s", name, said)
		}
	}
}

func TestLinesThatAreUnusualAreRead(t *testing.T) {
	for name, line := range map[string]string{
		"as long as one may be": long(chain.MaxLine),
		"unknown fields":        strings.Replace(whole, `"OK"`, `"OK","new":{"id":[1,{"a":null}]},"newer":1e400`, 1),
		"null for nothing":      strings.Replace(whole, `"OK"`, `"OK","codes":null,"verdict":null,"app":null,"objects":null`, 1),
		"another spelling":      " " + strings.Replace(whole, `"type":"start"`, `"ty\u0070e" : "st\u0061rt"`, 1) + "\r",
		"another order":         `{"outcome":"OK","type":"start","time":"2026-11-26T12:00:00.5+02:00","version":1}`,
		"an unknown type":       strings.Replace(whole, `start`, `party`, 1),
	} {
		if _, stats := ask(t, query.Question{On: "2026-11-26"}, query.Options{}, line+"\n"); stats.Events != 1 || stats.Bad > 0 || len(stats.Unfinished) > 0 {
			t.Errorf("%s: %+v", name, stats)
		}
	}
}

// The writer may be at its work, or have been killed at it.
func TestATornLastLineIsNoFault(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, map[string]string{
		"trail-00000000000000000001.jsonl": whole + "\n" + whole[:50],
		"trail-00000000000000000002.jsonl": whole,
	})
	out, stats := ask(t, query.Question{}, query.Options{Format: query.JSON}, "", dir)
	if stats.Events != 2 || stats.Bad > 0 || out != whole+"\n"+whole+"\n" {
		t.Errorf("%+v: %s", stats, out)
	}
	if len(stats.Unfinished) != 1 || !strings.HasSuffix(stats.Unfinished[0], "0001.jsonl") {
		t.Errorf("unfinished are %v", stats.Unfinished)
	}
}

func TestFaultsAreBounded(t *testing.T) {
	_, stats := ask(t, query.Question{}, query.Options{}, strings.Repeat("{}\n", 10_000))
	if stats.Bad != 10_000 || len(stats.Faults) != 50 {
		t.Errorf("%d bad lines and %d faults", stats.Bad, len(stats.Faults))
	}
}

// The reader by hand reads what encoding/json does.
func TestEventsAreReadWhole(t *testing.T) {
	content, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	trail := string(content) + written(t, various()...)
	var want []audit.Record
	for line := range strings.Lines(trail) {
		var one audit.Record
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		one.Prev, one.Inputs, one.Milliseconds, one.Checkpoint = "", nil, nil, nil
		want = append(want, one)
	}
	var got []audit.Record
	for _, one := range read(t, trail) {
		got = append(got, audit.Record{Seq: one.Seq, Event: one.Event})
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) < 400 {
		t.Errorf("%d events (-encoding/json +query):\n%.4000s", len(got), diff)
	}
}

// read returns the events of a text, and fails where there is anything else.
func read(t testing.TB, trail string) []query.Record {
	t.Helper()
	streams, err := query.Open([]string{"-"}, strings.NewReader(trail))
	if err != nil {
		t.Fatal(err)
	}
	var all []query.Record
	stats, err := query.Read(t.Context(), streams, func(r *query.Record) error {
		one := *r
		one.Line = slices.Clone(r.Line)
		all = append(all, one)
		return nil
	})
	if err != nil || stats.Bad > 0 || len(stats.Unfinished) > 0 {
		t.Fatalf("%v: %+v", err, stats)
	}
	return all
}
