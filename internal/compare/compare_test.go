package compare_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/compare"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// objects reads a stream of YAML documents.
func objects(t *testing.T, text string) []object.Object {
	t.Helper()
	read, err := object.Decode("app.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func diff(t *testing.T, before, after string, options compare.Options) compare.Difference {
	t.Helper()
	return compare.Objects(compare.Rendered{Objects: objects(t, before)}, compare.Rendered{Objects: objects(t, after)}, options)
}

// told is a difference as short texts: what the tests speak of.
func told(d compare.Difference) []string {
	var lines []string
	for _, o := range d.Objects {
		name := o.Name
		if o.Was != "" {
			name = o.Was + " -> " + name
		}
		lines = append(lines, string(o.Status)+" "+name)
		for _, f := range o.Fields {
			lines = append(lines, fmt.Sprintf("  %s %s: %s -> %s", f.Status, f.Path, text(f.Before), text(f.After)))
		}
		for _, note := range o.Notes {
			lines = append(lines, "  * "+note)
		}
	}
	return lines
}

func text(value any) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}

func want(t *testing.T, d compare.Difference, lines ...string) {
	t.Helper()
	if diff := cmp.Diff(lines, told(d)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  template:
    spec:
      containers:
      - name: app
        image: registry.example.com/web:1.2
        args: [serve, --port, "8080"]
        env: [{name: A, value: "1"}, {name: B, value: "2"}]
        ports: [{containerPort: 8080}, {containerPort: 9090, protocol: UDP}]
      - name: sidecar
        image: registry.example.com/proxy:1
`

func TestFieldsAreNamedByTheKeysOfTheirLists(t *testing.T) {
	after := strings.NewReplacer("replicas: 2", "replicas: 3", "web:1.2", "web:1.3", `value: "2"`, `value: "two"`, "8080}", "8081}",
		`[serve, --port, "8080"]`, `[-v, serve, --port, "8081"]`).Replace(deployment)
	d := diff(t, deployment, after, compare.Options{})
	const container = "spec.template.spec.containers[app]"
	want(t, d, "changed Deployment shop/web",
		"  changed spec.replicas: 2 -> 3",
		"  added "+container+`.args[0]: null -> "-v"`,
		"  changed "+container+`.args[3]: "8080" -> "8081"`,
		"  changed "+container+`.env[B].value: "2" -> "two"`,
		"  changed "+container+`.image: "registry.example.com/web:1.2" -> "registry.example.com/web:1.3"`,
		"  removed "+container+`.ports[8080]: {"containerPort":8080} -> null`,
		"  added "+container+`.ports[8081]: null -> {"containerPort":8081}`)
	if diff := cmp.Diff([]compare.Image{{Object: "Deployment shop/web", Container: "app", Before: "registry.example.com/web:1.2", After: "registry.example.com/web:1.3"}}, d.Images); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
}

func TestWhatOnlyMovesIsNoChange(t *testing.T) {
	after := `apiVersion: apps/v1
kind: Deployment
metadata: {namespace: shop, name: web}
spec:
  template:
    spec:
      containers:
      - {name: sidecar, image: registry.example.com/proxy:1}
      - name: app
        ports: [{containerPort: 9090, protocol: UDP}, {containerPort: 8080}]
        env: [{name: B, value: "2"}, {name: A, value: "1"}]
        args: [serve, --port, "8080"]
        image: registry.example.com/web:1.2
  replicas: 2
`
	if d := diff(t, deployment, after, compare.Options{}); len(d.Objects) != 0 || d.Same != 1 {
		t.Errorf("a moved container is a change: %v", told(d))
	}
	// The order of arguments counts, and that of init containers.
	moved := strings.Replace(deployment, `[serve, --port, "8080"]`, `[--port, "8080", serve]`, 1)
	if d := diff(t, deployment, moved, compare.Options{}); len(d.Objects) != 1 {
		t.Error("moved arguments are no change")
	}
	first := "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  initContainers: [{name: one, image: a}, {name: two, image: b}]\n"
	second := "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  initContainers: [{name: two, image: b}, {name: one, image: a}]\n"
	want(t, diff(t, first, second, compare.Options{}), "changed Pod a", `  changed spec.initContainers (order): ["one","two"] -> ["two","one"]`)
}

// Lists with keys lie in lists without them, whose items may move on.
func TestWhatMovesInsideOfListsIsNoChange(t *testing.T) {
	policy := func(rules string) string {
		return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web}\nspec:\n  ingress:\n" + rules
	}
	const first, second = "  - {from: [{a: 1}], ports: [{port: 80}, {port: 443}]}\n", "  - {from: [{a: 2}], ports: [{port: 443}, {port: 80}]}\n"
	moved := "  - {from: [{a: 1}], ports: [{port: 443}, {port: 80}]}\n"
	if d := diff(t, policy(first+second), policy(moved+second), compare.Options{}); len(d.Objects) > 0 {
		t.Errorf("moved ports are a change: %v", told(d))
	}
	d := diff(t, policy(first+second), policy("  - {from: [{a: 0}]}\n"+first+second), compare.Options{})
	want(t, d, "changed NetworkPolicy web", `  added spec.ingress[0]: null -> {"from":[{"a":0}]}`)
	for _, line := range d.Objects[0].Hunks[0].Lines {
		if line.Op == '-' {
			t.Errorf("the lines show %q as gone", line.Text)
		}
	}
}

// The lines of a moved container that changes show the change alone.
func TestLinesShowTheChangeAlone(t *testing.T) {
	after := strings.Replace(deployment, "      - name: sidecar\n        image: registry.example.com/proxy:1\n", "", 1)
	after = strings.Replace(after, "      containers:\n", "      containers:\n      - name: sidecar\n        image: registry.example.com/proxy:2\n", 1)
	d := diff(t, deployment, after, compare.Options{})
	var changed []string
	for _, hunk := range d.Objects[0].Hunks {
		for _, line := range hunk.Lines {
			if line.Op != ' ' {
				changed = append(changed, string(line.Op)+line.Text)
			}
		}
	}
	if diff := cmp.Diff([]string{"-      - image: registry.example.com/proxy:1", "+      - image: registry.example.com/proxy:2"}, changed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestObjectsComeAndGo(t *testing.T) {
	const service, role = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n---\n", "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: a:b}\n---\n"
	want(t, diff(t, service+deployment, role+deployment, compare.Options{}), "added ClusterRole a:b", "removed Service web")
	// Another namespace is another object, and another version of the API the same.
	moved := strings.Replace(deployment, "namespace: shop", "namespace: store", 1)
	want(t, diff(t, deployment, moved, compare.Options{}), "removed Deployment shop/web", "added Deployment store/web")
	newer := strings.Replace(deployment, "apps/v1", "apps/v2", 1)
	want(t, diff(t, deployment, newer, compare.Options{}), "changed Deployment shop/web", `  changed apiVersion: "apps/v1" -> "apps/v2"`)
}

func TestGeneratedNamesAreFoundAgain(t *testing.T) {
	config := func(name, value string) string {
		return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {level: %s}\n---\n", name, value)
	}
	want(t, diff(t, config("web-8d72gcmk4t", "info"), config("web-b5h64kf29m", "debug"), compare.Options{}),
		"changed ConfigMap web-8d72gcmk4t -> ConfigMap web-b5h64kf29m",
		`  changed data.level: "info" -> "debug"`, `  changed metadata.name: "web-8d72gcmk4t" -> "web-b5h64kf29m"`)
	// A generator may begin or cease to put a digest there.
	want(t, diff(t, config("web", "info"), config("web-b5h64kf29m", "info"), compare.Options{}),
		"changed ConfigMap web -> ConfigMap web-b5h64kf29m", `  changed metadata.name: "web" -> "web-b5h64kf29m"`)
	// With two of them it would be a guess.
	d := diff(t, config("web-8d72gcmk4t", "a")+config("web-b5h64kf29m", "b"), config("web-c6h64kf29m", "c"), compare.Options{})
	if d.Count(compare.Changed) != 0 || d.Count(compare.Removed) != 2 || d.Count(compare.Added) != 1 {
		t.Errorf("it guessed: %v", told(d))
	}
}

func TestOverlaysHaveOtherNamesAndNamespaces(t *testing.T) {
	overlay := func(prefix, namespace, replicas string) string {
		text := strings.NewReplacer("name: web", "name: "+prefix+"web", "namespace: shop", "namespace: "+namespace, "replicas: 2", "replicas: "+replicas).Replace(deployment)
		return text + fmt.Sprintf("---\napiVersion: v1\nkind: Service\nmetadata: {name: %sweb, namespace: %s}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n", prefix, namespace, namespace)
	}
	before, after := overlay("staging-", "shop-staging", "2"), overlay("", "shop-production", "4")
	d := diff(t, before, after, compare.Options{Overlays: true})
	if len(d.Objects) != 3 || d.Count(compare.Changed) != 3 {
		t.Errorf("the objects were not found again: %v", told(d))
	}
	if d := diff(t, before, after, compare.Options{}); d.Count(compare.Changed) != 0 {
		t.Errorf("revisions are matched as overlays: %v", told(d))
	}
}
