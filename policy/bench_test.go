package policy_test

import (
	"os"
	"path/filepath"
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
	for name, count := range map[string]int{"30": 30, "1000": 1000} {
		b.Run(name, func(b *testing.B) {
			gate, objects := production(b), goodObjects(b, count)
			for b.Loop() {
				evaluate(b, gate, objects...)
			}
		})
	}
}

func BenchmarkConftestOnTheSameBundle(b *testing.B) {
	run := conftestOn(b, goodObjects(b, 30))
	for b.Loop() {
		run()
	}
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

// TestTenTimesFasterThanConftest measures both in the same run, the best of
// several so that a busy machine does not decide.
func TestTenTimesFasterThanConftest(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("measures time")
	}
	gate, objects := production(t), goodObjects(t, 30)
	ours := best(8, func() { evaluate(t, gate, objects...) })
	run := conftestOn(t, objects)
	theirs := best(3, func() { run() })
	many := goodObjects(t, 1000)
	thousand := best(2, func() { evaluate(t, gate, many...) })
	t.Logf("30 objects: %v, conftest %v (%.1f times); 1000 objects: %v", ours, theirs, float64(theirs)/float64(ours), thousand)
	if theirs < 10*ours {
		t.Errorf("30 objects take %v, conftest takes %v", ours, theirs)
	}
	if thousand > 4*ours*1000/30 {
		t.Errorf("1000 objects take %v, 30 take %v: not linear", thousand, ours)
	}
}

func best(runs int, run func()) time.Duration {
	shortest := time.Duration(1 << 62)
	for range runs {
		start := time.Now()
		run()
		shortest = min(shortest, time.Since(start))
	}
	return shortest
}
