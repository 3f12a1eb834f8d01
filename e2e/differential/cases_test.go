package differential

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// leastCases is how many directories must be there: a test over a folder that
// was moved away would otherwise pass by comparing nothing.
const leastCases = 40

// kustomizations are the names that kustomize looks for in a directory.
var kustomizations = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// source is one directory that both programs render. testdata/README.md says
// which files of it say what.
type source struct {
	name string
	// dir is what is rendered; root bounds what it may refer to.
	dir, root string
	// args are what our program is told beside the usual.
	args      []string
	reference func(t *testing.T, s source) []byte
}

// folder returns the cases of a folder of testdata: each directory in it, or
// the directory overlay in that, where only that has a kustomization.
func folder(t *testing.T, name string, reference func(*testing.T, source) []byte) []source {
	t.Helper()
	parent := filepath.Join("../testdata", name)
	entries, err := os.ReadDir(parent)
	if err != nil {
		t.Fatal(err)
	}
	var cases []source
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		dir := filepath.Join(parent, entry.Name())
		c := source{name: name + "/" + entry.Name(), dir: dir, root: dir, args: requestArgs(t, dir), reference: reference}
		if overlay := filepath.Join(dir, "overlay"); exists(overlay) && !exists(dir, kustomizations...) {
			c.dir = overlay
		}
		cases = append(cases, c)
	}
	return cases
}

// requestArgs reads the parameters and the destination of a case.
func requestArgs(t *testing.T, dir string) []string {
	t.Helper()
	var parameters []json.RawMessage
	readJSON(t, filepath.Join(dir, "render-params.json"), &parameters)
	args := parameterArgs(parameters)
	var request struct {
		KubeVersion string
		APIVersions []string
	}
	readJSON(t, filepath.Join(dir, "request.json"), &request)
	if request.KubeVersion != "" {
		args = append(args, "--kube-version", request.KubeVersion)
	}
	for _, version := range request.APIVersions {
		args = append(args, "--api-versions", version)
	}
	return args
}

func parameterArgs(parameters []json.RawMessage) []string {
	var args []string
	for _, parameter := range parameters {
		args = append(args, "--param-json", string(parameter))
	}
	return args
}

// readJSON leaves the value as it is where there is no such file.
func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// examples are the kustomizations and charts anywhere below dir, except for
// those that are both (no one program renders them), components (they cannot
// be built alone) and subcharts.
func examples(t *testing.T, dir string) []source {
	t.Helper()
	var cases []source
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		chart, kustomization := exists(path, "Chart.yaml"), exists(path, kustomizations...)
		c := source{name: strings.TrimPrefix(path, "../../"), dir: path, root: dir}
		switch {
		case chart && kustomization:
		case chart:
			c.reference = helmTemplate
		case kustomization && !isComponent(t, path):
			c.reference = kustomizeBuild
		}
		if c.reference != nil {
			cases = append(cases, c)
		}
		if chart {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

func isComponent(t *testing.T, dir string) bool {
	t.Helper()
	return slices.ContainsFunc(kustomizations, func(name string) bool {
		text, err := os.ReadFile(filepath.Join(dir, name))
		return err == nil && strings.Contains(string(text), "kind: Component")
	})
}

// exists tells whether dir, or any of names in it, is there.
func exists(dir string, names ...string) bool {
	if len(names) == 0 {
		names = []string{"."}
	}
	return slices.ContainsFunc(names, func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	})
}
