package install

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// release is one release of Argo CD with its manifests, as the Go module has them.
type release struct {
	version string
	// module and from are the module and a directory whose go.mod requires it.
	module, from string
}

var releases = []release{
	{"2.14.21", "github.com/argoproj/argo-cd/v2", "e2e/servers/argocd-v2"},
	{"3.2.12", "github.com/argoproj/argo-cd/v3", "e2e/servers/argocd-v3"},
}

// manifests returns the release's install.yaml.
func (r release) manifests(t *testing.T) []byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", r.module)
	command.Dir = root(t, r.from)
	output, err := command.Output()
	if err != nil {
		t.Fatalf("go mod download %s: %v", r.module, err)
	}
	var module struct{ Dir, Version string }
	if err := json.Unmarshal(output, &module); err != nil {
		t.Fatal(err)
	}
	if module.Version != "v"+r.version {
		t.Fatalf("%s is required at %s, and the test speaks of %s", r.module, module.Version, r.version)
	}
	content, err := os.ReadFile(filepath.Join(module.Dir, "manifests", "install.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// root returns a path below the root of the repository.
func root(t *testing.T, below string) string {
	t.Helper()
	path, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(path, below)
}

// installation does what docs/install.md tells: it copies the example, puts a
// release into argo-cd.yaml, switches rotation on, makes more changes and builds.
func installation(t *testing.T, r release, changes ...func(dir string)) []*unstructured.Unstructured {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(root(t, "examples/install"))); err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(dir, "kustomization.yaml"), "  # - rotation\n", "  - rotation\n")
	if err := os.WriteFile(filepath.Join(dir, "argo-cd.yaml"), r.manifests(t), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, change := range changes {
		change(dir)
	}
	return build(t, dir)
}

// edit replaces a text that must be in a file.
func edit(t *testing.T, file, before, after string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), before) {
		t.Fatalf("%s has no %q", file, before)
	}
	changed := strings.ReplaceAll(string(content), before, after)
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}

// build runs kustomize on a directory.
func build(t *testing.T, dir string) []*unstructured.Unstructured {
	t.Helper()
	path, err := harness.Kustomize.Path()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	command := exec.CommandContext(t.Context(), path, "build", dir)
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("kustomize build: %v\n%s", err, stderr.String())
	}
	return decode(t, output)
}

// decode reads a stream of objects.
func decode(t *testing.T, content []byte) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

// readBinary returns the content of a file that the servers come with.
func readBinary(t *testing.T, file harness.Binary) []byte {
	t.Helper()
	path, err := file.Path()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
