package engine_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/conftest/output"
	"github.com/open-policy-agent/conftest/parser"
	"github.com/open-policy-agent/conftest/policy"
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/engine"
)

// conftestDir returns where the source of the conftest that we link lies.
func conftestDir(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/open-policy-agent/conftest").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// suite is a directory of policies with the data beside it.
type suite struct {
	name, policies, data string
}

// TestConftestSaysTheSame runs conftest's own Engine beside ours, over every
// policy and every input of conftest's examples and acceptance tests and over
// those in testdata. Where conftest lets pass what nobody judged, we must deny.
func TestConftestSaysTheSame(t *testing.T) {
	upstream := conftestDir(t)
	suites := append(findSuites(t, upstream), findSuites(t, "testdata")...)
	inputs := findInputs(t, upstream)
	for name, input := range findInputs(t, "testdata") {
		inputs[name] = input
	}
	if len(suites) < 35 || len(inputs) < 60 {
		t.Fatalf("only %d suites and %d inputs were found", len(suites), len(inputs))
	}
	var pairs, closed, refused int
	for _, s := range suites {
		ours, theirs := loadBoth(t, s)
		if ours == nil {
			refused++
			continue
		}
		for _, name := range slices.Sorted(keys(inputs)) {
			pairs++
			closed += compare(t, s, name, inputs[name], ours, theirs)
		}
	}
	t.Logf("%d policies × %d inputs = %d pairs, %d answered with a fault instead of conftest's pass; %d policies refused at load", len(suites), len(inputs), pairs, closed, refused)
}

func keys(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

func findSuites(t *testing.T, root string) []suite {
	t.Helper()
	var suites []suite
	walk(t, root, func(path string, entry fs.DirEntry) {
		if !entry.IsDir() {
			return
		}
		if rego, _ := filepath.Glob(filepath.Join(path, "*.rego")); len(rego) == 0 {
			return
		}
		s := suite{name: strings.TrimPrefix(path, root), policies: path}
		for _, beside := range []string{"exclusions", "data"} {
			if dir := filepath.Join(filepath.Dir(path), beside); isDir(dir) {
				s.data = dir
			}
		}
		suites = append(suites, s)
	})
	return suites
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func walk(t *testing.T, root string, visit func(string, fs.DirEntry)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		visit(path, entry)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// findInputs parses with conftest's parsers whatever they can read.
func findInputs(t *testing.T, root string) map[string]any {
	t.Helper()
	inputs := map[string]any{}
	walk(t, root, func(path string, entry fs.DirEntry) {
		if entry.IsDir() || !parser.FileSupported(path) || strings.Contains(path, "/docs/") {
			return
		}
		parsed, err := parser.ParseConfigurations([]string{path})
		if err != nil {
			return
		}
		for name, config := range parsed {
			inputs[name] = config
		}
	})
	return inputs
}

// loadBoth loads a suite in both engines. A nil engine means that ours refused
// it, which is allowed only for the documented reasons.
func loadBoth(t *testing.T, s suite) (*engine.Engine, *policy.Engine) {
	t.Helper()
	options := bundle.Options{Version: bundle.V1}
	var data []string
	if s.data != "" {
		options.Data = []bundle.Source{bundle.Dir(s.data)}
		data = []string{s.data}
	}
	theirs, theirErr := policy.LoadWithData([]string{s.policies}, data, policy.CompilerOptions{RegoVersion: "v1", Capabilities: ast.CapabilitiesForThisVersion()})
	if theirErr != nil {
		options.Version = bundle.V0
		theirs, theirErr = policy.LoadWithData([]string{s.policies}, data, policy.CompilerOptions{RegoVersion: "v0", Capabilities: ast.CapabilitiesForThisVersion()})
	}
	b, err := bundle.Load(s.name, []bundle.Source{bundle.Dir(s.policies)}, options)
	if err != nil {
		if theirErr == nil && !refusedOnPurpose(err) {
			t.Errorf("%s: conftest loads it, we do not: %v", s.name, err)
		}
		return nil, nil
	}
	if theirErr != nil {
		t.Logf("%s: only conftest refuses it: %v", s.name, theirErr)
		return nil, nil
	}
	ours, err := engine.New(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// refusedOnPurpose tells the reasons for which we refuse what conftest loads.
func refusedOnPurpose(err error) bool {
	for _, reason := range []string{"undefined function", "instead of a", "would let everything pass", "has no policy", "would never be asked", "is a function"} {
		if strings.Contains(err.Error(), reason) {
			return true
		}
	}
	return false
}

// compare judges one input with both and returns the number of differences that
// are ours on purpose.
func compare(t *testing.T, s suite, path string, config any, ours *engine.Engine, theirs *policy.Engine) int {
	t.Helper()
	faults := 0
	documents, many := config.([]any)
	if !many {
		documents = []any{config}
	}
	namespaces := map[string]bool{}
	for _, rule := range ours.Bundle().Rules() {
		namespaces[rule.Namespace] = true
	}
	for i, document := range documents {
		// One document a call: a document that fails in conftest would take
		// the others with it.
		got := ourAnswer(t, ours, path, document)
		for namespace := range namespaces {
			want, err := theirs.Check(t.Context(), map[string]any{path: single(document)}, namespace)
			check := got[namespace]
			if err != nil || len(check.Faults) > 0 {
				if len(check.Faults) == 0 {
					t.Errorf("%s on %s[%d]: conftest fails (%v), we do not", s.name, path, i, err)
				}
				faults++
				continue
			}
			if diff := cmp.Diff(normal(want[0]), normal(check.CheckResult(path))); diff != "" {
				t.Errorf("%s on %s[%d] (-conftest +ours):\n%s", s.name, path, i, diff)
			}
		}
	}
	return faults
}

// single keeps conftest from taking a document that is a list for several.
func single(document any) any {
	if _, list := document.([]any); list {
		return []any{document}
	}
	return document
}

func ourAnswer(t *testing.T, e *engine.Engine, path string, document any) map[string]engine.Check {
	t.Helper()
	input, err := ast.InterfaceToValue(document)
	if err != nil {
		t.Fatal(err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	facts := ast.MustInterfaceToValue(map[string]any{"file": map[string]any{"name": filepath.Base(abs), "dir": filepath.Dir(abs)}})
	checks, err := e.Check(context.Background(), input, map[string]ast.Value{"conftest": facts})
	if err != nil {
		t.Fatal(err)
	}
	byNamespace := map[string]engine.Check{}
	for _, check := range checks {
		byNamespace[check.Namespace] = check
	}
	return byNamespace
}

// normal drops what conftest does not promise: the order of rules, and the
// queries it ran.
func normal(result output.CheckResult) output.CheckResult {
	result.Queries = nil
	for _, list := range [][]output.Result{result.Failures, result.Warnings, result.Exceptions} {
		slices.SortFunc(list, func(a, b output.Result) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	return result
}

// TestTheDifferencesFromConftestAreFaults holds the list of what conftest lets
// pass and we do not.
func TestTheDifferencesFromConftestAreFaults(t *testing.T) {
	policies := map[string]string{
		"a failing builtin":       "package main\ndeny contains \"m\" if to_number(input.n) > 3",
		"a number as message":     "package main\ndeny contains n if n := count(input.n)",
		"an empty message":        "package main\ndeny contains m if m := trim(input.n, \"abc\")",
		"a computed boolean":      "package main\nx := input.n == \"abc\"\ndeny := x",
		"a computed object":       "package main\nx := {\"msg\": input.n}\ndeny := x",
		"a message that is a set": "package main\ndeny contains m if m := {input.n}",
	}
	for name, text := range policies {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "p.rego"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			theirs, err := policy.Load([]string{dir}, policy.CompilerOptions{RegoVersion: "v1", Capabilities: ast.CapabilitiesForThisVersion()})
			if err != nil {
				t.Fatal(err)
			}
			results, err := theirs.Check(t.Context(), map[string]any{"f": map[string]any{"n": "abc"}}, "main")
			if err != nil || results[0].HasFailure() {
				t.Errorf("conftest no longer lets it pass (%v, %v): take it off the list", results, err)
			}
			checks, err := load(t, text, bundle.Options{}).Check(t.Context(), value(t, `{"n": "abc"}`), nil)
			if err != nil || len(checks) != 1 || len(checks[0].Faults) != 1 || checks[0].Faults[0].Code != fault.PolicyEngine {
				t.Errorf("got %v, %v, want one fault", said(checks), err)
			}
		})
	}
}
