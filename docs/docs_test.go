// Package docs_test holds the guides against the code and against each other.
package docs_test

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/render/sandbox"
)

// guides returns every Markdown file that people read, by path.
func guides(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"*.md", "runbooks/*.md", "../*.md", "../examples/*.md", "../e2e/testdata/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no guide matches %s (%v)", pattern, err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts[file] = string(content)
		}
	}
	return texts
}

func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	followed := 0
	for file, text := range guides(t) {
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			target, err := url.Parse(match[1])
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			if target.Scheme != "" {
				continue
			}
			followed++
			path := file
			if target.Path != "" {
				path = filepath.Join(filepath.Dir(file), target.Path)
			}
			content, err := os.ReadFile(path)
			if _, missing := os.Stat(path); missing != nil {
				t.Errorf("%s links to %s, which is not there", file, match[1])
			} else if err == nil && target.Fragment != "" && !slices.Contains(anchors(string(content)), target.Fragment) {
				t.Errorf("%s links to %s, and there is no such heading", file, match[1])
			}
		}
	}
	if followed < 20 {
		t.Errorf("followed %d links, want at least 20", followed)
	}
}

// TestRunbooksOfAlertsExist follows the links of alerts, which nobody else does
// before there is an emergency.
func TestRunbooksOfAlertsExist(t *testing.T) {
	rules := file(t, "../examples/observability/rules.yaml")
	links := regexp.MustCompile(`runbook_url: https://github\.com/argocd-seal/argocd-seal-plugin/blob/main/docs/(\S+)`).FindAllStringSubmatch(rules, -1)
	if len(links) != strings.Count(rules, "runbook_url:") || len(links) < 10 {
		t.Fatalf("found %d links of %d alerts", len(links), strings.Count(rules, "runbook_url:"))
	}
	alerts := regexp.MustCompile(`(?s)- alert: (\w+)\n(.*?)(?:\n      - |$)`).FindAllStringSubmatch(rules, -1)
	list := file(t, "runbooks/README.md")
	for _, alert := range alerts {
		link := regexp.MustCompile(`runbook_url: \S+/docs/runbooks/(\S+)`).FindStringSubmatch(alert[2])
		if link == nil {
			continue
		}
		if _, err := os.Stat("runbooks/" + link[1]); err != nil {
			t.Errorf("%s: %v", alert[1], err)
		}
		row := regexp.MustCompile(`(?m)^\| \[[^]]+\]\(` + regexp.QuoteMeta(link[1]) + "\\) \\|.*`" + alert[1] + "`")
		if !row.MatchString(list) {
			t.Errorf("runbooks/README.md does not name %s beside %s", alert[1], link[1])
		}
	}
}

// anchors are what the headings of a guide can be linked to by.
func anchors(guide string) (found []string) {
	for _, match := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(guide, -1) {
		kept := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, match[1])
		found = append(found, kept)
	}
	return found
}

func TestCodesExist(t *testing.T) {
	var known []string
	for _, meaning := range fault.Codes() {
		known = append(known, string(meaning.Code))
	}
	for file, text := range guides(t) {
		for _, code := range regexp.MustCompile(`\bE_[A-Z_]+\b`).FindAllString(text, -1) {
			if !slices.Contains(known, code) {
				t.Errorf("%s speaks of %s, which is no code", file, code)
			}
		}
	}
}

func TestParametersAreDocumented(t *testing.T) {
	text := guides(t)["parameters.md"]
	var names []string
	for _, spec := range plugin.ParameterSpecs() {
		names = append(names, spec.Name)
		row := "| `" + spec.Name + "` | " + string(spec.Collection) + " | "
		if !strings.Contains(text, row) {
			t.Errorf("parameters.md has no row that begins with %s", row)
		}
	}
	rows := regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| (?:string|array|map) \\|").FindAllStringSubmatch(text, -1)
	for _, row := range rows {
		if !slices.Contains(names, row[1]) {
			t.Errorf("parameters.md has %s, which is no parameter", row[1])
		}
	}
}

func TestSandboxLayersAreDocumented(t *testing.T) {
	text := guides(t)["security.md"]
	for _, layer := range sandbox.Names() {
		if !strings.Contains(text, "`"+layer+"`") {
			t.Errorf("security.md does not explain the layer %s", layer)
		}
	}
}

// TestArchitectureNamesWhatIsThere follows the names of files and folders.
func TestArchitectureNamesWhatIsThere(t *testing.T) {
	names := regexp.MustCompile("`((?:cmd|plugin|render|secrets|policy|audit|internal)/[a-z0-9_/.-]+)`").FindAllStringSubmatch(file(t, "../ARCHITECTURE.md"), -1)
	if len(names) < 30 {
		t.Fatalf("found %d names, want at least 30", len(names))
	}
	for _, name := range names {
		if _, err := os.Stat("../" + name[1]); err != nil {
			t.Error(err)
		}
	}
}
