package report_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/browser"
	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// compared has the program write the page of two directories.
func compared(t *testing.T, before, after map[string]string) string {
	t.Helper()
	harness.Need(t, harness.Seal)
	seal, err := harness.Seal.Path()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for side, files := range map[string]map[string]string{"before": before, "after": after} {
		for name, content := range files {
			file := filepath.Join(dir, side, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	command := exec.CommandContext(t.Context(), seal, "diff", "before", "after", "--root", ".", "--output", "html")
	command.Dir = dir
	command.Stderr = os.Stderr
	page, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "report.html")
	if err := os.WriteFile(file, page, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func config(name, value string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {level: %q}\n", name, value)
}

// differing are two sides with an object that comes, one that goes and two that
// change.
func differing(t *testing.T) string {
	t.Helper()
	return compared(t,
		map[string]string{"shop/a.yaml": config("a", "info"), "shop/gone.yaml": config("gone", "x"), "desk/b.yaml": config("b", "info"), "desk/same.yaml": config("same", "x"),
			"desk/secret.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: <vault:kv/shop/db#password>, token: hunter1}\n"},
		map[string]string{"shop/a.yaml": config("a", "debug"), "shop/come.yaml": config("come", "x"), "desk/b.yaml": config("b", "debug"), "desk/same.yaml": config("same", "x"),
			"desk/secret.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: <vault:kv/shop/db#password@7>, token: hunter2}\n"})
}

// shown lists the objects that a person sees.
const shown = `[...document.querySelectorAll("details[data-status]")].filter(one => one.offsetParent).map(one => one.querySelector("summary").childNodes[1].textContent.trim())`

// filtered types a text into the filter.
func filtered(text string) string {
	return fmt.Sprintf(`(() => { const find = document.getElementById("find"); find.value = %q; find.dispatchEvent(new Event("input")); return true; })()`, text)
}

func TestTheDiffIsFiltered(t *testing.T) {
	b := browser.Open(t)
	b.Show(t, address(differing(t)), 1280, "light")
	visible := func() string { return strings.Join(browser.Evaluate[[]string](t, b, shown), ", ") }
	if got, want := visible(), "ConfigMap b, Secret db, ConfigMap a, ConfigMap come, ConfigMap gone"; got != want {
		t.Errorf("the page shows %s, want %s", got, want)
	}
	for _, test := range [][2]string{{"secret", "Secret db"}, {"data.password", "Secret db"}, {"shop a.yaml", "ConfigMap a"}, {"nothing of this", ""}} {
		browser.Evaluate[bool](t, b, filtered(test[0]))
		if got := visible(); got != test[1] {
			t.Errorf("%q leaves %s, want %s", test[0], got, test[1])
		}
	}
	if count := browser.Evaluate[string](t, b, `document.getElementById("count").textContent`); count != "0 of 5 objects" {
		t.Errorf("the page counts %q", count)
	}
	browser.Evaluate[bool](t, b, filtered(""))
	browser.Evaluate[bool](t, b, `document.querySelector("input.status[value=changed]").click(), true`)
	if got, want := visible(), "ConfigMap come, ConfigMap gone"; got != want {
		t.Errorf("without what changed the page shows %s, want %s", got, want)
	}
	browser.Evaluate[bool](t, b, `document.getElementById("open").click(), true`)
	if !browser.Evaluate[bool](t, b, `[...document.querySelectorAll("details[data-status]")].filter(one => one.offsetParent).every(one => one.open)`) {
		t.Error("not all objects are open")
	}
	// The lines are shown in one way at a time, and a value never.
	const seen = `["split", "unified"].map(name => !!document.querySelector("details[open]:not([hidden]) table." + name).offsetParent).join(" ")`
	if got := browser.Evaluate[string](t, b, seen); got != "true false" {
		t.Errorf("side by side and unified are shown: %s", got)
	}
	browser.Evaluate[bool](t, b, `document.querySelector("label[for=unified]").click(), true`)
	if got := browser.Evaluate[string](t, b, seen); got != "false true" {
		t.Errorf("after the choice of unified: %s", got)
	}
	if browser.Evaluate[bool](t, b, `document.documentElement.outerHTML.includes("hunter")`) {
		t.Error("a value is on the page")
	}
	quiet(t, b)
}

func TestTheDiffCanBeReadEverywhere(t *testing.T) {
	b := browser.Open(t)
	file := differing(t)
	for _, view := range []struct {
		name   string
		width  int64
		scheme string
	}{{"diff-light", 1280, "light"}, {"diff-dark", 1280, "dark"}, {"diff-narrow", 400, "dark"}} {
		b.Show(t, address(file), view.width, view.scheme)
		browser.Evaluate[bool](t, b, `document.getElementById("open").click(), true`)
		if found := browser.Evaluate[[]string](t, b, overlaps); len(found) > 0 {
			t.Errorf("%s: %q", view.name, found)
		}
		if found := browser.Evaluate[[]string](t, b, faint); len(found) > 0 {
			t.Errorf("%s: these texts are faint: %q", view.name, found)
		}
		b.Shoot(t, view.name)
	}
	quiet(t, b)
}

func TestHostileObjectsDoNothing(t *testing.T) {
	b := browser.Open(t)
	const attack = `"><script>document.title='owned'</script><img src="https://evil.example/x" onerror="document.title='owned'"></td></table></details>`
	b.Show(t, address(compared(t, map[string]string{"app/a.yaml": config("a", "x")}, map[string]string{"app/a.yaml": config("a", attack)})), 1280, "light")
	if title := browser.Evaluate[string](t, b, "document.title"); title != "argocd-seal diff: before → after" {
		t.Errorf("the title is %q", title)
	}
	if text := browser.Evaluate[string](t, b, "document.body.innerText"); !strings.Contains(text, "<script>document.title=") {
		t.Error("the value is not shown")
	}
	quiet(t, b)
}
