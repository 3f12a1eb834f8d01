package e2e

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"google.golang.org/grpc/status"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

const (
	// renderTimeout is what the sidecar of these tests allows one render, and
	// answerTimeout by when the repo-server must have its answer.
	renderTimeout = "5s"
	answerTimeout = 15 * time.Second
	// maxFaultText is the longest text of a fault, and what the repo-server may
	// put before it.
	maxFaultText = 2048 + 512
)

// faultCode finds a stable code in an error's text.
var faultCode = regexp.MustCompile(`\bE_[A-Z_]+: `)

const pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: web:1\n"

// faults are bad applications, each in a directory of its own.
var faults = []struct {
	name       string
	files      harness.Files
	parameters []v1alpha1.ApplicationSourcePluginParameter
	// codes are the codes of which the error must hold one.
	codes []string
	// place is in the error as well: a file, an object or a parameter.
	place string
}{
	{name: "broken YAML", files: harness.Files{"pod.yaml": pod + "  - [unclosed\n"},
		codes: []string{"E_YAML"}, place: "pod.yaml"},
	{name: "not an object", files: harness.Files{"pod.yaml": "kind: Pod\nmetadata: {name: web}\n"},
		codes: []string{"E_OBJECT"}, place: "pod.yaml"},
	{name: "remote base", files: kustomization("resources: ['https://example.com/base?ref=v1']"),
		codes: []string{"E_REMOTE_REF"}, place: "kustomization.yaml"},
	{name: "base outside the repository", files: kustomization("resources: [../../outside]"),
		codes: []string{"E_PATH"}, place: "kustomization.yaml"},
	{name: "remote chart", files: kustomization("helmCharts: [{name: web, repo: 'https://example.com'}]"),
		codes: []string{"E_REMOTE_REF", "E_DEP"}, place: "kustomization.yaml"},
	{name: "patch without target", files: kustomization("patches: [{patch: 'kind: Pod'}]"),
		codes: []string{"E_KUSTOMIZE"}, place: "kustomization.yaml"},
	{name: "unknown parameter", files: harness.Files{"pod.yaml": pod}, parameters: []v1alpha1.ApplicationSourcePluginParameter{stringParameter("kustomize-image", "web:2")},
		codes: []string{"E_PARAMETER"}, place: "kustomize-images"},
	{name: "alias that holds itself", files: harness.Files{"kustomization.yaml": "resources: [map.yaml]\n",
		"map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: &a\n  k: *a\n"},
		codes: []string{"E_YAML_ALIAS", "E_RENDER_CRASH"}},
	{name: "patch with an alias that holds itself", files: kustomization(`patches: [{target: {kind: Pod}, patch: "a: &a [*a]\n"}]`),
		codes: []string{"E_YAML_ALIAS", "E_RENDER_CRASH", "E_KUSTOMIZE"}},
	{name: "missing dependency", files: chart("{}", "dependencies: [{name: db, version: 1.0.0, repository: 'https://example.com'}]"),
		codes: []string{"E_DEP"}, place: "Chart.yaml"},
	{name: "failing template", files: chart(`{{ fail "no" }}`, ""),
		codes: []string{"E_TEMPLATE"}, place: "templates/pod.yaml"},
	{name: "template without end", files: chart(`{{ range until 2000000000 }}{{ range until 2000000000 }}{{ end }}{{ end }}`, ""),
		codes: []string{"E_TIMEOUT", "E_LIMIT", "E_RENDER_CRASH"}},
	{name: "template that calls itself", files: chart(`{{ tpl .Values.loop . }}`, ""),
		codes: []string{"E_RENDER_CRASH", "E_LIMIT", "E_TIMEOUT"}},
	{name: "template that eats memory", files: chart(`{{ $x := "x" }}{{ range until 60 }}{{ $x = printf "%s%s" $x $x }}{{ end }}`, ""),
		codes: []string{"E_RENDER_CRASH", "E_LIMIT", "E_TIMEOUT"}},
	{name: "nothing to render", files: harness.Files{"notes.txt": "nothing\n"},
		codes: []string{"E_EMPTY"}},
}

func kustomization(text string) harness.Files {
	return harness.Files{"kustomization.yaml": text + "\n", "pod.yaml": pod}
}

func chart(template, more string) harness.Files {
	return harness.Files{
		"Chart.yaml":         "apiVersion: v2\nname: web\nversion: 1.0.0\n" + more + "\n",
		"values.yaml":        "loop: '{{ tpl .Values.loop . }}'\n",
		"templates/pod.yaml": pod + template + "\n",
	}
}

// TestFaults sends bad applications. Each gives one error with a stable code in
// time, and leaves the sidecar as it was: the next request of another
// application gives the same bytes as before.
func TestFaults(t *testing.T) {
	repository := harness.NewRepository(t, faultyRepository())
	limited := served
	limited.Seal = "render: {timeout: " + renderTimeout + "}\n"
	each(t, nil, func(t *testing.T, lab *harness.Lab) {
		sidecar := serve(t, lab, limited)
		good := application(repository, "good", served.FullName())
		before := generate(t, lab, good)
		for _, fault := range faults {
			t.Run(fault.name, func(t *testing.T) {
				began := time.Now()
				response, err := lab.Generate(t.Context(), application(repository, folder(fault.name), served.FullName(), fault.parameters...))
				if err == nil {
					t.Fatalf("gives %d manifests, want an error", len(response.Manifests))
				}
				if took := time.Since(began); took > answerTimeout {
					t.Errorf("took %s, want at most %s", took, answerTimeout)
				}
				checkFault(t, status.Convert(err).Message(), fault.codes, fault.place)
				if !sidecar.Alive() {
					t.Fatal("the sidecar has died")
				}
				if after := generate(t, lab, good); after != before {
					t.Errorf("the next request gives other bytes:\n%s\nbefore:\n%s", after, before)
				}
			})
		}
	})
}

// checkFault expects one bounded fault with one of the codes, and its place.
func checkFault(t *testing.T, text string, codes []string, place string) {
	t.Helper()
	found := faultCode.FindAllString(text, -1)
	if len(found) != 1 {
		t.Fatalf("the error holds the codes %q, want exactly one: %s", found, text)
	}
	if !strings.Contains(strings.Join(codes, ": ")+": ", found[0]) {
		t.Errorf("the code is %s, want one of %q: %s", found[0], codes, text)
	}
	if !strings.Contains(text, place) {
		t.Errorf("the error does not name %q: %s", place, text)
	}
	if len(text) > maxFaultText {
		t.Errorf("the error has %d bytes, want at most %d", len(text), maxFaultText)
	}
}

func faultyRepository() harness.Files {
	files := harness.Files{}
	for name, text := range kustomization("resources: [pod.yaml]\nnamePrefix: good-") {
		files["good/"+name] = text
	}
	for _, fault := range faults {
		for name, text := range fault.files {
			files[folder(fault.name)+"/"+name] = text
		}
	}
	return files
}

func folder(name string) string { return strings.ReplaceAll(name, " ", "-") }
