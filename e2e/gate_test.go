package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// privilegedPolicy is written for admission, as many platforms have it.
const privilegedPolicy = `package kubernetes.admission

deny[msg] {
  input.request.kind.kind == "Pod"
  container := input.request.object.spec.containers[_]
  container.securityContext.privileged == true
  msg := sprintf("Privileged container is not allowed: %v", [container.name])
}
`

// TestGate expects an application that a policy denies to give the violation
// and no manifest, and one that passes to give the very objects that were
// judged.
func TestGate(t *testing.T) {
	policies := t.TempDir()
	if err := os.WriteFile(filepath.Join(policies, "privileged.rego"), []byte(privilegedPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	gated := harness.Plugin{Name: "argocd-seal-gated", Version: "v1.0", Seal: fmt.Sprintf(
		"environments:\n- name: apps\n  match: {namespaces: [apps]}\n  policy: {bundles: [%q]}\n", policies)}
	each(t, []harness.Plugin{gated, served}, func(t *testing.T, lab *harness.Lab) {
		repository := harness.NewRepository(t, harness.Files{
			"good/pod.yaml": pod,
			"bad/pod.yaml":  pod + "    securityContext: {privileged: true}\n",
		})
		want := generate(t, lab, application(repository, "good", served.FullName()))
		if got := generate(t, lab, application(repository, "good", gated.FullName())); got != want {
			same(t, want, got)
			t.Error("the gate changed the bytes of what it let through")
		}
		response, err := lab.Generate(t.Context(), application(repository, "bad", gated.FullName()))
		if err == nil {
			t.Fatalf("a denied application gave %v", response.Manifests)
		}
		for _, word := range []string{"E_POLICY: bad/pod.yaml:1 Pod web", "Privileged container is not allowed: web"} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("the error lacks %q: %v", word, err)
			}
		}
		elsewhere := application(repository, "good", gated.FullName())
		elsewhere.Namespace = "elsewhere"
		if _, err := lab.Generate(t.Context(), elsewhere); err == nil || !strings.Contains(err.Error(), "E_ENVIRONMENT: ") {
			t.Errorf("an application of no environment gave %v", err)
		}
	})
}
