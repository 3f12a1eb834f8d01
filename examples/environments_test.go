package examples_test

import (
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
)

// TestInstallEnvironments holds the projects and ApplicationSets against
// plugin.yaml: an environment there without its project, or the other way round,
// would be one that nobody can use or that nothing judges.
func TestInstallEnvironments(t *testing.T) {
	file, err := config.Load("install/sidecar/plugin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Seal.Environments) != 3 || len(file.Seal.Bindings) != 3 {
		t.Fatalf("plugin.yaml has %d environments and %d bindings, want 3 of each", len(file.Seal.Environments), len(file.Seal.Bindings))
	}
	for i, environment := range file.Seal.Environments {
		t.Run(environment.Name, func(t *testing.T) {
			project, set := environmentFile(t, "install/environments/"+environment.Name+".yaml")
			binding := file.Seal.Bindings[i]
			for what, projects := range map[string][]string{"the environment": environment.Match.Projects, "the binding": binding.Projects} {
				if !slices.Equal(projects, []string{project.Name}) {
					t.Errorf("%s is for the projects %v, and the project is %s", what, projects, project.Name)
				}
			}
			namespace := project.Spec.Destinations[0].Namespace
			for what, namespaces := range map[string][]string{"the environment": environment.Match.Namespaces, "the binding": binding.Namespaces} {
				if !slices.Equal(namespaces, []string{namespace}) {
					t.Errorf("%s is for the namespaces %v, and the project for %s", what, namespaces, namespace)
				}
			}
			if !slices.Equal(binding.RepoURLs, project.Spec.SourceRepos) {
				t.Errorf("the binding is for %v, and the project for %v", binding.RepoURLs, project.Spec.SourceRepos)
			}
			if binding.Role != environment.Name || !strings.HasPrefix(binding.Paths[0], "kv/"+environment.Name+"/") {
				t.Errorf("the binding of %s reads %v as %s", environment.Name, binding.Paths, binding.Role)
			}
			if name := set.Spec.Template.Spec.Source.Plugin.Name; !slices.Contains(file.Sockets(), name+".sock") {
				t.Errorf("the Applications name the plugin %s, and plugin.yaml serves %v", name, file.Sockets())
			}
			testPromotes(t, environment, set.Spec.Generators[0].Git.Directories[0].Path)
		})
	}
}

// testPromotes holds promotion against the layout of the repository.
func testPromotes(t *testing.T, environment config.Environment, directory string) {
	t.Helper()
	if base := path.Base(directory); base != environment.Name {
		t.Errorf("the Applications are made of directories called %s", base)
	}
	from := environment.Promotion.From
	if from == "" {
		if environment.Name == "production" {
			t.Error("production ships what nobody has tried")
		}
		return
	}
	if got := path.Base(path.Join(directory, from)); got != "staging" {
		t.Errorf("%s promotes from %s", environment.Name, got)
	}
}

func environmentFile(t *testing.T, file string) (*v1alpha1.AppProject, *v1alpha1.ApplicationSet) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	first, second, _ := strings.Cut(string(content), "\n---\n")
	project, set := &v1alpha1.AppProject{}, &v1alpha1.ApplicationSet{}
	if err := yaml.UnmarshalStrict([]byte(first), project); err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict([]byte(second), set); err != nil {
		t.Fatal(err)
	}
	return project, set
}
