package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// elsewhere is an application whose secrets lie in two clouds.
var elsewhere = harness.Files{
	"app/all.yaml": `apiVersion: v1
kind: Secret
metadata: {name: db, labels: {app: shop}}
stringData:
  password: <aws-sm:shop/db#password>
  certificate: <azure-kv:shop-certificate##fedcba9876543210fedcba9876543210>
---
apiVersion: v1
kind: Secret
metadata: {name: url}
stringData: {url: 'pg://<aws-sm:shop/db#user#AWSCURRENT>:<aws-sm:shop/db#password>@db/shop'}
---
apiVersion: v1
kind: Secret
metadata: {name: all}
stringData: <aws-sm:shop/settings>
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: web, env: [{name: TOKEN, value: <azure-kv:shop-token>}]}]
`,
	"foreign/secret.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {a: <aws-sm:ledger/db#password>}\n",
}

// TestOtherStores renders references to other stores through the real
// repo-server, by a sidecar without any Vault, and has the real API server store
// the ExternalSecrets with strict validation. It must store them as they are.
func TestOtherStores(t *testing.T) {
	harness.Need(t, harness.ExternalSecretCRD)
	cluster := harness.NewCluster(t)
	must(t, cluster.Namespace(t.Context(), "apps"))
	must(t, cluster.DefineExternalSecrets(t.Context()))
	client, err := dynamic.NewForConfig(cluster.Config)
	must(t, err)
	resource := client.Resource(harness.ExternalSecrets).Namespace("apps")
	for _, server := range servers {
		t.Run(filepath.Base(string(server)), func(t *testing.T) {
			lab := harness.New(t, server)
			repository := harness.NewRepository(t, elsewhere)
			plugin := harness.Plugin{Name: "argocd-seal-stores", Version: "v1.0", Seal: fmt.Sprintf(`bindings:
- name: shop
  repoURLs: [%q]
  namespaces: [apps]
  stores:
  - {provider: aws-sm, names: ["shop/*"], store: {name: aws}}
  - {provider: azure-kv, names: ["shop-*"], store: {kind: SecretStore, name: vault}}
environments:
- {name: apps, injection: {default: external-secret}}
`, repository.URL)}
			serve(t, lab, plugin)
			manifests := generate(t, lab, application(repository, "app", plugin.FullName()))
			if again := generate(t, lab, application(repository, "app", plugin.FullName())); again != manifests {
				t.Error("a second render gives other bytes")
			}
			var stored []string
			for line := range strings.Lines(manifests) {
				object := &unstructured.Unstructured{}
				must(t, object.UnmarshalJSON([]byte(line)))
				if object.GetKind() != "ExternalSecret" {
					continue
				}
				// Argo CD's own label is on it; what is below spec is all ours.
				created, err := resource.Create(t.Context(), object, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
				if err != nil {
					t.Errorf("the API server refuses %s: %v", object.GetName(), err)
					continue
				}
				if diff := cmp.Diff(object.Object["spec"], created.Object["spec"]); diff != "" {
					t.Errorf("%s is not stored as it is (-emitted +stored):\n%s", object.GetName(), diff)
				}
				stored = append(stored, object.GetName())
				must(t, resource.Delete(t.Context(), object.GetName(), metav1.DeleteOptions{}))
			}
			if diff := cmp.Diff([]string{"all", "db", "url", "web-deployment-env-external"}, stored); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
			if strings.Contains(manifests, `"kind":"Secret"`) || strings.Contains(manifests, "<aws-sm:") {
				t.Error("a Secret or a reference was emitted")
			}
			response, err := lab.Generate(t.Context(), application(repository, "foreign", plugin.FullName()))
			if err == nil || !strings.Contains(err.Error(), "E_FORBIDDEN: ") {
				t.Errorf("a name that is not bound gives %v, %v", response.GetManifests(), err)
			}
		})
	}
}
