package e2e

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// TestSealing renders an application through the real repo-server with values
// from the real Vault, into which the sidecar logs in with a service account's
// token that the real API server reviews. What comes out is unsealed by the
// real controller and by kubeseal, and Redis holds no value.
func TestSealing(t *testing.T) {
	world := startSealing(t)
	values := newSecrets()
	values.store(t, world.vault)
	for _, server := range servers {
		t.Run(filepath.Base(string(server)), func(t *testing.T) {
			lab := harness.New(t, server)
			repository := harness.NewRepository(t, shop)
			plugin := world.plugin(t, "sealed-secret", repository)
			sidecar := serve(t, lab, plugin)
			world.vault.Asked()
			app := application(repository, "app", plugin.FullName())
			manifests := generate(t, lab, app)
			asked := world.vault.Asked()
			sealed := sealedSecrets(t, manifests)
			if got, want := slices.Sorted(maps.Keys(sealed)), slices.Sorted(maps.Keys(values.want)); !slices.Equal(got, want) {
				t.Fatalf("sealed are %v, want %v", got, want)
			}
			if strings.Contains(manifests, `"kind":"Secret"`) {
				t.Error("a plain Secret was emitted")
			}
			world.unseal(t, sealed, values)
			if again := generate(t, lab, app); again != manifests {
				t.Error("a second render gives other bytes")
			}
			t.Logf("reads for one render: %d of %d paths and versions", countReads(asked), len(values.stored))
			if reads := countReads(asked); reads != len(values.stored) {
				t.Errorf("%d reads, want %d: %v", reads, len(values.stored), asked)
			}
			hits, total := search(t, lab, values)
			t.Logf("Redis: %d entries, %d of %d values found", total, hits, len(values.hidden))
			if hits != 0 || total == 0 {
				t.Errorf("Redis shows %d of %d values in %d entries", hits, len(values.hidden), total)
			}
			for _, value := range values.hidden {
				if places := seen(value, map[string][]byte{"manifests": []byte(manifests), "log": []byte(sidecar.Log())}); len(places) > 0 {
					t.Errorf("a value stands in %v", places)
				}
			}
		})
	}
	t.Run("two replicas agree", func(t *testing.T) { replicasAgree(t, world) })
	t.Run("plaintext is found", func(t *testing.T) { plaintextIsFound(t, world, values) })
	t.Run("rotation", func(t *testing.T) { rotation(t, world) })
}

// sealedSecrets returns the SealedSecrets among manifests by name.
func sealedSecrets(t *testing.T, manifests string) map[string]*unstructured.Unstructured {
	t.Helper()
	found := map[string]*unstructured.Unstructured{}
	for line := range strings.Lines(manifests) {
		object := &unstructured.Unstructured{}
		must(t, object.UnmarshalJSON([]byte(line)))
		if object.GetKind() == "SealedSecret" {
			found[object.GetName()] = object
		}
	}
	return found
}

// unseal expects the controller and kubeseal to give back the exact bytes.
func (s *sealing) unseal(t *testing.T, sealed map[string]*unstructured.Unstructured, values secrets) {
	t.Helper()
	total := 0
	for name, object := range sealed {
		want := values.want[name]
		text, err := object.MarshalJSON()
		must(t, err)
		recovered, err := harness.RecoverSecret(t.Context(), s.key, text)
		must(t, err)
		if different := differ(want, recovered.Data); len(different) > 0 {
			t.Errorf("kubeseal gives back other bytes for %s: %v", name, different)
		}
		must(t, s.cluster.Apply(t.Context(), harness.SealedSecrets, object))
		secret, err := s.cluster.Secret(t.Context(), "apps", name, func(secret *corev1.Secret) error {
			if different := differ(want, secret.Data); len(different) > 0 {
				return fmt.Errorf("the controller gives back other bytes for %s: %v", name, different)
			}
			return nil
		})
		must(t, err)
		for _, value := range secret.Data {
			total += len(value)
		}
	}
	t.Logf("unsealed by the controller and by kubeseal: %d Secrets, %d bytes, all equal", len(sealed), total)
}

// differ returns the keys whose bytes are not the same.
func differ(want, got map[string][]byte) []string {
	var keys []string
	for key := range want {
		if value, ok := got[key]; !ok || !bytes.Equal(want[key], value) {
			keys = append(keys, key)
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func countReads(asked []string) int {
	reads := 0
	for _, request := range asked {
		if strings.HasPrefix(request, "GET /v1/kv/data/") {
			reads++
		}
	}
	return reads
}

// search looks for every value in Redis and returns how many it found, and in
// how many entries it looked.
func search(t *testing.T, lab *harness.Lab, values secrets) (hits, entries int) {
	t.Helper()
	cached, err := lab.Cached(t.Context())
	must(t, err)
	for _, value := range values.hidden {
		if len(seen(value, cached)) > 0 {
			hits++
		}
	}
	return hits, len(cached)
}

// plaintextIsFound expects the same search that finds nothing after sealing to
// find every value where the platform lets argocd-vault-plugin's way on.
func plaintextIsFound(t *testing.T, world *sealing, values secrets) {
	lab := harness.New(t, harness.ArgoCD2)
	repository := harness.NewRepository(t, shop)
	plugin := world.plugin(t, "plaintext", repository)
	sidecar := serve(t, lab, plugin)
	generate(t, lab, application(repository, "app", plugin.FullName()))
	hits, total := search(t, lab, values)
	t.Logf("Redis with plaintext: %d entries, %d of %d values found", total, hits, len(values.hidden))
	if hits != len(values.hidden) {
		t.Errorf("the search finds %d of %d values", hits, len(values.hidden))
	}
	if !strings.Contains(sidecar.Log(), "plaintext") {
		t.Error("the log does not say that values were emitted in clear")
	}
}

// rotation expects a new version in Vault to change the Secrets that use it and
// the workloads that use those, and nothing else.
func rotation(t *testing.T, world *sealing) {
	lab := harness.New(t, harness.ArgoCD3)
	repository := harness.NewRepository(t, shop)
	plugin := world.plugin(t, "sealed-secret", repository)
	serve(t, lab, plugin)
	app := application(repository, "app", plugin.FullName())
	before := strings.Split(generate(t, lab, app), "\n")
	rotated := rand.Text()
	must(t, world.vault.Write(t.Context(), "kv/data/shop/env", map[string]any{"data": map[string]any{"dsn": rotated}}))
	after := generate(t, lab, app)
	var changed []string
	for line := range strings.Lines(after) {
		line = strings.TrimSpace(line)
		if !slices.Contains(before, line) {
			object := &unstructured.Unstructured{}
			must(t, object.UnmarshalJSON([]byte(line)))
			changed = append(changed, object.GetKind()+"/"+object.GetName())
		}
	}
	slices.Sort(changed)
	if want := []string{"Deployment/web", "SealedSecret/web-deployment-env"}; !slices.Equal(changed, want) {
		t.Errorf("changed are %v, want %v", changed, want)
	}
	object := sealedSecrets(t, after)["web-deployment-env"]
	must(t, world.cluster.Apply(t.Context(), harness.SealedSecrets, object))
	_, err := world.cluster.Secret(t.Context(), "apps", "web-deployment-env", func(secret *corev1.Secret) error {
		if string(secret.Data["web.DSN"]) != rotated {
			return fmt.Errorf("the Secret has not the new value")
		}
		return nil
	})
	must(t, err)
}

// TestUploadedFilesGetNoSecret is threat B1: whoever may read an Application may
// have files of his own rendered as it.
func TestUploadedFilesGetNoSecret(t *testing.T) {
	vault := harness.NewVault(t)
	world := &sealing{vault: vault, dir: t.TempDir()}
	must(t, os.WriteFile(world.file("token"), []byte("unused"), 0o600))
	for _, server := range servers {
		t.Run(filepath.Base(string(server)), func(t *testing.T) {
			lab := harness.New(t, server)
			repository := harness.NewRepository(t, shop)
			plugin := world.plugin(t, "plaintext", repository)
			serve(t, lab, plugin)
			response, err := lab.GenerateUploaded(t.Context(), application(repository, "app", plugin.FullName()))
			if err == nil || !strings.Contains(err.Error(), "E_IDENTITY_STREAMED: ") {
				t.Errorf("uploaded files give %v, %v", response.GetManifests(), err)
			}
			if asked := vault.Asked(); len(asked) > 0 {
				t.Errorf("Vault was asked %v", asked)
			}
		})
	}
}

// TestApplicationChoosesInjection expects the parameter to choose among what the
// platform allows, and nothing else.
func TestApplicationChoosesInjection(t *testing.T) {
	lab := harness.New(t, harness.ArgoCD2)
	repository := harness.NewRepository(t, harness.Files{"app/secret.yaml": `apiVersion: v1
kind: Secret
metadata: {name: db}
stringData: {password: "<vault:kv/shop/db#password>"}
`})
	plugin := harness.Plugin{Name: "argocd-seal-pointers", Version: "v1.0", Seal: fmt.Sprintf(`vault:
  address: https://vault.example.com:8200
  roles: [{name: shop, method: userpass, username: shop, passwordFile: /dev/null}]
bindings:
- {name: shop, repoURLs: [%q], namespaces: [apps], role: shop, paths: ["kv/shop/**"]}
environments:
- name: apps
  injection:
    default: external-secret
    allowed: [vault-static-secret]
    externalSecret: {store: vault}
    vaultStaticSecret: {authRef: vault-auth}
    hydratorSafe: true
`, repository.URL)}
	serve(t, lab, plugin)
	choose := func(injection string) (string, error) {
		app := application(repository, "app", plugin.FullName())
		if injection != "" {
			app.Source.Plugin.Parameters = append(app.Source.Plugin.Parameters,
				v1alpha1.ApplicationSourcePluginParameter{Name: "injection", String_: &injection})
		}
		response, err := lab.Generate(t.Context(), app)
		return strings.Join(response.GetManifests(), "\n"), err
	}
	for injection, kind := range map[string]string{"": "ExternalSecret", "external-secret": "ExternalSecret", "vault-static-secret": "VaultStaticSecret"} {
		if got, err := choose(injection); err != nil || !strings.Contains(got, `"kind":"`+kind+`"`) {
			t.Errorf("injection %q gives %s, %v, want a %s", injection, got, err, kind)
		}
	}
	for _, injection := range []string{"plaintext", "vault-agent", "none"} {
		if got, err := choose(injection); err == nil || !strings.Contains(err.Error(), "E_INJECTION: ") {
			t.Errorf("injection %q gives %s, %v", injection, got, err)
		}
	}
}
