package waiver

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/corpus"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// good is one waiver; a seed changes a part of it.
const good = `waivers:
- rule: pod-host-path
  objects: {kind: DaemonSet, namespace: logging, name: "fluent-*"}
  environments: [prod]
  owner: team-logging
  reason: reads logs
  expires: 2026-12-31
`

func seeds(f *testing.F) []string {
	all := append(corpus.YAML(), corpus.Blocks(f, "docs/policies.md", "waivers:")...)
	for _, payload := range corpus.YAML() {
		all = append(all, good+payload)
	}
	for _, change := range []struct{ from, to string }{
		{"  expires: 2026-12-31\n", ""}, {"2026-12-31", "''"}, {"2026-12-31", "never"}, {"2026-12-31", "2026-02-30"}, {"2026-12-31", "0000-00-00"}, {"2026-12-31", "99999-12-31"},
		{"2026-12-31", "2026-12-31T00:00:00Z"}, {"2026-12-31", "!!timestamp 2026-12-31"}, {"2026-12-31", "&a [*a]"}, {"2026-12-31", "~"}, {"2026-12-31", "[2026-12-31]"},
		{"2026-12-31\n", "2026-12-31\n  expires: 9999-12-31\n"}, {"expires", "Expires"}, {"expires: 2026-12-31", "<<: {expires: 9999-12-31}"}, {"  owner: team-logging\n", ""},
		{"namespace: logging", "namespce: logging"}, {"namespace: logging", "Namespace: logging"}, {"namespace: logging", "namespace: ''"}, {"namespace: logging", "kind: Pod"},
		{`{kind: DaemonSet, namespace: logging, name: "fluent-*"}`, "{}"}, {`{kind: DaemonSet, namespace: logging, name: "fluent-*"}`, "~"},
		{`"fluent-*"`, `"["`}, {`"fluent-*"`, `"\\"`}, {`"fluent-*"`, "*"}, {"[prod]", "prod"}, {"[prod]", "[[prod]]"}, {"[prod]", "[]"}, {"[prod]", "['']"}, {"[prod]", "[~]"}, {"waivers:", "waiver:"}, {"waivers:", "waivers: ~\nx:"},
		{"reads logs", strings.Repeat("long ", 1000)}, {"reads logs", `"\u0000\e[31m\n"`}, {"- rule: ", "- &w\n  rule: "}, {"waivers:\n", "waivers:\n- ~\n- []\n- x\n"},
	} {
		all = append(all, strings.Replace(good, change.from, change.to, 1))
	}
	return append(all, good, good+strings.TrimPrefix(good, "waivers:\n"), good+"---\n"+good, "{"+good+"}", strings.ReplaceAll(good, "\n", "\r\n"))
}

// lineBreak is what ends a line in YAML 1.1.
var lineBreak = regexp.MustCompile("\r\n|[\r\n\u0085\u2028\u2029]")

var day = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)

// FuzzLoad reads any file of waivers. What loads is the whole file and nothing
// else: each entry has all that a waiver needs, an end above all, and no field
// of it was passed over. What does not load is a fault with its line.
func FuzzLoad(f *testing.F) {
	corpus.Add(f, seeds(f)...)
	f.Fuzz(func(t *testing.T, text string) {
		files := fstest.MapFS{"w.yaml": {Data: []byte(text)}}
		set, err := Load(files, "w.yaml", func(rule string) bool { return rule != "unknown" })
		again, errAgain := Load(files, "w.yaml", func(rule string) bool { return rule != "unknown" })
		if diff := cmp.Diff(set, again, cmp.AllowUnexported(Set{}, Waiver{})); diff != "" || (err == nil) != (errAgain == nil) {
			t.Fatalf("two readings differ: %v, %v\n%s", err, errAgain, diff)
		}
		if err != nil {
			checkFaults(t, set, err, 1+len(lineBreak.FindAllString(text, -1)))
			return
		}
		for i := range set.waivers {
			checkWaiver(t, set, &set.waivers[i])
		}
		checkNothingPassedOver(t, text, len(set.waivers))
	})
}

func checkFaults(t *testing.T, set *Set, err error, lines int) {
	t.Helper()
	if set != nil || len(err.Error()) > fault.MaxText {
		t.Errorf("set %v, error of %d bytes", set, len(err.Error()))
	}
	for _, one := range fault.Of(err) {
		if one.Code != fault.Waiver || one.File != "w.yaml" || one.Line < 1 || one.Line > lines {
			t.Errorf("the fault %v, in a file of %d lines", one, lines)
		}
	}
}

func checkWaiver(t *testing.T, set *Set, w *Waiver) {
	t.Helper()
	if w.Rule == "" || w.Rule == "unknown" || w.Owner == "" || w.Reason == "" || w.Objects == (Selector{}) || slices.Contains(w.Environments, "") || !day.MatchString(w.Expires) {
		t.Errorf("this became a waiver: %+v", w)
	}
	last, err := time.Parse(time.DateOnly, w.Expires)
	if err != nil {
		t.Fatalf("this became an end: %q", w.Expires)
	}
	named := object.Object{Fields: map[string]any{"kind": w.Objects.Kind, "metadata": map[string]any{"name": w.Objects.Name, "namespace": w.Objects.Namespace}}}
	environment := ""
	if len(w.Environments) > 0 {
		environment = w.Environments[0]
	}
	if !w.selects(named, "", environment) {
		return // a pattern does not match itself
	}
	later := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	if found, expired := set.Find(w.Rule, []object.Object{named}, "", environment, later); found == nil || !expired {
		t.Errorf("%+v holds for ever", w)
	}
	if len(set.waivers) > 1 {
		return // another one may hold
	}
	if found, expired := set.Find(w.Rule, []object.Object{named}, "", environment, last.Add(24*time.Hour-1)); found == nil || expired {
		t.Errorf("%+v does not hold at the end of its last day", w)
	}
	if _, expired := set.Find(w.Rule, []object.Object{named}, "", environment, last.Add(24*time.Hour)); !expired {
		t.Errorf("%+v holds after its last day", w)
	}
}

// checkNothingPassedOver reads the file in another way and wants all of it to
// have been understood.
func checkNothingPassedOver(t *testing.T, text string, loaded int) {
	t.Helper()
	read, err := object.Decode("w.yaml", []byte(text))
	if code := fault.CodeOf(err); code == fault.YAMLNumber || code == fault.YAMLTag {
		return // numbers and dates are texts here
	} else if err != nil || len(read) > 1 {
		t.Errorf("this loads: %v in %d documents", err, len(read))
		return
	} else if len(read) == 0 {
		return
	}
	document := read[0].Fields
	entries, _ := document["waivers"].([]any)
	if len(entries) != loaded || len(document) > 1 {
		t.Errorf("%d waivers of %d, beside %d sections", loaded, len(entries), len(document))
	}
	for _, entry := range entries {
		checkFields(t, entry, "rule", "objects", "environments", "owner", "reason", "expires")
		if fields, ok := entry.(map[string]any); ok {
			checkFields(t, fields["objects"], "kind", "namespace", "name")
		}
	}
}

func checkFields(t *testing.T, read any, known ...string) {
	t.Helper()
	fields, _ := read.(map[string]any)
	for name := range fields {
		if !slices.Contains(known, name) {
			t.Errorf("the field %q was passed over", name)
		}
	}
}
