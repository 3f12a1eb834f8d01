package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/argocd-seal/argocd-seal-plugin/internal/compare"
	"github.com/argocd-seal/argocd-seal-plugin/internal/compare/report"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

func objects(t *testing.T, text string) []object.Object {
	t.Helper()
	read, err := object.Decode("app.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// made is a report of one application.
func made(t *testing.T, before, after string, verdicts ...verdict.Outcome) report.Report {
	t.Helper()
	application := compare.Compare(
		compare.Side{Path: "apps/web", Rendered: compare.Rendered{Objects: objects(t, before)}},
		compare.Side{Path: "apps/web", Environment: "production", Rendered: compare.Rendered{Objects: objects(t, after)}, Verdict: verdict.Verdict{Outcomes: verdicts}},
		compare.Options{})
	return report.Report{
		Before: report.End{Name: "main", Commit: strings.Repeat("a", 40)}, After: report.End{Name: "."},
		Applications: []compare.Application{application}, Unchanged: 3,
	}
}

func written(t *testing.T, r report.Report, format report.Format, options report.Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, format, r, options); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const (
	before = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata:\n  app.conf: |\n    one\n    two\n    three\n  level: info\n"
	after  = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata:\n  app.conf: |\n    one\n    2\n    three\n  level: debug\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: new}\nspec: {containers: [{name: app, image: 'a:1'}]}\n"
)

var denied = verdict.Outcome{Rule: "pod-privileged", Decision: verdict.Deny, Object: "Pod new", Message: "it is privileged", Code: fault.Policy}

func TestText(t *testing.T) {
	const want = `main (aaaaaaaaaa) → .

apps/web (production)
  ~ ConfigMap web  app.yaml:1
      data[app.conf]:
          one
        - two
        + 2
          three
      data.level: info → debug
  + Pod new  app.yaml:11
      + apiVersion: v1
      + kind: Pod
      + metadata:
      +   name: new
      + spec:
      +   containers:
      +   - image: a:1
      +     name: app
  images
      Pod new app: none → a:1
  policies
      new  deny  pod-privileged  Pod new: it is privileged

1 of 4 applications differs: 1 object added, 1 changed, 1 image, 1 new denial
`
	r := made(t, before, after, denied)
	if got := written(t, r, report.Text, report.Options{}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	colored := written(t, r, report.Text, report.Options{Color: true})
	if !strings.Contains(colored, "\x1b[31m- two\x1b[0m") || !strings.Contains(colored, "\x1b[32m+ 2\x1b[0m") {
		t.Errorf("the colored text is %q", colored)
	}
	same := made(t, before, before)
	same.Applications, same.Unchanged = nil, 1
	if got := written(t, same, report.Text, report.Options{}); !strings.HasSuffix(got, "\nno difference in 1 application\n") {
		t.Errorf("got %q", got)
	}
}

func TestJSON(t *testing.T) {
	var read struct {
		Before       struct{ Name, Commit string }
		Unchanged    int
		Applications []struct {
			Path, Status string
			Same         int
			Objects      []struct {
				Status, Object string
				Fields         []struct {
					Status, Path  string
					Before, After any
				}
			}
			Images   []struct{ Object, Container, After string }
			Verdicts []struct {
				Status  string
				Outcome struct{ Rule string }
			}
		}
	}
	if err := json.Unmarshal([]byte(written(t, made(t, before, after, denied), report.JSON, report.Options{})), &read); err != nil {
		t.Fatal(err)
	}
	application := read.Applications[0]
	if read.Before.Name != "main" || read.Unchanged != 3 || application.Path != "apps/web" || application.Status != "changed" || len(application.Objects) != 2 {
		t.Fatalf("read %+v", read)
	}
	if field := application.Objects[0].Fields[1]; field.Path != "data.level" || field.Before != "info" || field.After != "debug" {
		t.Errorf("the field is %+v", field)
	}
	if application.Verdicts[0].Outcome.Rule != "pod-privileged" || application.Verdicts[0].Status != "added" || application.Images[0].After != "a:1" {
		t.Errorf("read %+v", application)
	}
}

// hostile tries to get out of wherever it is put.
const hostile = "`" + "``\n```\n</code></summary></details><script>alert(1)</script> @everyone #1 [x](https://evil.example) **b** | \x1b[31m \u202e"

func hostileReport(t *testing.T) report.Report {
	t.Helper()
	encoded, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	config := func(value string) string {
		return fmt.Sprintf("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"web\",\"annotations\":{%s:%q}},\"data\":{\"a\":%s},\"e\":\"```\\n@everyone\"}", encoded, value, encoded)
	}
	r := made(t, config("1"), strings.Replace(config("2"), `"data":{"a":`, `"data":{"b":`, 1), verdict.Outcome{Rule: hostile, Decision: verdict.Deny, Object: hostile, Message: hostile, Code: fault.Policy})
	a := &r.Applications[0]
	a.Path, a.Environment = hostile, hostile
	a.Objects[0].Name, a.Objects[0].Was, a.Objects[0].File = hostile, hostile, hostile
	a.Objects[0].Notes = []string{hostile}
	a.Images = []compare.Image{{Object: hostile, Container: hostile, Before: hostile, After: hostile}}
	a.References = []compare.Reference{{Object: hostile, Field: hostile, Before: hostile, After: hostile}}
	r.Before = report.End{Name: hostile}
	return r
}

// What a repository holds stays text in a comment: outside of code there is no
// mention, no link and no element of its own.
func TestMarkdownIsNotForged(t *testing.T) {
	text := written(t, hostileReport(t), report.Markdown, report.Options{})
	fence, outside := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if fence == "" && strings.HasPrefix(line, "```") {
			fence = strings.TrimSuffix(line, "diff")
			continue
		}
		if fence != "" {
			if line == fence {
				fence = ""
			} else if strings.HasPrefix(strings.TrimLeft(line, " "), fence) {
				t.Errorf("the fence %s ends early at %q", fence, line)
			}
			continue
		}
		outside += line + "\n"
		for _, bad := range []string{"@", "<script", "](", "https://", "**b**", "\x1b", "\u202e"} {
			if strings.Contains(line, bad) {
				t.Errorf("%q is in %q", bad, line)
			}
		}
	}
	if fence != "" {
		t.Error("a fence is not closed")
	}
	if strings.Count(outside, "<details>") != 1 || strings.Count(outside, "</details>") != 1 || strings.Count(outside, "</summary>") != 1 {
		t.Errorf("the elements are not those that were written:\n%s", text)
	}
	if strings.Contains(text, "\x1b") || strings.Contains(text, "\u202e") {
		t.Error("a character that cannot be seen is in the comment")
	}
}

func TestTextIsNotForged(t *testing.T) {
	text := written(t, hostileReport(t), report.Text, report.Options{})
	if strings.Contains(text, "\x1b") || strings.Contains(text, "\u202e") {
		t.Errorf("a terminal would be driven by %q", text)
	}
}

// A comment fits into what GitHub takes, however much differs, and says what it
// lacks.
func TestMarkdownIsBounded(t *testing.T) {
	for _, count := range []int{1, 50, 3000} {
		var b strings.Builder
		for i := range count {
			fmt.Fprintf(&b, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: web-%d}\ndata: {text: '%s'}\n", i, strings.Repeat("x `` ", 400/min(count, 10)))
		}
		r := made(t, "", b.String())
		for i := range 200 {
			r.Applications = append(r.Applications, compare.Application{Path: fmt.Sprint("apps/", i), Status: compare.Changed})
		}
		text := written(t, r, report.Markdown, report.Options{})
		if len(text) > 60_000 {
			t.Errorf("%d objects take %d bytes", count, len(text))
		}
		shown := strings.Count(text, "<details>")
		left := fmt.Sprintf("**%d more objects and ", count-shown)
		if count == 3000 && (shown < 50 || !strings.Contains(text, left)) {
			t.Errorf("%d objects are shown, and the text does not say %q", shown, left)
		}
		if count == 1 && shown != 1 {
			t.Error("the one object is not shown")
		}
	}
	large := made(t, "", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata:\n  text: |\n"+strings.Repeat("    line "+strings.Repeat("y", 300)+"\n", 2000))
	if text := written(t, large, report.Markdown, report.Options{}); len(text) > 60_000 || !strings.Contains(text, "more lines not shown") && !strings.Contains(text, "lines, too many") {
		t.Errorf("a large object takes %d bytes", len(text))
	}
}

// The page shows hostile text as text, and has nothing in it that loads.
func TestPage(t *testing.T) {
	for _, r := range []report.Report{made(t, before, after, denied), hostileReport(t)} {
		text := written(t, r, report.HTML, report.Options{Version: "1.2.3"})
		root, err := html.Parse(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		scripts := 0
		for node := range root.Descendants() {
			if node.DataAtom == atom.Script {
				scripts++
			}
			for _, attribute := range node.Attr {
				if attribute.Key == "src" || attribute.Key == "href" || strings.HasPrefix(attribute.Key, "on") || attribute.Key == "style" {
					t.Errorf("an element has %s=%q", attribute.Key, attribute.Val)
				}
			}
		}
		if scripts != 1 {
			t.Errorf("the page has %d scripts, want its own", scripts)
		}
	}
	text := written(t, made(t, before, after, denied), report.HTML, report.Options{})
	for _, want := range []string{"main (aaaaaaaaaa) → .", "ConfigMap web", "pod-privileged", "1 of 4 applications differs"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestAFormatThatIsNotKnown(t *testing.T) {
	if _, err := report.Known("yaml"); fault.CodeOf(err) != fault.Parameter {
		t.Errorf("got %v", err)
	}
}

// What all objects have in common is told once.
func TestTextTellsSharedChangesOnce(t *testing.T) {
	config := func(stage, last string) string {
		var b strings.Builder
		for i := range 4 {
			level := "info"
			if i == 3 {
				level = last
			}
			fmt.Fprintf(&b, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: web-%d, labels: {stage: %s}}\ndata: {level: %s}\n", i, stage, level)
		}
		return b.String()
	}
	text := written(t, made(t, config("staging", "info"), config("production", "debug")), report.Text, report.Options{})
	if strings.Count(text, "staging → production") != 1 || !strings.Contains(text, "  in 4 objects\n      metadata.labels.stage: staging → production\n") {
		t.Errorf("got\n%s", text)
	}
	if strings.Count(text, "~ ConfigMap web-") != 4 || !strings.Contains(text, "      data.level: info → debug\n") {
		t.Errorf("the objects and their own changes are not all there:\n%s", text)
	}
}
