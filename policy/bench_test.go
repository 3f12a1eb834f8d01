package policy_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/open-policy-agent/conftest/output"
	conftest "github.com/open-policy-agent/conftest/policy"
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
	"github.com/argocd-seal/argocd-seal-plugin/policy/builtin"
)

func production(t testing.TB) *policy.Gate {
	return newGate(t, policy.Config{Environments: map[string]policy.Environment{"prod": {Level: builtin.Production}}})
}

func BenchmarkProductionLevel(b *testing.B) {
	for _, count := range []int{30, 1000} {
		b.Run(strconv.Itoa(count), func(b *testing.B) {
			gate, objects := production(b), goodObjects(b, count)
			for b.Loop() {
				evaluate(b, gate, objects...)
			}
		})
	}
}

// BenchmarkBesideConftest takes turns between the gate and conftest's Engine,
// over 30 objects and the rules of the production level. The figures are
// medians.
func BenchmarkBesideConftest(b *testing.B) {
	gate, objects := production(b), goodObjects(b, 30)
	conftest := conftestOn(b, objects)
	var ours, theirs []time.Duration
	for b.Loop() {
		began := time.Now()
		evaluate(b, gate, objects...)
		between := time.Now()
		conftest()
		ours, theirs = append(ours, between.Sub(began)), append(theirs, time.Since(between))
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	median := len(ours) / 2
	b.ReportMetric(ours[median].Seconds()*1e3, "gate-ms")
	b.ReportMetric(theirs[median].Seconds()*1e3, "conftest-ms")
}

// conftestOn returns a run of conftest's Engine over the rules of the production
// level: each object by the rules for objects, and all together by those for a
// whole render. The engine is loaded and warm, as ours is.
func conftestOn(t testing.TB, objects []object.Object) func() output.CheckResults {
	t.Helper()
	engine, err := conftest.Load([]string{ruleFiles(t)}, conftest.CompilerOptions{RegoVersion: "v1", Capabilities: ast.CapabilitiesForThisVersion()})
	if err != nil {
		t.Fatal(err)
	}
	var documents []any
	for _, o := range objects {
		documents = append(documents, any(o.Fields))
	}
	combined := make([]any, len(objects))
	for i, o := range objects {
		combined[i] = map[string]any{"path": o.File, "contents": o.Fields}
	}
	return func() output.CheckResults {
		var results output.CheckResults
		for _, namespace := range []string{"seal.pod", "seal.workload", "seal.meta", "seal.rbac", "seal.secret", "seal.argocd", "seal.network", "seal.mesh", "seal.api"} {
			found, err := engine.Check(t.Context(), map[string]any{"objects.yaml": documents}, namespace)
			if err != nil {
				t.Fatal(err)
			}
			results = append(results, found...)
		}
		found, err := engine.Check(t.Context(), map[string]any{"combined": []any{combined}}, "seal.render")
		if err != nil {
			t.Fatal(err)
		}
		return append(results, found...)
	}
}

// ruleFiles copies the built-in bundle without its tests, which conftest would
// load with it.
func ruleFiles(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	matches, err := filepath.Glob("builtin/rules/*.rego")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range matches {
		if matched, _ := filepath.Match("*_test.rego", filepath.Base(name)); matched {
			continue
		}
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
