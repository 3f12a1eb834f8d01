package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// leastExamples is one for each kind of source: plain directory, kustomize,
// helm, helm+kustomize and composite.
const leastExamples = 5

// TestRepoServer renders every example through every release by each way of
// selecting the plugin, and expects what `argocd-seal render` prints.
func TestRepoServer(t *testing.T) {
	root, applications := examples(t)
	each(t, []harness.Plugin{served, discovering}, func(t *testing.T, lab *harness.Lab) {
		for name, app := range applications {
			want := laptop(t, root, app)
			for selection, plugin := range map[string]string{"name": served.FullName(), "alias": alias, "discovery": ""} {
				t.Run(name+" by "+selection, func(t *testing.T) {
					same(t, want, generate(t, lab, selected(app, plugin)))
				})
			}
		}
	})
}

// TestGenerateUnderCMPServer expects upstream's argocd-cmp-server, running
// `argocd-seal generate`, to give the same bytes as our own server.
func TestGenerateUnderCMPServer(t *testing.T) {
	_, applications := examples(t)
	each(t, []harness.Plugin{served}, func(t *testing.T, lab *harness.Lab) {
		if _, err := lab.ServeCMP(t.Context(), generated); err != nil {
			t.Fatal(err)
		}
		for name, app := range applications {
			t.Run(name, func(t *testing.T) {
				want := generate(t, lab, selected(app, served.FullName()))
				if got := generate(t, lab, selected(app, generated.FullName())); got != want {
					same(t, want, got)
					t.Error("the manifests are not the same bytes")
				}
			})
		}
	})
}

// examples returns a repository that holds only examples, under their own path,
// so that their Applications' paths are right, and those Applications.
func examples(t *testing.T) (root string, applications map[string]harness.Application) {
	t.Helper()
	harness.Need(t, harness.Git)
	root = t.TempDir()
	repository, err := harness.CreateRepository(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	if err := repository.CommitTree(t.Context(), "../examples", "examples"); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "examples", "applications", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < leastExamples {
		t.Fatalf("found %d example Applications, want at least %d", len(files), leastExamples)
	}
	applications = map[string]harness.Application{}
	for _, file := range files {
		applications[strings.TrimSuffix(filepath.Base(file), ".yaml")] = readApplication(t, file, repository)
	}
	return root, applications
}

func readApplication(t *testing.T, file string, repository *harness.Repository) harness.Application {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var app v1alpha1.Application
	if err := yaml.UnmarshalStrict(text, &app); err != nil {
		t.Fatalf("%s: %v", filepath.Base(file), err)
	}
	if app.Spec.Source == nil || app.Spec.Source.Plugin == nil || app.Spec.Source.Plugin.Name != served.FullName() {
		t.Fatalf("%s does not name the plugin %s", filepath.Base(file), served.FullName())
	}
	return harness.Application{Name: app.Name, Project: app.Spec.Project,
		Namespace: app.Spec.Destination.Namespace, Repository: repository, Source: *app.Spec.Source}
}

// selected returns the application with another plugin name. Without a name and
// without parameters the source has no plugin section at all, as in an
// Application that relies on discovery.
func selected(app harness.Application, plugin string) harness.Application {
	app.Source = *app.Source.DeepCopy()
	app.Source.Plugin.Name = plugin
	if app.Source.Plugin.IsZero() {
		app.Source.Plugin = nil
	}
	return app
}
