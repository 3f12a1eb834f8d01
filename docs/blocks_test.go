package docs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	sealedsecrets "github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/santhosh-tekuri/jsonschema/v6"
	goyaml "go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	kubernetes "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/policy/waiver"
)

// block is an example in a guide.
type block struct{ place, language, text string }

var fenced = regexp.MustCompile("(?ms)^( *)```(\\w*)\n(.*?)^ *```$")

// blocks returns every example of every guide.
func blocks(t *testing.T) (all []block) {
	t.Helper()
	for file, text := range guides(t) {
		if file == "errors.md" {
			continue // what is wrong there is wrong on purpose, and a test shows how
		}
		for _, match := range fenced.FindAllStringSubmatchIndex(text, -1) {
			indent := text[match[2]:match[3]]
			all = append(all, block{
				place:    fmt.Sprintf("%s:%d", file, 1+strings.Count(text[:match[0]], "\n")),
				language: text[match[4]:match[5]],
				text:     strings.TrimPrefix(strings.ReplaceAll("\n"+text[match[6]:match[7]], "\n"+indent, "\n"), "\n"),
			})
		}
	}
	return all
}

// TestExamplesAreWhatTheySay holds every example that is no command against what
// would read it. Those that are commands are tried in cmd/argocd-seal.
func TestExamplesAreWhatTheySay(t *testing.T) {
	checks := map[string]func(t *testing.T, text string) error{
		"yaml": documents,
		"json": func(_ *testing.T, text string) error { return json.Unmarshal([]byte(text), new(any)) },
		"rego": func(_ *testing.T, text string) error { _, err := ast.ParseModule("example.rego", text); return err },
	}
	// Pictures are drawn by the site's test; text is for people.
	elsewhere := []string{"sh", "shell", "console", "mermaid", "text"}
	counted := map[string]int{}
	for _, b := range blocks(t) {
		counted[b.language]++
		check, known := checks[b.language]
		if !known {
			if !slices.Contains(elsewhere, b.language) {
				t.Errorf("%s is in the language %q, and nobody checks that", b.place, b.language)
			}
			continue
		}
		if err := check(t, b.text); err != nil {
			t.Errorf("%s: %v", b.place, err)
		}
	}
	if counted["yaml"] < 30 || counted["sh"] < 50 || counted["console"] < 9 {
		t.Errorf("found %v", counted)
	}
}

// documents checks each document of an example in YAML by what it is: an object,
// a part of plugin.yaml, or a part of something that Argo CD or kustomize reads.
func documents(t *testing.T, text string) error {
	decoder := goyaml.NewDecoder(strings.NewReader(text))
	for {
		var node goyaml.Node
		if err := decoder.Decode(&node); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		content, err := goyaml.Marshal(&node)
		if err != nil {
			return err
		}
		if err := document(t, content); err != nil {
			return err
		}
	}
}

func document(t *testing.T, content []byte) error {
	var list []any
	if yaml.Unmarshal(content, &list) == nil {
		// Parameters of an Application.
		return yaml.UnmarshalStrict(content, &[]v1alpha1.ApplicationSourcePluginParameter{})
	}
	var fields map[string]any
	if err := yaml.UnmarshalStrict(content, &fields); err != nil {
		return err
	}
	if fields["kind"] != nil {
		return object(t, fields, content)
	}
	has := func(names ...string) bool {
		for name := range fields {
			if !slices.Contains(names, name) {
				return false
			}
		}
		return true
	}
	switch {
	case has("source", "plugin", "spec"):
		return application(content)
	case has("volumes"):
		return yaml.UnmarshalStrict(content, &corev1.PodSpec{})
	case has("resources", "components", "images") && !isObject(fields["images"]):
		return yaml.UnmarshalStrict(content, &types.Kustomization{})
	case has("waivers"):
		_, err := waiver.Load(fstest.MapFS{"w": {Data: content}}, "w", func(string) bool { return true })
		return err
	case has("service", "pipeline"):
		return nil // Fluent Bit's own file: it has no schema
	default:
		fields["apiVersion"], fields["kind"] = "argocd-seal.io/v1alpha1", "SealConfig"
		return schema(t).Validate(fields)
	}
}

// isObject tells images of plugin.yaml from those of a kustomization.
func isObject(value any) bool {
	_, ok := value.(map[string]any)
	return ok
}

// application checks a part of an Application, at the level that its keys show.
func application(content []byte) error {
	var part struct {
		Spec   *v1alpha1.ApplicationSpec         `json:"spec"`
		Source *v1alpha1.ApplicationSource       `json:"source"`
		Plugin *v1alpha1.ApplicationSourcePlugin `json:"plugin"`
	}
	return yaml.UnmarshalStrict(content, &part)
}

func object(t *testing.T, fields map[string]any, content []byte) error {
	switch fields["kind"] {
	case "ConfigManagementPlugin", "SealConfig":
		return schema(t).Validate(fields)
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{kubernetes.AddToScheme, v1alpha1.AddToScheme, sealedsecrets.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer().Decode(content, nil, nil)
	return err
}

// schema is that of plugin.yaml, which editors check with.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	content, err := os.Open("plugin.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	document, err := jsonschema.UnmarshalJSON(content)
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("plugin.json", document); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("plugin.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}
