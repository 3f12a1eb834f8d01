package query_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/query"
)

const sample = "../testdata/sample.jsonl"

// now is a Friday, the day after the sample ends.
var now = time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)

// written returns events as the lines of a trail.
func written(t testing.TB, events ...audit.Event) string {
	t.Helper()
	var b strings.Builder
	for i, event := range events {
		line, err := json.Marshal(audit.Record{Seq: uint64(i + 1), Prev: strings.Repeat("0", 64), Event: event.Complete(now, "repo-server-0")})
		if err != nil {
			t.Fatal(err)
		}
		b.Write(line)
		b.WriteByte('\n')
	}
	return b.String()
}

// ask answers a question of what is in paths, or of a trail on standard input.
func ask(t testing.TB, q query.Question, options query.Options, stdin string, paths ...string) (string, query.Stats) {
	t.Helper()
	filter, err := query.Compile(q, now)
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		paths = []string{"-"}
	}
	streams, err := query.Open(paths, strings.NewReader(stdin))
	if err != nil {
		t.Fatal(err)
	}
	if options.Format == "" {
		options.Format = query.Table
	}
	var b strings.Builder
	stats, err := query.Answer(t.Context(), &b, streams, filter, options)
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), stats
}

// ids returns the ids of the events that answer, in the order of the answer.
func ids(t testing.TB, q query.Question, options query.Options, stdin string, paths ...string) string {
	t.Helper()
	options.Format = query.JSON
	out, _ := ask(t, q, options, stdin, paths...)
	var found []string
	for line := range strings.Lines(out) {
		var event audit.Event
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		found = append(found, event.ID)
	}
	return strings.Join(found, " ")
}
