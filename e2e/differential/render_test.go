package differential

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// The release and the destination of every case.
const (
	release   = "shop"
	namespace = "apps"
)

// TestSameObjectsAsReference renders every directory of testdata and every
// example with our program and with the one that it stands in for.
func TestSameObjectsAsReference(t *testing.T) {
	harness.Need(t, harness.Seal, harness.Kustomize, harness.Helm)
	cases := slices.Concat(
		folder(t, "kustomize", kustomizeBuild), folder(t, "kustomize-helm", kustomizeBuild),
		folder(t, "charts", helmTemplate), folder(t, "charts-parameters", helmTemplate))
	if len(cases) < leastCases {
		t.Fatalf("found %d directories in testdata, want at least %d", len(cases), leastCases)
	}
	ours := examples(t, "../../examples")
	if len(ours) == 0 {
		t.Fatal("found no kustomization and no chart in examples")
	}
	for _, c := range append(cases, ours...) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			compare(t, c)
		})
	}
}

// TestDirectories renders plain directories, for which there is no program to
// compare with: the expected objects are written down.
func TestDirectories(t *testing.T) {
	harness.Need(t, harness.Seal)
	cases := folder(t, "directory", nil)
	if len(cases) == 0 {
		t.Fatal("found no directory in testdata/directory")
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var expected struct {
				Parameters []json.RawMessage
				Objects    []string
			}
			readJSON(t, filepath.Join(c.dir, "expected.json"), &expected)
			c.dir = filepath.Join(c.dir, "source")
			c.root, c.args = c.dir, parameterArgs(expected.Parameters)
			if difference := cmp.Diff(expected.Objects, titles(t, mustRender(t, c))); difference != "" {
				t.Errorf("objects (-want +got)\n%s", difference)
			}
		})
	}
}

// compare renders a case with both programs. A case that our program is meant
// to refuse holds the fault's code in expect-error.txt.
func compare(t *testing.T, c source) {
	if code, err := os.ReadFile(filepath.Join(c.root, "expect-error.txt")); err == nil {
		output, faults := render(t, c)
		if output != nil || !strings.Contains(faults, strings.TrimSpace(string(code))+":") {
			t.Fatalf("rendered %d bytes with faults %q, want only the fault %s", len(output), faults, code)
		}
		return
	}
	got, err := ParseLines(mustRender(t, c))
	if err != nil {
		t.Fatal(err)
	}
	want, err := Parse(c.reference(t, c))
	if err != nil {
		t.Fatal(err)
	}
	if len(want) == 0 {
		t.Fatal("the reference renders no object: this case tests nothing")
	}
	if difference := Diff(want, got); difference != "" {
		t.Error(difference)
	}
}

func mustRender(t *testing.T, c source) []byte {
	t.Helper()
	output, faults := render(t, c)
	if output == nil {
		t.Fatal(faults)
	}
	return output
}

// render runs our program as a user does; objects are nil where it fails.
func render(t *testing.T, c source) (objects []byte, faults string) {
	t.Helper()
	args := []string{"render", c.dir, "--root", c.root, "--until", "render", "--offline", "-o", "json",
		"--app", release, "--namespace", namespace, "--kube-version", harness.KubeVersion}
	stdout, stderr, err := run(t, harness.Seal, "", append(args, c.args...))
	var exit *exec.ExitError
	switch {
	case err == nil:
		return stdout, stderr
	case errors.As(err, &exit) && exit.ExitCode() == 2 && len(stdout) == 0:
		return nil, stderr
	}
	t.Fatalf("render: %v, with %d bytes of output: %s", err, len(stdout), stderr)
	return nil, ""
}

func kustomizeBuild(t *testing.T, c source) []byte {
	helm, err := harness.Helm.Path()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, err := run(t, harness.Kustomize, "", []string{"build", "--enable-helm", "--helm-command", helm, c.dir})
	if err != nil {
		t.Fatalf("kustomize build: %v: %s", err, stderr)
	}
	return stdout
}

// helmTemplate runs in the chart's directory: that is where the files that a
// case's arguments name are.
func helmTemplate(t *testing.T, c source) []byte {
	args := []string{"template", release, ".", "--include-crds", "--namespace", namespace, "--kube-version", harness.KubeVersion}
	if more, err := os.ReadFile(filepath.Join(c.dir, "helm-args.txt")); err == nil {
		args = append(args, strings.Split(strings.TrimSpace(string(more)), "\n")...)
	}
	stdout, stderr, err := run(t, harness.Helm, c.dir, args)
	if err != nil {
		t.Fatalf("helm template: %v: %s", err, stderr)
	}
	return stdout
}

func run(t *testing.T, program harness.Binary, dir string, args []string) (stdout []byte, stderr string, err error) {
	t.Helper()
	path, err := program.Path()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), path, args...)
	command.Dir = dir
	// Neither program may find the settings, the plugins or the caches of
	// whoever runs the test.
	command.Env = []string{"HOME=" + t.TempDir(), "PATH="}
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	err = command.Run()
	return out.Bytes(), errs.String(), err
}

// titles returns "Kind name" of each object, sorted; a generated name counts as
// far as it is written.
func titles(t *testing.T, lines []byte) []string {
	t.Helper()
	var titles []string
	for line := range bytes.Lines(lines) {
		var object struct {
			Kind     string
			Metadata struct{ Name, GenerateName string }
		}
		if err := json.Unmarshal(line, &object); err != nil {
			t.Fatal(err)
		}
		titles = append(titles, object.Kind+" "+object.Metadata.Name+object.Metadata.GenerateName)
	}
	slices.Sort(titles)
	return titles
}
