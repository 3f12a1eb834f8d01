package builtin_test

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"

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
		if result.Status != bundle.Passed {
			t.Errorf("%s:%d: %s: %s", result.File, result.Line, result.Name, result.Reason)
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

// TestTheTestsAreAboutTheirRules empties every rule, and then lets every rule
// speak: the first must fail each test that wants a message, and the second each
// that wants none.
func TestTheTestsAreAboutTheirRules(t *testing.T) {
	for name, replaced := range map[string]struct{ body, failing, passing string }{
		"rules that say nothing":  {"false", "_denied", "_passes"},
		"rules that always speak": {"true", "_passes", ""},
	} {
		t.Run(name, func(t *testing.T) {
			changed := bundle.Source{Files: rewritten(t, replaced.body)}
			b, err := bundle.LoadTests("changed", []bundle.Source{changed}, bundle.Options{Version: bundle.V1})
			if err != nil {
				t.Fatal(err)
			}
			results, err := b.Test(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			failed := 0
			for _, result := range results {
				passed := result.Status == bundle.Passed
				if passed && strings.Contains(result.Name, replaced.failing) {
					t.Errorf("%s passes without its rule", result.Name)
				}
				if !passed && replaced.passing != "" && strings.Contains(result.Name, replaced.passing) {
					t.Errorf("%s fails without its rule: %s", result.Name, result.Reason)
				}
				if !passed {
					failed++
				}
			}
			if failed < 40 {
				t.Errorf("only %d tests failed", failed)
			}
		})
	}
}

// rewritten returns the files of the bundle with one body for all rules that give
// messages.
func rewritten(t *testing.T, body string) map[string][]byte {
	t.Helper()
	names, err := fs.Glob(os.DirFS("rules"), "*.rego")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		text, err := os.ReadFile("rules/" + name)
		if err != nil {
			t.Fatal(err)
		}
		module, err := ast.ParseModuleWithOpts(name, string(text), ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range module.Rules {
			if name := string(rule.Head.Name); strings.HasPrefix(name, "deny_") || strings.HasPrefix(name, "warn_") {
				rule.Body = ast.MustParseBody(body)
				rule.Head.Key = ast.MustParseTerm(`{"msg": "always", "field": "", "index": 0}`)
			}
		}
		// The printed module is the changed one; METADATA does not matter here.
		if files[name], err = format.AstWithOpts(module, format.Opts{RegoVersion: ast.RegoV1}); err != nil {
			t.Fatal(err)
		}
	}
	return files
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
		if len(meta.References) == 0 || !strings.HasPrefix(meta.References[0].URL, "https://") || meta.References[0].Title == "" {
			t.Errorf("%s has no reference with a title", rule.ID())
		}
		if meta.Example == nil {
			t.Errorf("%s has no example", rule.ID())
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
