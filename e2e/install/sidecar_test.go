package install

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// TestSidecar starts the container as the example's Deployment says, on files as a
// kubelet lays them out.
func TestSidecar(t *testing.T) {
	harness.Need(t, harness.Seal, harness.Unshare, harness.Kustomize)
	if os.Getuid() != 0 {
		t.Skip("to change owners of files and to mount takes root")
	}
	objects := installation(t, releases[len(releases)-1])
	spec := pod(t, find(t, objects, "Deployment", "argocd-repo-server")).Spec
	for _, test := range []struct {
		name string
		// change is made to the files before the start.
		change func(t *testing.T, volumes map[string]string)
		// want is a code, or whether Vault is waited for where the sidecar serves.
		want string
	}{
		{"as in the example", nil, waits},
		{"with a salt for everybody", func(t *testing.T, volumes map[string]string) {
			must(t, os.Chmod(filepath.Join(volumes["argocd-seal-salt"], "salt"), 0o444))
		}, "E_SEAL"},
		{"without certificates", func(t *testing.T, volumes map[string]string) {
			must(t, os.Remove(filepath.Join(volumes["argocd-seal-certificates"], "production.crt")))
		}, "E_SEAL"},
		{"without anything of Vault's, to try it", func(t *testing.T, volumes map[string]string) {
			for _, name := range []string{"argocd-seal-certificates", "argocd-seal-salt", "argocd-seal-audit"} {
				empty(t, volumes[name])
			}
			withoutVault(t, filepath.Join(volumes["argocd-seal"], "plugin.yaml"))
		}, ""},
		{"with the fingerprints that are nobody's", func(t *testing.T, volumes map[string]string) {
			must(t, os.WriteFile(filepath.Join(volumes["argocd-seal"], "plugin.yaml"), pluginYAML(t), 0o644))
		}, "E_SEAL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := newNode(t, spec)
			if test.change != nil {
				test.change(t, n.volumes)
			}
			if test.want == "" || test.want == waits {
				n.testServes(t, test.want == waits)
				return
			}
			n.testEnds(t, test.want)
		})
	}
	ungrouped := *spec.DeepCopy()
	ungrouped.SecurityContext.FSGroup = nil
	t.Run("without an fsGroup", func(t *testing.T) {
		newNode(t, ungrouped).testEnds(t, "E_AUDIT")
	})
	t.Run("without an fsGroup and a trail", func(t *testing.T) {
		n := newNode(t, ungrouped)
		editSeal(t, filepath.Join(n.volumes["argocd-seal"], "plugin.yaml"), func(seal map[string]any) { delete(seal, "audit") })
		n.testEnds(t, "E_SEAL")
	})
}

// waits is for a sidecar that serves and is not ready at once.
const waits = "not ready at once"

// empty is what the kubelet makes of an optional volume whose source is missing.
func empty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, entry := range entries {
		must(t, os.Remove(filepath.Join(dir, entry.Name())))
	}
}

// withoutVault leaves out of plugin.yaml what docs/install.md says.
func withoutVault(t *testing.T, file string) {
	t.Helper()
	editSeal(t, file, func(seal map[string]any) {
		delete(seal, "vault")
		delete(seal, "audit")
		delete(seal, "bindings")
		environments, _ := seal["environments"].([]any)
		for _, environment := range environments {
			delete(environment.(map[string]any), "injection")
		}
	})
}

// editSeal changes the second document of a plugin.yaml.
func editSeal(t *testing.T, file string, change func(seal map[string]any)) {
	t.Helper()
	content, err := os.ReadFile(file)
	must(t, err)
	first, second, _ := strings.Cut(string(content), "\n---\n")
	var seal map[string]any
	must(t, yaml.Unmarshal([]byte(second), &seal))
	change(seal)
	changed, err := yaml.Marshal(seal)
	must(t, err)
	must(t, os.WriteFile(file, []byte(first+"\n---\n"+string(changed)), 0o644))
}
