// Package examples_test renders every example, both as its Argo CD Application
// says and as somebody would on a laptop, and holds the results to what people
// should copy.
package examples_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/policy/schema"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/engine"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// application is what the tests read of an Argo CD Application.
type application struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Source struct {
			Path   string `json:"path"`
			Plugin struct {
				Name       string             `json:"name"`
				Parameters []plugin.Parameter `json:"parameters"`
			} `json:"plugin"`
		} `json:"source"`
		Destination struct {
			Namespace string `json:"namespace"`
		} `json:"destination"`
	} `json:"spec"`
}

// renderExample renders a directory below examples, as the repository holds it.
func renderExample(t *testing.T, dir, app, namespace string, parameters []plugin.Parameter) render.Result {
	t.Helper()
	tree, err := source.ReadDirectory(t.Context(), ".", source.Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	options, err := plugin.ApplyParameters(parameters)
	if err != nil {
		t.Fatal(err)
	}
	result, err := engine.Render(render.Request{
		Source: tree, Path: dir, Root: ".", AppName: app, Namespace: namespace,
		KubeVersion: "1.33.2", Parameters: options.Parameters, Limits: render.Limits{QuoteErrors: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, warning := range result.Warnings {
		t.Errorf("an example should render without the warning: %v", warning)
	}
	return result
}

func names(objects []object.Object) []string {
	list := make([]string, len(objects))
	for i, o := range objects {
		list[i] = o.Kind() + " " + o.Name()
	}
	return list
}

func TestApplications(t *testing.T) {
	platform, err := config.Load("../plugin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	sockets := strings.Join(platform.Sockets(), " ")
	files, err := filepath.Glob("applications/*.yaml")
	if err != nil || len(files) != len(applications) {
		t.Fatalf("found %d Applications (%v), the table below has %d", len(files), err, len(applications))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			var app application
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := yaml.Unmarshal(content, &app); err != nil {
				t.Fatal(err)
			}
			from := app.Spec.Source
			if !strings.Contains(sockets, from.Plugin.Name) {
				t.Errorf("the plugin is called %q, plugin.yaml serves %s", from.Plugin.Name, sockets)
			}
			dir := strings.TrimPrefix(from.Path, "examples/")
			got := renderExample(t, dir, app.Metadata.Name, app.Spec.Destination.Namespace, from.Plugin.Parameters)
			if got.Kind != applications[name].kind {
				t.Errorf("rendered as %s, want %s", got.Kind, applications[name].kind)
			}
			if difference := cmp.Diff(applications[name].objects, names(got.Objects)); difference != "" {
				t.Errorf("objects (-want +got):\n%s", difference)
			}
			for _, text := range applications[name].holds {
				if !holds(t, got.Objects, text) {
					t.Errorf("no object holds %s", text)
				}
			}
			inspect(t, got.Objects)
		})
	}
}

// applications says what each Application renders. holds are pieces of JSON
// that show that its parameters had their effect.
var applications = map[string]struct {
	kind    render.Kind
	objects []string
	holds   []string
}{
	"guestbook": {render.KindDirectory, []string{
		"ConfigMap guestbook-pages", "Service guestbook", "Deployment guestbook", "NetworkPolicy guestbook",
		"PodDisruptionBudget guestbook",
	}, nil},
	"kustomize-app": {render.KindKustomize, []string{
		"ConfigMap storefront-server-dk4chmhcdc", "ConfigMap storefront-settings-g89gm65b6m", "Service storefront",
		"Deployment storefront", "HorizontalPodAutoscaler storefront", "Ingress storefront", "NetworkPolicy storefront",
		"PodDisruptionBudget storefront",
	}, []string{`"shop.example.com/contact":"storefront-team"`, `"host":"www.example.com"`}},
	"helm-app": {render.KindHelm, []string{
		"CustomResourceDefinition feeds.catalog.example.com", "ConfigMap catalog", "Service catalog",
		"Service catalog-cache", "Deployment catalog", "Deployment catalog-cache", "HorizontalPodAutoscaler catalog",
		"Job catalog-migration", "Feed books", "Ingress catalog", "NetworkPolicy catalog", "NetworkPolicy catalog-cache",
		"PodDisruptionBudget catalog",
	}, []string{`\"pageSize\":100`, `"host":"catalog.example.com"`, `"helm.sh/hook":"pre-install,pre-upgrade"`}},
	"helm-kustomize": {render.KindHelmKustomize, []string{
		"Service shop-echo", "Deployment shop-echo", "NetworkPolicy shop-echo",
	}, []string{`"replicas":3`}},
	"payments": {render.KindKustomize, []string{
		"Secret payments-database", "Secret payments-webhook", "Deployment payments", "NetworkPolicy payments",
	}, nil},
	"orders": {render.KindKustomize, []string{
		"Secret orders-database", "Secret orders-signing", "Deployment orders", "NetworkPolicy orders",
	}, nil},
	"monorepo": {render.KindComposite, []string{
		"ConfigMap queue-settings-2gftdc45mk", "ConfigMap reports", "Service portal", "Service queue", "Deployment portal",
		"Deployment queue", "CronJob reports", "NetworkPolicy deny-by-default", "NetworkPolicy portal",
		"NetworkPolicy queue",
	}, nil},
}

func holds(t *testing.T, objects []object.Object, text string) bool {
	t.Helper()
	for _, o := range objects {
		line, err := o.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(line), text) {
			return true
		}
	}
	return false
}

// What `argocd-seal render examples/NAME` does: no parameters, and the
// directory's name as the application's.
func TestLaptop(t *testing.T) {
	for dir, least := range map[string]int{
		"images/production": 2, "guestbook": 5, "kustomize-app": 7, "kustomize-app/overlays/dev": 6, "kustomize-app/overlays/staging": 5,
		"kustomize-app/overlays/production": 7, "helm-app": 10, "helm-kustomize": 3, "monorepo": 1,
		"monorepo/portal": 3, "monorepo/queue": 4, "monorepo/reports": 2, "payments": 4, "orders": 4, "install": 7, "install/admission": 2, "install/environments": 6, "promotion": 1, "promotion/overlays/staging": 1, "applications": 7,
	} {
		t.Run(dir, func(t *testing.T) {
			got := renderExample(t, dir, filepath.Base(dir), "", nil)
			if len(got.Objects) < least {
				t.Errorf("rendered %v, want at least %d objects", names(got.Objects), least)
			}
			if !strings.HasPrefix(dir, "install") {
				inspect(t, got.Objects)
			}
		})
	}
}

// inspect holds workloads to what the guides advise, since people start from
// examples.
func inspect(t *testing.T, objects []object.Object) {
	t.Helper()
	fit(t, objects)
	for _, o := range objects {
		pod, ok := podSpec(o)
		if !ok {
			continue
		}
		long := o.Kind() == "Deployment"
		if at(pod, "securityContext", "runAsNonRoot") != true {
			t.Errorf("%s may run as root", o)
		}
		if at(pod, "automountServiceAccountToken") != false {
			t.Errorf("%s gets a token of the API server", o)
		}
		containers, _ := at(pod, "containers").([]any)
		for _, c := range containers {
			for _, fault := range containerFaults(c, long) {
				t.Errorf("%s, container %v: %s", o, at(c, "name"), fault)
			}
		}
	}
}

// fit holds objects against the oldest and the newest Kubernetes that is known.
func fit(t *testing.T, objects []object.Object) {
	t.Helper()
	for _, version := range []string{"1.28", "1.33.2", ""} {
		schemas, err := schema.NewRender(t.Context(), version, objects, false)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range objects {
			findings, err := schemas.Check(t.Context(), i, o)
			if err != nil || len(findings) > 0 {
				t.Errorf("%s does not fit Kubernetes %s: %v %v", o, schemas.Version(), findings, err)
			}
		}
	}
}

func containerFaults(c any, long bool) []string {
	var faults []string
	check := func(ok bool, fault string) {
		if !ok {
			faults = append(faults, fault)
		}
	}
	check(strings.Contains(fmt.Sprint(at(c, "image")), "@sha256:"), "the image is not pinned by digest")
	check(at(c, "securityContext", "allowPrivilegeEscalation") == false, "it may gain rights")
	check(at(c, "securityContext", "readOnlyRootFilesystem") == true, "it may write to its image")
	check(fmt.Sprint(at(c, "securityContext", "capabilities", "drop")) == "[ALL]", "it keeps capabilities")
	check(at(c, "resources", "requests", "cpu") != nil && at(c, "resources", "requests", "memory") != nil, "it requests no cpu or memory")
	check(at(c, "resources", "limits", "memory") != nil, "its memory has no limit")
	if long {
		check(at(c, "readinessProbe") != nil && at(c, "livenessProbe") != nil, "it has no probes")
	}
	return faults
}

// podSpec returns the pod of a workload.
func podSpec(o object.Object) (any, bool) {
	switch o.Kind() {
	case "Deployment", "Job":
		return at(o.Fields, "spec", "template", "spec"), true
	case "CronJob":
		return at(o.Fields, "spec", "jobTemplate", "spec", "template", "spec"), true
	default:
		return nil, false
	}
}

func at(value any, path ...string) any {
	for _, key := range path {
		fields, _ := value.(map[string]any)
		value = fields[key]
	}
	return value
}
