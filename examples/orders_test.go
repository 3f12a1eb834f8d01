package examples_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/policy/schema"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
)

// TestOrders resolves the example with its own bindings and without any Vault,
// and holds what comes out against the operator's own schema.
func TestOrders(t *testing.T) {
	file, err := config.Load("orders/plugin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	bindings, err := binding.NewSet(file.Seal.Rules())
	if err != nil {
		t.Fatal(err)
	}
	external := file.Seal.Environments[0].Injection.ExternalSecret
	stage := secrets.Stage{Bindings: bindings, Source: store.None{}, Environments: map[string]secrets.Environment{"production": {
		Default:    inject.KindExternalSecret,
		Injections: map[inject.Kind]inject.Injection{inject.KindExternalSecret: inject.ExternalSecret{RefreshInterval: external.RefreshInterval.Duration()}},
	}}}
	rendered := renderExample(t, "orders", "orders", "orders", nil)
	result, err := stage.Apply(t.Context(), secrets.Request{
		Identity:    secrets.Identity{Project: "orders", App: "orders", Namespace: "orders", Revision: strings.Repeat("a", 40)},
		Environment: "production", Objects: rendered.Objects,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"ExternalSecret orders-database", "ExternalSecret orders-signing", "ExternalSecret orders-deployment-env-external", "Deployment orders", "NetworkPolicy orders",
	}
	if diff := cmp.Diff(want, names(result.Objects)); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	for _, text := range []string{
		`"secretStoreRef":{"kind":"ClusterSecretStore","name":"aws"}`, `"secretStoreRef":{"kind":"SecretStore","name":"google"}`,
		`"key":"orders_signing-key","metadataPolicy":"None","version":"3"`, `"refreshInterval":"15m0s"`,
		`"url":"postgres://{{ .r1 }}:{{ .r2 }}@db.orders.svc:5432/orders"`, `"secretKeyRef":{"key":"web.PROVIDER_TOKEN","name":"orders-deployment-env-external"}`,
	} {
		if !holds(t, result.Objects, text) {
			t.Errorf("no object holds %s", text)
		}
	}
	fitOperator(t, result.Objects)
}

// fitOperator holds ExternalSecrets against the definition of External Secrets
// Operator's own release.
func fitOperator(t *testing.T, objects []object.Object) {
	t.Helper()
	content, err := os.ReadFile("../.cache/servers/external-secrets-crd-0.20.4.yaml")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("make servers fetches it: %v", err)
	}
	converted, err := yaml.YAMLToJSON(content)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(converted))
	decoder.UseNumber()
	var definition object.Object
	if err := decoder.Decode(&definition.Fields); err != nil {
		t.Fatal(err)
	}
	all := append([]object.Object{definition}, objects...)
	schemas, err := schema.NewRender(t.Context(), "", all, true)
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for i, o := range all {
		if o.Kind() != "ExternalSecret" {
			continue
		}
		checked++
		findings, err := schemas.Check(t.Context(), i, o)
		if err != nil || len(findings) > 0 {
			t.Errorf("%s does not fit the operator: %v %v", o, findings, err)
		}
	}
	if checked != 3 {
		t.Errorf("%d objects were checked, want 3", checked)
	}
}
