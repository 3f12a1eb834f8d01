package show_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/show"
)

func plan() *migrate.Plan {
	return &migrate.Plan{
		Changes:  []migrate.Change{{File: "a.yaml", Before: []byte("a: <path:kv/data/x#y>\n# \x1b]0;title\x07 ümlaut\n"), After: []byte("a: <vault:kv/x#y>\n# \x1b]0;title\x07 ümlaut\n")}},
		Moves:    []migrate.Move{{File: "a.yaml", Line: 1, From: "<path:kv/data/x#y>", To: "<vault:kv/x#y>"}},
		Findings: []migrate.Finding{{File: "b.yaml", Line: 3, Code: "position", What: "<path:kv/data/x#z>", Reason: "a reason that is long enough to be broken", Fix: "do this"}, {File: "c.yaml", Code: "yaml", What: "c.yaml", Reason: "no"}},
		Notes:    []string{"a note"},
		Plugin:   []byte("kind: x\n"),
	}
}

func TestTextIsForPeople(t *testing.T) {
	var b bytes.Buffer
	if err := show.Text(&b, plan(), show.Options{Width: 40, PluginFile: "out/plugin.yaml"}); err != nil {
		t.Fatal(err)
	}
	want := `--- a/a.yaml
+++ b/a.yaml
@@ -1,2 +1,2 @@
-a: <path:kv/data/x#y>
+a: <vault:kv/x#y>
 # ]0;title ümlaut

--- /dev/null
+++ out/plugin.yaml
@@ -0,0 +1,1 @@
+kind: x

Not moved:
  b.yaml:3  position  <path:kv/data/x#z>
      a reason that is long enough to be
      broken
      fix: do this
  c.yaml  yaml  c.yaml
      no

note: a note

1 place to move, in 1 file; 2 not moved. Nothing is written without --write.
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestColorAndWritten(t *testing.T) {
	var b bytes.Buffer
	if err := show.Text(&b, plan(), show.Options{Color: true, Written: true}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\x1b[31m-a: <path", "\x1b[32m+a: <vault", "\x1b[36m@@", "\x1b[33mposition\x1b[0m", "1 place moved"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing", want)
		}
	}
	if strings.Contains(b.String(), "\x1b]0") || strings.Contains(b.String(), "--write") || strings.Contains(b.String(), "kind: x") {
		t.Errorf("a file drives the terminal, or what is done is still asked for, or a file is shown that is not written:\n%q", b.String())
	}
}

func TestNothingToDo(t *testing.T) {
	var b bytes.Buffer
	if err := show.Text(&b, &migrate.Plan{}, show.Options{}); err != nil || b.String() != "Nothing to migrate.\n" {
		t.Errorf("%q %v", b.String(), err)
	}
}

// TestJSONHasAllLists: programs find each list, also where it is empty.
func TestJSONHasAllLists(t *testing.T) {
	for name, one := range map[string]*migrate.Plan{"full": plan(), "empty": {}} {
		var b bytes.Buffer
		if err := show.JSON(&b, one, show.Options{}); err != nil {
			t.Fatal(err)
		}
		var fields map[string]any
		if err := json.Unmarshal(b.Bytes(), &fields); err != nil {
			t.Fatal(err)
		}
		for _, list := range []string{"changes", "moved", "notMoved", "notes"} {
			if _, ok := fields[list].([]any); !ok {
				t.Errorf("%s: %s is %v", name, list, fields[list])
			}
		}
		if name == "full" {
			finding := fields["notMoved"].([]any)[0].(map[string]any)
			if got := slices.Sorted(maps.Keys(finding)); !slices.Equal(got, []string{"code", "file", "fix", "line", "reason", "what"}) {
				t.Errorf("a finding has %v", got)
			}
		}
	}
}

// TestNothingDrivesTheTerminal: a repository's text is one printable line in what
// is shown, and in JSON it is the text that it was.
func TestNothingDrivesTheTerminal(t *testing.T) {
	const hostile = "a\nNot moved:\n\x1b]0;title\x07\x7f\u009b2J"
	one := &migrate.Plan{
		Changes:  []migrate.Change{{File: "a.yaml", Before: []byte("a\n"), After: []byte("a\u009b2J\x7f\n")}},
		Findings: []migrate.Finding{{File: hostile, Line: 1, Code: "setting", What: hostile, Reason: hostile, Fix: hostile}},
		Notes:    []string{hostile},
	}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"text": func(b *bytes.Buffer) error { return show.Text(b, one, show.Options{}) },
		"JSON": func(b *bytes.Buffer) error { return show.JSON(b, one, show.Options{}) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(b.String(), func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
			t.Errorf("%s: a control character in %q", name, b.String())
		}
		if count := strings.Count("\n"+b.String(), "\nNot moved:\n"); name == "text" && count != 1 {
			t.Errorf("%d lines that say what is not moved:\n%s", count, b.String())
		}
		if name == "JSON" {
			var back struct{ Changes []struct{ Diff string } }
			if err := json.Unmarshal(b.Bytes(), &back); err != nil || !strings.Contains(back.Changes[0].Diff, "+a\u009b2J\x7f\n") {
				t.Errorf("the diff has become %q (%v)", back.Changes, err)
			}
		}
	}
}
