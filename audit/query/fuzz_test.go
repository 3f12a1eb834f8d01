package query_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/audit/query"
	"github.com/argocd-seal/argocd-seal-plugin/internal/corpus"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// recorded are lines of the example's trail and of the sample, and those that
// the writer makes of events with every field.
func recorded(f *testing.F) []string {
	trails := corpus.Files(f, "examples/audit/*.jsonl")
	seeds := strings.Split(strings.TrimSpace(trails[0]), "\n")
	for i, line := range strings.Split(strings.TrimSpace(corpus.Files(f, "audit/testdata/sample.jsonl")[0]), "\n") {
		if i%20 == 0 {
			seeds = append(seeds, line)
		}
	}
	return append(seeds, strings.Split(strings.TrimSpace(written(f, various()...)), "\n")...)
}

// hostile are lines that were damaged, or made to be read in two ways.
func hostile() []string {
	seeds := []string{
		whole, long(300), "", "{}", "null", whole[:40], strings.Repeat("[", 400), "[" + whole + "]", whole + whole, "\ufeff" + whole, "\x00", whole + "\x00", " " + whole + "\r",
		`{"version":1,"time":"0000-01-01T00:00:00Z","type":"start","outcome":"OK"}`, // before the zero time
		`{"version":1,"version":1,"time":"2026-11-26T10:00:00Z","type":"start","outcome":"\ud800","subject":"\u001b\u202e"}`,
	}
	for _, part := range []string{
		`"outcome":"E_X","outcome":"OK"`, `"Outcome":"E_X"`, `"outcome":"OK","app":"=cmd|' /C calc'!A0"`, `"outcome":"OK","app":"a\n{\"level\":\"info\"}"`, `"outcome":"OK","author":"\u001b[31m\u202e\u0000"`,
		`"outcome":"OK","seq":18446744073709551615`, `"outcome":"OK","seq":-1`, `"outcome":"OK","seq":1e3`, `"outcome":"OK","objects":9223372036854775808`, `"outcome":"OK","codes":["E_A",null]`,
		`"outcome":"OK","verdict":{"result":"deny","rules":[{"rule":"<script>"}]}`, `"outcome":"OK","path":"` + strings.Repeat("../", 400) + `"`, `"outcome":"OK","app":"` + strings.Repeat("x", 40_000) + `"`,
		`"outcome":"OK","deep":` + strings.Repeat(`{"a":`, 400) + "1" + strings.Repeat("}", 400), `"outcome":"OK","\u0061pp":"escaped"`, "\"outcome\":\"\xff\"", `"outcome":"OK","time":"9999-12-31T23:59:59.999999999Z"`,
	} {
		seeds = append(seeds, strings.Replace(whole, `"outcome":"OK"`, part, 1))
	}
	return seeds
}

// FuzzDecode wants of every line that it is an event or told as none, and of an
// event that no form of output breaks it.
func FuzzDecode(f *testing.F) {
	corpus.Add(f, append(hostile(), recorded(f)...)...)
	f.Fuzz(func(t *testing.T, line string) {
		if strings.Contains(line, "\n") {
			return
		}
		out, stats := ask(t, query.Question{}, query.Options{Format: query.JSON}, line+"\n")
		if stats.Events+stats.Bad != 1 || len(stats.Unfinished) > 0 || len(stats.Faults) != stats.Bad {
			t.Fatalf("%+v", stats)
		}
		if stats.Bad == 1 {
			checkFault(t, stats.Faults[0], line)
			return
		}
		before, after := read(t, line+"\n")[0], read(t, out)[0]
		if e := before.Event; !json.Valid([]byte(line)) || e.Version != 1 || e.Type == "" || e.Time.IsZero() {
			t.Fatalf("this became an event: %+v", e)
		}
		if diff := cmp.Diff(before.Event, after.Event); diff != "" && utf8.ValidString(line) {
			t.Errorf("the event changed on its way (-before +after):\n%s", diff)
		}
		for format, lines := range map[query.Format]int{query.JSON: 1, query.CSV: 2, query.Table: 4} {
			out, _ := ask(t, query.Question{}, query.Options{Format: format}, line+"\n")
			if strings.Count(out, "\n") != lines {
				t.Errorf("%s has not %d lines: %q", format, lines, out)
			}
			if at := strings.IndexFunc(strings.NewReplacer("\r\n", "", "\n", "").Replace(out), func(r rune) bool { return !unicode.IsPrint(r) }); at >= 0 {
				t.Errorf("%s has what cannot be printed: %q", format, out)
			}
		}
	})
}

// checkFault wants a line that is none to be located and not to be shown: the
// place that it is reported at may be a terminal.
func checkFault(t *testing.T, one *fault.Error, line string) {
	t.Helper()
	said := one.Error()
	if one.Code != fault.Audit || one.Line != 1 || len(said) > fault.MaxText || strings.ContainsFunc(said, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("the fault %q", said)
	}
	const enough = 16
	for i := 0; i+enough <= len(line); i++ {
		if strings.Contains(said, line[i:i+enough]) {
			t.Errorf("the fault shows %q of the line: %s", line[i:i+enough], said)
		}
	}
}
