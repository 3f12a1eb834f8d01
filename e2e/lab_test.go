// Package e2e drives the built argocd-seal binary through the real Argo CD
// servers, as Argo CD's controller and user interface do.
package e2e

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/differential"
	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// servers are the Argo CD releases that every test runs against.
var servers = []harness.Binary{harness.ArgoCD2, harness.ArgoCD3}

// The plugin under the name that the examples use, under an alias of it, and
// upstream's server with `argocd-seal generate`.
const alias = "argocd-vault-plugin-kustomize"

var (
	served    = harness.Plugin{Name: "argocd-seal", Version: "v1.0", Aliases: []string{alias}}
	generated = harness.Plugin{Name: "argocd-seal-generate", Version: "v1.0"}
	// discovering matches every directory that is not empty.
	discovering = harness.Plugin{Name: "argocd-seal-discovering", Version: "v1.0", DiscoverFile: "*"}
)

// each runs a test against every release, each with its own lab and plugins.
func each(t *testing.T, plugins []harness.Plugin, test func(t *testing.T, lab *harness.Lab)) {
	t.Helper()
	for _, server := range servers {
		t.Run(filepath.Base(string(server)), func(t *testing.T) {
			t.Parallel()
			lab := harness.New(t, server)
			for _, plugin := range plugins {
				serve(t, lab, plugin)
			}
			test(t, lab)
		})
	}
}

func serve(t *testing.T, lab *harness.Lab, plugin harness.Plugin) *harness.Process {
	t.Helper()
	harness.Need(t, harness.Seal)
	process, err := lab.Serve(t.Context(), plugin)
	if err != nil {
		t.Fatal(err)
	}
	return process
}

// application asks for a directory of a repository through a plugin.
func application(repository *harness.Repository, path, plugin string, parameters ...v1alpha1.ApplicationSourcePluginParameter) harness.Application {
	return harness.Application{
		Name: "shop", Project: "team-a", Namespace: "apps", Repository: repository,
		Source: v1alpha1.ApplicationSource{Path: path,
			Plugin: &v1alpha1.ApplicationSourcePlugin{Name: plugin, Parameters: parameters}},
	}
}

// generate returns the manifests of an application, one a line.
func generate(t *testing.T, lab *harness.Lab, app harness.Application) string {
	t.Helper()
	response, err := lab.Generate(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	if response.SourceType != string(v1alpha1.ApplicationSourceTypePlugin) {
		t.Fatalf("rendered by %s, want by the plugin", response.SourceType)
	}
	if len(response.Manifests) == 0 {
		t.Fatal("rendered no manifest")
	}
	return strings.Join(response.Manifests, "\n")
}

// same fails the test where two sets of manifests are not the same objects.
func same(t *testing.T, want, got string) {
	t.Helper()
	wanted, err := differential.ParseLines([]byte(want))
	if err != nil {
		t.Fatal(err)
	}
	actual, err := differential.ParseLines([]byte(got))
	if err != nil {
		t.Fatal(err)
	}
	if difference := differential.Diff(wanted, actual); difference != "" {
		t.Error(difference)
	}
}

// laptop renders the same application with `argocd-seal render`.
func laptop(t *testing.T, root string, app harness.Application) string {
	t.Helper()
	path, err := harness.Seal.Path()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"render", filepath.Join(root, filepath.FromSlash(app.Source.Path)), "--root", root,
		"--until", "render", "--offline", "-o", "json", "--app", app.Name, "--project", app.Project,
		"--namespace", app.Namespace, "--kube-version", harness.KubeVersion}
	for _, version := range harness.APIVersions {
		args = append(args, "--api-versions", version)
	}
	if app.Source.Plugin != nil {
		for _, parameter := range app.Source.Plugin.Parameters {
			text, err := parameter.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			args = append(args, "--param-json", string(text))
		}
	}
	var stderr bytes.Buffer
	command := exec.CommandContext(t.Context(), path, args...)
	command.Stderr = &stderr
	stdout, err := command.Output()
	if err != nil {
		t.Fatalf("argocd-seal %s: %v: %s", strings.Join(args, " "), err, &stderr)
	}
	return string(stdout)
}
