package builtin_test

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/builtin"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
)

func loadBuiltin(t *testing.T) *bundle.Bundle {
	t.Helper()
	b, err := builtin.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTheRegoTestsPass(t *testing.T) {
	results, err := loadBuiltin(t).Test(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range results {
		if !result.Pass() {
			t.Errorf("%s %s.%s: %v", result.Location, result.Package, result.Name, result.Error)
		}
	}
	if len(results) < 80 {
		t.Errorf("only %d tests ran", len(results))
	}
}

func TestEveryRuleHasBothAPassingAndAFailingTest(t *testing.T) {
	var tests strings.Builder
	dir := os.DirFS("rules")
	matches, err := fs.Glob(dir, "*_test.rego")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range matches {
		body, err := fs.ReadFile(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		tests.Write(body)
	}
	for _, rule := range loadBuiltin(t).Rules() {
		for _, outcome := range []string{"denied", "passes"} {
			name := "test_" + rule.Namespace[strings.LastIndex(rule.Namespace, ".")+1:] + "_" + rule.ExceptionName() + "_" + outcome
			if !regexp.MustCompile(`(?m)^` + name).MatchString(tests.String()) {
				t.Errorf("%s: there is no %s", rule.ID(), name)
			}
		}
	}
}

func TestEveryRuleIsDocumented(t *testing.T) {
	ids := map[string]bool{}
	for _, rule := range loadBuiltin(t).Rules() {
		meta := rule.Meta
		if ids[meta.ID] || !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(meta.ID) {
			t.Errorf("%s: the id %q is not a new name in kebab case", rule.Query(), meta.ID)
		}
		ids[meta.ID] = true
		if meta.Title == "" || meta.Description == "" || meta.Fix == "" {
			t.Errorf("%s lacks a title, a description or a fix: %+v", rule.ID(), meta)
		}
		if !strings.Contains("low medium high critical", meta.Severity) || meta.Severity == "" {
			t.Errorf("%s has the severity %q", rule.ID(), meta.Severity)
		}
	}
	if len(ids) < 35 {
		t.Errorf("only %d rules", len(ids))
	}
}

func TestLevelsBuildOnEachOther(t *testing.T) {
	b := loadBuiltin(t)
	before := 0
	for _, level := range builtin.Levels() {
		part, err := builtin.At(b, level)
		if err != nil {
			t.Fatal(err)
		}
		if count := len(part.Rules()); count <= before {
			t.Errorf("%s has %d rules, the level before it %d", level, count, before)
		} else {
			before = count
		}
	}
	if before != len(b.Rules()) {
		t.Errorf("the highest level has %d of %d rules", before, len(b.Rules()))
	}
	if _, err := builtin.At(b, "production"); fault.CodeOf(err) != fault.Config {
		t.Errorf("an unknown level gave %v", err)
	}
}

func TestMisspeltParameterStopsTheStart(t *testing.T) {
	_, err := builtin.Load(map[string]any{"allowedRegistry": []any{"registry.example.com"}})
	if fault.CodeOf(err) != fault.Config {
		t.Errorf("got %v", err)
	}
}
