package plugin_test

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// noEmptyData is a policy of the platform, with conftest's conventions.
const noEmptyData = `package main

deny contains msg if {
	input.kind == "ConfigMap"
	not input.data
	msg := sprintf("%s has no data", [input.metadata.name])
}
`

func gated(t *testing.T) *plugin.Pipeline {
	t.Helper()
	own := []policy.Bundle{{Name: "own", Policies: []bundle.Source{{Name: "own", FS: fstest.MapFS{"p.rego": {Data: []byte(noEmptyData)}}}}}}
	gate, err := policy.New(t.Context(), policy.Config{Environments: map[string]policy.Environment{
		"production": {Bundles: own},
		"staging":    {Bundles: own, Enforcement: verdict.Warn},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return &plugin.Pipeline{
		Renderer: &inProcess{}, Gate: gate,
		Environments: []plugin.Environment{
			{Name: "production", Namespaces: []string{"prod", "prod-*"}, Projects: []string{"team"}, Judged: true},
			{Name: "staging", Paths: []string{"*/staging"}, Judged: true},
			{Name: "dev", Namespaces: []string{"dev"}},
		},
	}
}

func TestGate(t *testing.T) {
	files := source.NewTree()
	files.Add("a.yaml", []byte(configMap))
	prod := plugin.Identity{App: "web", Project: "team", Namespace: "prod-eu"}
	tests := map[string]struct {
		identity plugin.Identity
		chosen   string
		want     string
		warning  string
	}{
		"denied":                          {identity: prod, want: "E_POLICY: a.yaml:1 ConfigMap a: main/deny: a has no data"},
		"warned":                          {identity: plugin.Identity{App: "web", Path: "apps/staging"}, warning: "a has no data"},
		"not judged":                      {identity: plugin.Identity{App: "web", Namespace: "dev"}},
		"no environment":                  {identity: plugin.Identity{App: "web", Namespace: "other"}, want: "E_ENVIRONMENT: "},
		"another project's namespace":     {identity: plugin.Identity{App: "web", Project: "b", Namespace: "prod"}, want: "E_ENVIRONMENT: "},
		"no project, as Argo CD 2.14":     {identity: plugin.Identity{App: "web", Namespace: "prod"}, want: "E_ENVIRONMENT: "},
		"a person chooses":                {identity: prod, chosen: "dev"},
		"a person chooses what is not":    {identity: prod, chosen: "test", want: "E_ENVIRONMENT: there is no environment"},
		"a star does not cross a segment": {identity: plugin.Identity{App: "web", Path: "x/apps/staging"}, want: "E_ENVIRONMENT: "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			output, err := gated(t).Run(context.Background(), plugin.Job{Identity: test.identity, Source: files, Path: ".", Environment: test.chosen})
			if test.want != "" {
				if err == nil || !strings.HasPrefix(fault.Text(fault.Of(err)), test.want) {
					t.Errorf("got %v, want %s", err, test.want)
				}
				if len(output.Objects) != 0 {
					t.Error("a refused application emits objects")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var warnings []string
			for _, warning := range output.Warnings {
				warnings = append(warnings, warning.Message)
			}
			if got := strings.Join(warnings, "; "); !strings.Contains(got, test.warning) || test.warning == "" && got != "" {
				t.Errorf("warnings %q, want %q", got, test.warning)
			}
		})
	}
}

// What the gate judged is what leaves.
func TestGateJudgesWhatIsEmitted(t *testing.T) {
	files := source.NewTree()
	files.Add("a.yaml", []byte(configMap+"data: {k: v}\n"))
	output, err := gated(t).Run(t.Context(), plugin.Job{
		Identity: plugin.Identity{App: "web", Project: "team", Namespace: "prod"}, Source: files, Path: ".",
	})
	if err != nil {
		t.Fatal(err)
	}
	manifests, err := output.Manifests()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`{"apiVersion":"v1","data":{"k":"v"},"kind":"ConfigMap","metadata":{"name":"a"}}`}
	if diff := cmp.Diff(want, manifests); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
