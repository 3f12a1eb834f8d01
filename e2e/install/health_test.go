package install

import (
	"testing"

	argolua "github.com/argoproj/argo-cd/v2/util/lua"
	"github.com/argoproj/argo-cd/v2/util/settings"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// testHealth lets Argo CD read its settings from the cluster and judge objects by
// them, with its own Lua.
func (s *site) testHealth(t *testing.T) {
	overrides, err := settings.NewSettingsManager(t.Context(), s.Client, "argocd").GetResourceOverrides()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range healths {
		t.Run(test.name, func(t *testing.T) {
			object := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(test.object), &object.Object); err != nil {
				t.Fatal(err)
			}
			ours := judge(t, argolua.ResourceHealthOverrides(overrides), object)
			if ours != test.ours {
				t.Errorf("it is %q, want %q", ours, test.ours)
			}
			if theirs := judge(t, nil, object); theirs != test.theirs {
				t.Errorf("without the component it is %q, want %q: is the script still needed?", theirs, test.theirs)
			}
		})
	}
}

func judge(t *testing.T, overrides argolua.ResourceHealthOverrides, object *unstructured.Unstructured) string {
	t.Helper()
	status, err := overrides.GetResourceHealth(object)
	if err != nil {
		t.Fatal(err)
	}
	if status == nil {
		return "none"
	}
	return string(status.Status)
}

const (
	sealed   = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\n"
	external = "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\n"
	static   = "apiVersion: secrets.hashicorp.com/v1beta1\nkind: VaultStaticSecret\n"
	provider = "apiVersion: secrets-store.csi.x-k8s.io/v1\nkind: SecretProviderClass\n"
)

// healths are objects with what their controllers write, what they are with the
// component, and what they are for Argo CD alone.
var healths = []struct{ name, object, ours, theirs string }{
	{"sealed, new", sealed + `metadata: {generation: 1}`, "Progressing", "Progressing"},
	{"sealed, done", sealed + "metadata: {generation: 2}\nstatus: {observedGeneration: 2, conditions: [{type: Synced, status: 'True'}]}", "Healthy", "Healthy"},
	{"sealed, failed", sealed + "metadata: {generation: 2}\nstatus: {observedGeneration: 2, conditions: [{type: Synced, status: 'False', message: no key}]}", "Degraded", "Degraded"},
	{"sealed, changed and not yet seen", sealed + "metadata: {generation: 3}\nstatus: {observedGeneration: 2, conditions: [{type: Synced, status: 'True'}]}", "Progressing", "Healthy"},
	{"sealed, mended and not yet seen", sealed + "metadata: {generation: 3}\nstatus: {observedGeneration: 2, conditions: [{type: Synced, status: 'False'}]}", "Progressing", "Degraded"},
	{"sealed, by a controller without generations", sealed + "metadata: {generation: 3}\nstatus: {conditions: [{type: Synced, status: 'True'}]}", "Healthy", "Healthy"},

	{"external, new", external + `metadata: {generation: 1}`, "Progressing", "Progressing"},
	{"external, done", external + "metadata: {generation: 12}\nstatus: {syncedResourceVersion: 12-f3a9, conditions: [{type: Ready, status: 'True'}]}", "Healthy", "Healthy"},
	{"external, failed", external + "metadata: {generation: 2}\nstatus: {syncedResourceVersion: 1-f3a9, conditions: [{type: Ready, status: 'False'}]}", "Degraded", "Degraded"},
	{"external, changed and not yet seen", external + "metadata: {generation: 2}\nstatus: {syncedResourceVersion: 1-f3a9, conditions: [{type: Ready, status: 'True'}]}", "Progressing", "Healthy"},
	{"external, changed from 1 to 12", external + "metadata: {generation: 12}\nstatus: {syncedResourceVersion: 1-2f3a9, conditions: [{type: Ready, status: 'True'}]}", "Progressing", "Healthy"},
	{"external, changed from 12 to 1", external + "metadata: {generation: 1}\nstatus: {syncedResourceVersion: 12-f3a9, conditions: [{type: Ready, status: 'True'}]}", "Progressing", "Healthy"},
	{"external, made once", external + "metadata: {generation: 2}\nspec: {refreshPolicy: CreatedOnce}\nstatus: {syncedResourceVersion: 1-f3a9, conditions: [{type: Ready, status: 'True'}]}", "Healthy", "Healthy"},

	{"static, new", static + "metadata: {generation: 1}", "Progressing", "none"},
	{"static, done by an older operator", static + "metadata: {generation: 2}\nstatus: {lastGeneration: 2, secretMAC: bWFj}", "Healthy", "none"},
	{"static, done", static + "metadata: {generation: 2}\nstatus: {lastGeneration: 2, conditions: [{type: SecretSynced, status: 'True'}, {type: Healthy, status: 'True'}]}", "Healthy", "none"},
	{"static, failed", static + "metadata: {generation: 2}\nstatus: {lastGeneration: 2, conditions: [{type: SecretSynced, status: 'False'}, {type: Healthy, status: 'False'}]}", "Degraded", "none"},
	{"static, changed and not yet seen", static + "metadata: {generation: 3}\nstatus: {lastGeneration: 2, conditions: [{type: Healthy, status: 'True'}]}", "Progressing", "none"},

	{"provider class", provider + `metadata: {generation: 1}`, "none", "none"},
}
