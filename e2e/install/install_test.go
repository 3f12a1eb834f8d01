package install

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// argocd is the namespace, with the strictest standard that Kubernetes has for its
// pods.
const argocd = `
apiVersion: v1
kind: Namespace
metadata:
  name: argocd
  labels:
    pod-security.kubernetes.io/enforce: restricted
`

// TestInstallation goes from one release of Argo CD to the next on one cluster, as
// an upgrade does, and tries everything else there.
func TestInstallation(t *testing.T) {
	harness.Need(t, harness.Kustomize, harness.SealedSecretCRD)
	s := newSite(t)
	s.applyAll(t, parse(t, argocd))
	var objects []*unstructured.Unstructured
	for _, r := range releases {
		t.Run("Argo CD "+r.version, func(t *testing.T) {
			objects = installation(t, r)
			s.applyAll(t, objects)
			s.applyAll(t, build(t, root(t, "examples/install/admission")))
			s.applyAll(t, build(t, root(t, "examples/install/environments")))
			t.Run("pod security", func(t *testing.T) { s.testPodSecurity(t, objects) })
			t.Run("networks", func(t *testing.T) { testNetworks(t, objects) })
			t.Run("networks with receivers", func(t *testing.T) { s.testReceivers(t, r) })
		})
	}
	if t.Failed() {
		return
	}
	t.Run("rights", s.testRights)
	t.Run("rotation", func(t *testing.T) { s.testRotationStarts(t, objects) })
	t.Run("admission", s.testAdmission)
	t.Run("health", s.testHealth)
	t.Run("environments", func(t *testing.T) {
		s.testEnvironments(t)
		s.testObjects(t, "docs/environments.md")
	})
}

// parse reads one object.
func parse(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.UnmarshalStrict([]byte(text), &object.Object); err != nil {
		t.Fatal(err)
	}
	return []*unstructured.Unstructured{object}
}
