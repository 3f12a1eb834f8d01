package install

import (
	"context"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/applicationset/controllers/template"
	"github.com/argoproj/argo-cd/v2/applicationset/generators"
	"github.com/argoproj/argo-cd/v2/applicationset/services"
	"github.com/argoproj/argo-cd/v2/applicationset/utils"
	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/util/rbac"
	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// deployments is a repository as the ApplicationSets expect it.
var deployments = harness.Files{
	"apps/shop/overlays/dev/pod.yaml":        configMap,
	"apps/shop/overlays/staging/pod.yaml":    configMap,
	"apps/shop/overlays/production/pod.yaml": configMap,
	"apps/cart/overlays/dev/pod.yaml":        configMap,
	"apps/cart/base/pod.yaml":                configMap,
	"elsewhere/production/pod.yaml":          configMap,
}

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n"

// testEnvironments lets Argo CD's own code say what the projects allow and what
// the ApplicationSets make, and renders that with the plugin they name.
func (s *site) testEnvironments(t *testing.T) {
	lab := harness.New(t, harness.ArgoCD2)
	if _, err := lab.Serve(t.Context(), harness.Plugin{Name: "argocd-seal", Version: "v1.0"}); err != nil {
		t.Fatal(err)
	}
	repository := harness.NewRepository(t, deployments)
	for environment, want := range map[string][]string{
		"dev":        {"shop-dev-cart", "shop-dev-shop"},
		"staging":    {"shop-staging-shop"},
		"production": {"shop-production-shop"},
	} {
		t.Run(environment, func(t *testing.T) {
			project, set := s.environment(t, environment)
			testProject(t, project, set)
			s.testRoles(t, project, environment)
			apps := s.generate(t, lab, repository, set)
			var names []string
			for _, app := range apps {
				names = append(names, app.Name)
				if app.Spec.Project != project.Name || app.Spec.Destination.Namespace != project.Name {
					t.Errorf("%s belongs to %s and goes to %s", app.Name, app.Spec.Project, app.Spec.Destination.Namespace)
				}
				answer, err := lab.Generate(t.Context(), harness.Application{
					Name: app.Name, Project: app.Spec.Project, Namespace: app.Spec.Destination.Namespace,
					Repository: repository, Source: *app.Spec.Source,
				})
				if err != nil || len(answer.Manifests) != 1 {
					t.Errorf("%s renders %v (%v), want the one ConfigMap", app.Name, answer, err)
				}
			}
			if difference := cmp.Diff(want, names); difference != "" {
				t.Errorf("applications (-want +got):\n%s", difference)
			}
		})
	}
}

// environment reads the project and the ApplicationSet of an environment.
func (s *site) environment(t *testing.T, name string) (*v1alpha1.AppProject, *v1alpha1.ApplicationSet) {
	t.Helper()
	project, set := &v1alpha1.AppProject{}, &v1alpha1.ApplicationSet{}
	for _, object := range build(t, root(t, "examples/install/environments")) {
		var into any = project
		if object.GetKind() == "ApplicationSet" {
			into = set
		}
		if object.GetName() != "shop-"+name {
			continue
		}
		content, err := object.MarshalJSON()
		must(t, err)
		must(t, yaml.UnmarshalStrict(content, into))
	}
	return project, set
}

// generate does what the ApplicationSet controller does, with the repository in
// the place of the one that the example names.
func (s *site) generate(t *testing.T, lab *harness.Lab, repository *harness.Repository, set *v1alpha1.ApplicationSet) []v1alpha1.Application {
	t.Helper()
	scheme := runtime.NewScheme()
	must(t, v1alpha1.AddToScheme(scheme))
	objects, err := client.New(s.Config, client.Options{Scheme: scheme})
	must(t, err)
	repos, err := services.NewArgoCDService(func(context.Context, string, string) (*v1alpha1.Repository, error) {
		return &v1alpha1.Repository{Repo: repository.URL}, nil
	}, false, lab.Clients(), true)
	must(t, err)
	local := set.DeepCopy()
	local.Spec.Generators[0].Git.RepoURL, local.Spec.Generators[0].Git.Revision = repository.URL, "HEAD"
	apps, _, err := template.GenerateApplications(logrus.NewEntry(logrus.New()), *local, map[string]generators.Generator{
		"Git": generators.NewGitGenerator(repos, "argocd"),
	}, &utils.Render{}, objects)
	must(t, err)
	return apps
}

func testProject(t *testing.T, project *v1alpha1.AppProject, set *v1alpha1.ApplicationSet) {
	must(t, project.ValidateProject())
	source, destination := *set.Spec.Template.Spec.Source, set.Spec.Template.Spec.Destination
	if !project.IsSourcePermitted(source) {
		t.Errorf("the project refuses %s", source.RepoURL)
	}
	source.RepoURL = "https://git.example.com/other/deploy.git"
	if project.IsSourcePermitted(source) {
		t.Errorf("the project allows %s", source.RepoURL)
	}
	for namespace, want := range map[string]bool{project.Name: true, "argocd": false, "kube-system": false, "shop-other": false} {
		destination.Namespace = namespace
		if got, err := project.IsDestinationPermitted(destination, nil); err != nil || got != want {
			t.Errorf("may applications go to %s: %v (%v)", namespace, got, err)
		}
	}
	for kind, want := range map[schema.GroupKind]bool{
		{Group: "apps", Kind: "Deployment"}:                 true,
		{Group: "bitnami.com", Kind: "SealedSecret"}:        true,
		{Group: "networking.k8s.io", Kind: "NetworkPolicy"}: true,
		{Kind: "Secret"}:        false,
		{Kind: "ResourceQuota"}: false,
		{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"}: false,
		{Group: "argoproj.io", Kind: "Application"}:               false,
	} {
		if got := project.IsGroupKindPermitted(kind, true); got != want {
			t.Errorf("may applications hold a %s: %v", kind, got)
		}
	}
	for _, kind := range []schema.GroupKind{{Kind: "Namespace"}, {Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}} {
		if project.IsGroupKindPermitted(kind, false) {
			t.Errorf("applications may hold a %s", kind)
		}
	}
	signed, windowed := len(project.Spec.SignatureKeys) > 0, len(project.Spec.SyncWindows) > 0
	automated := set.Spec.Template.Spec.SyncPolicy.Automated != nil
	if production := project.Name == "shop-production"; signed != production || windowed != production || automated == production {
		t.Errorf("signed: %v, in windows: %v, automated: %v", signed, windowed, automated)
	}
}

// testRoles asks Argo CD's own enforcer.
func (s *site) testRoles(t *testing.T, project *v1alpha1.AppProject, environment string) {
	enforcer := rbac.NewEnforcer(s.Client, "argocd", "argocd-rbac-cm", nil)
	policies := project.ProjectPoliciesString()
	for _, test := range []struct {
		group, action string
		want          bool
	}{
		{"shop-developers", "get", true},
		{"shop-developers", "sync", environment != "production"},
		{"shop-developers", "delete", false},
		{"shop-developers", "override", false},
		{"shop-release-managers", "sync", environment == "production"},
		{"shop-release-managers", "override", false},
		{"everybody", "get", false},
	} {
		app := project.Name + "/any"
		if got := enforcer.EnforceRuntimePolicy(project.Name, policies, test.group, "applications", test.action, app); got != test.want {
			t.Errorf("may %s %s an application: %v", test.group, test.action, got)
		}
		if other := strings.Replace(app, "shop-", "other-", 1); enforcer.EnforceRuntimePolicy(project.Name, policies, test.group, "applications", test.action, other) {
			t.Errorf("%s may %s %s", test.group, test.action, other)
		}
	}
}
