package engine_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/engine"
)

// load compiles one policy file and prepares it.
func load(t testing.TB, policy string, options bundle.Options) *engine.Engine {
	t.Helper()
	source := bundle.Source{FS: fstest.MapFS{"policy.rego": {Data: []byte(policy)}}}
	b, err := bundle.Load("test", []bundle.Source{source}, options)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func value(t testing.TB, json string) ast.Value {
	t.Helper()
	term, err := ast.ParseTerm(json)
	if err != nil {
		t.Fatal(err)
	}
	return term.Value
}

// said gives each finding and fault as one line.
func said(checks []engine.Check) []string {
	lines := []string{}
	for _, check := range checks {
		for _, finding := range check.Findings {
			word := string(finding.Rule.Kind)
			if finding.Exception {
				word = "exception"
			}
			lines = append(lines, word+" "+finding.Rule.ID()+": "+finding.Message)
		}
		for _, f := range check.Faults {
			lines = append(lines, string(f.Code)+" "+f.Message)
		}
	}
	return lines
}

func TestConventionsOfConftest(t *testing.T) {
	tests := map[string]struct {
		policy string
		input  string
		want   []string
	}{
		"deny, violation and warn with suffixes": {
			policy: `package main
				deny contains "a" if input.x
				deny_two_parts contains {"msg": "b", "severity": "high"} if input.x
				violation contains {"msg": "c"} if input.x
				warn_soft contains "d" if input.x`,
			input: `{"x": true}`,
			want:  []string{"failure main/deny: a", "failure main/deny_two_parts: b", "failure main/violation: c", "warning main/warn_soft: d"},
		},
		"an exception takes a rule's messages": {
			policy: `package main
				deny_run_as_root contains "root" if input.root
				deny_other contains "other" if input.root
				exception contains rules if { input.name == "can-run-as-root"; rules := ["run_as_root"] }`,
			input: `{"root": true, "name": "can-run-as-root"}`,
			want:  []string{"failure main/deny_other: other", `exception main/deny_run_as_root: data.main.exception[_][_] == "run_as_root"`},
		},
		"an exception with an empty name takes the rule without suffix": {
			policy: `package main
				deny contains "a"
				exception contains [""] if input.x`,
			input: `{"x": true}`,
			want:  []string{`exception main/deny: data.main.exception[_][_] == ""`},
		},
		"Rego v0": {
			policy: `package kubernetes.admission
				deny[msg] { input.request.kind.kind == "Pod"; input.request.object.spec.containers[_].securityContext.privileged == true; msg := "Privileged containers are not allowed" }`,
			input: `{"request": {"kind": {"kind": "Pod"}, "object": {"spec": {"containers": [{"securityContext": {"privileged": true}}]}}}}`,
			want:  []string{"failure kubernetes.admission/deny: Privileged containers are not allowed"},
		},
		"a complete rule that is a set": {
			policy: "package main\ndeny := {m | some m in input.messages}",
			input:  `{"messages": ["b", "a"]}`,
			want:   []string{"failure main/deny: a", "failure main/deny: b"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			checks, err := load(t, test.policy, bundle.Options{}).Check(t.Context(), value(t, test.input), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, said(sorted(checks))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// sorted puts findings of exceptions last, for a stable comparison.
func sorted(checks []engine.Check) []engine.Check {
	for i := range checks {
		var first, last []engine.Finding
		for _, finding := range checks[i].Findings {
			if finding.Exception {
				last = append(last, finding)
			} else {
				first = append(first, finding)
			}
		}
		checks[i].Findings = append(first, last...)
	}
	return checks
}

func TestP1RulesThatGiveNoMessagesAreFaults(t *testing.T) {
	tests := map[string]struct{ policy, input, want string }{
		"a computed boolean":        {"package main\nx := input.x == 1\ndeny := x", `{"x": 1}`, "a boolean instead of a set"},
		"a computed number in":      {"package main\ndeny contains n if n := input.x + 1", `{"x": 1}`, "a number instead of a message"},
		"a computed empty message":  {"package main\ndeny contains m if m := input.x", `{"x": ""}`, "an empty message"},
		"a message of white space":  {"package main\ndeny contains m if m := input.x", `{"x": " \n"}`, "an empty message"},
		"an object without msg":     {"package main\ndeny contains {\"m\": input.x} if input.x", `{"x": "y"}`, "an object whose msg is missing"},
		"an object with a bool msg": {"package main\ndeny contains {\"msg\": input.x} if input.x", `{"x": true}`, "an object whose msg is missing"},
		"an object of messages":     {"package main\nx := input.x\ndeny := x", `{"x": {"msg": "y"}}`, "an object instead of a set"},
		"a failing builtin":         {"package main\ndeny contains \"m\" if to_number(input.n) > 3", `{"n": "abc"}`, "to_number"},
		"a failing builtin in an exception": {
			"package main\ndeny contains \"m\" if input.z\nexception contains [\"\"] if to_number(input.n) > 3", `{"n": "abc"}`, "main/exception gave no verdict",
		},
		"a conflict of complete rules": {
			"package main\nx := 1 if input.a\nx := 2 if input.b\ndeny contains \"m\" if x == 3", `{"a": true, "b": true}`, "multiple outputs",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			checks, err := load(t, test.policy, bundle.Options{}).Check(t.Context(), value(t, test.input), nil)
			if err != nil {
				t.Fatal(err)
			}
			var faults fault.List
			for _, check := range checks {
				faults = append(faults, check.Faults...)
			}
			if len(faults) != 1 || faults[0].Code != fault.PolicyEngine || !strings.Contains(faults[0].Message, test.want) {
				t.Fatalf("got %v, want one %s with %q", faults, fault.PolicyEngine, test.want)
			}
			if faults[0].File != "policy.rego" || faults[0].Line == 0 {
				t.Errorf("the fault is at %s:%d, want a line of policy.rego", faults[0].File, faults[0].Line)
			}
		})
	}
}

func TestAFaultyRuleDoesNotHideTheOthers(t *testing.T) {
	e := load(t, `package main
		deny_bad contains "m" if to_number(input.n) > 3
		deny_good contains "seen" if input.n`, bundle.Options{})
	checks, err := e.Check(t.Context(), value(t, `{"n": "abc"}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := said(checks)
	if len(got) != 2 || got[0] != "failure main/deny_good: seen" || !strings.HasPrefix(got[1], "E_POLICY_ENGINE policy main/deny_bad") {
		t.Errorf("got %q", got)
	}
}

func TestP5LongComputationsEnd(t *testing.T) {
	tests := map[string]struct{ policy, input string }{
		"units.parse of a large exponent":       {"package main\ndeny contains \"m\" if units.parse(input.m) > 3", `{"m": "1e999999"}`},
		"units.parse_bytes of a large exponent": {"package main\ndeny contains \"m\" if units.parse_bytes(input.m) > 3", `{"m": "1e999999Gi"}`},
		"a sum with a huge number":              {"package main\ndeny contains \"m\" if json.unmarshal(input.m) + 1 > 3", `{"m": "1e9999999"}`},
		"a comparison that panics in OPA":       {"package main\ndeny contains \"m\" if to_number(input.m) > 3", `{"m": "1e-9999999"}`},
		"a number nested in JSON":               {"package main\ndeny contains \"m\" if json.unmarshal(input.m)[0].x > 3", `{"m": "[{\"x\": 1e9999999}]"}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			checks, err := load(t, test.policy, bundle.Options{}).Check(t.Context(), value(t, test.input), nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(checks) != 1 || len(checks[0].Faults) != 1 {
				t.Errorf("got %q, want one fault", said(checks))
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestALoopEndsWithTheContext(t *testing.T) {
	e := load(t, "package main\ndeny contains \"m\" if { some a in numbers.range(1, 100000); some b in numbers.range(1, 100000); a * b == 0 }", bundle.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := e.Check(ctx, value(t, `{}`), nil)
	if fault.CodeOf(err) != fault.PolicyEngine {
		t.Errorf("got %v, want %s", err, fault.PolicyEngine)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("ended after %v", took)
	}
}

func TestP8FactsOfOneRequestDoNotReachAnother(t *testing.T) {
	e := load(t, `package main
		deny contains msg if { msg := sprintf("%s %s", [input.name, data.conftest.file.name]) }`, bundle.Options{})
	var wait sync.WaitGroup
	for _, name := range strings.Fields(strings.Repeat("a b c d ", 25)) {
		wait.Go(func() {
			input := ast.NewObject(ast.Item(ast.StringTerm("name"), ast.StringTerm(name)))
			file := ast.NewObject(ast.Item(ast.StringTerm("file"), ast.ObjectTerm(ast.Item(ast.StringTerm("name"), ast.StringTerm(name)))))
			checks, err := e.Check(t.Context(), input, map[string]ast.Value{"conftest": file})
			if err != nil {
				t.Error(err)
				return
			}
			if diff := cmp.Diff([]string{"failure main/deny: " + name + " " + name}, said(checks)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	wait.Wait()
}
