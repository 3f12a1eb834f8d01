// Package release_test makes what a release is made of, for this machine alone.
package release_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// workshop is a clone of the repository as it was committed, with the tools.
type workshop struct {
	// keys has what signs, outside of the repository.
	dir, tools, keys string
	key              *ecdsa.PrivateKey
	env              []string
}

func newWorkshop(t *testing.T) workshop {
	t.Helper()
	harness.Need(t, harness.GoReleaser, harness.CycloneDX, harness.Cosign, harness.Git)
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	w := workshop{dir: filepath.Join(t.TempDir(), "argocd-seal"), tools: t.TempDir(), keys: t.TempDir()}
	for name, tool := range map[string]harness.Binary{"goreleaser": harness.GoReleaser, "cyclonedx-gomod": harness.CycloneDX, "cosign": harness.Cosign} {
		path, err := tool.Path()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(w.tools, name)); err != nil {
			t.Fatal(err)
		}
	}
	w.env = append(os.Environ(), "PATH="+w.tools+":"+os.Getenv("PATH"), "GOFLAGS=", "CGO_ENABLED=0",
		"COSIGN_PASSWORD=", "COSIGN_KEY="+filepath.Join(w.keys, "cosign.key"))
	clone := exec.CommandContext(t.Context(), "git", "clone", "--quiet", root, w.dir)
	if out, err := clone.CombinedOutput(); err != nil {
		t.Fatalf("git clone: %v\n%s", err, out)
	}
	return w
}

func (w workshop) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), filepath.Join(w.tools, name), args...)
	command.Dir, command.Env = w.dir, w.env
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// built is the one binary that goreleaser built for this machine.
func (w workshop) built(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(w.dir, "dist", "*", "argocd-seal"))
	if err != nil || len(found) != 1 {
		t.Fatalf("found %v (%v), want one binary", found, err)
	}
	return found[0]
}

// TestTwoBuildsAreOne builds a commit in two directories: no path, no time and no
// host may get into the binary.
func TestTwoBuildsAreOne(t *testing.T) {
	var digests []string
	for range 2 {
		w := newWorkshop(t)
		w.run(t, "goreleaser", "check")
		w.run(t, "goreleaser", "build", "--snapshot", "--clean", "--single-target")
		content, err := os.ReadFile(w.built(t))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		digests = append(digests, hex.EncodeToString(sum[:]))
		if strings.Contains(string(content), w.dir) {
			t.Errorf("the binary knows that it was built in %s", w.dir)
		}
	}
	if digests[0] != digests[1] {
		t.Errorf("two builds give %s and %s", digests[0], digests[1])
	}
	t.Logf("two builds: sha256 %s", digests[0])
}

// TestTheSBOMNamesWhatIsInside reads the list of modules that goes with a binary.
func TestTheSBOMNamesWhatIsInside(t *testing.T) {
	w := newWorkshop(t)
	w.run(t, "goreleaser", "build", "--snapshot", "--clean", "--single-target")
	// As .goreleaser.yaml has it.
	file := filepath.Join(w.dir, "dist", "argocd-seal.cdx.json")
	w.run(t, "cyclonedx-gomod", "bin", "-json", "-licenses=false", "-output-version", "1.5", "-output", file, w.built(t))
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var bill struct {
		BOMFormat  string
		Components []struct{ Name, Version, PURL string }
	}
	if err := json.Unmarshal(content, &bill); err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for _, component := range bill.Components {
		names[component.Name] = component.Version
	}
	modules, err := exec.CommandContext(t.Context(), "go", "version", "-m", w.built(t)).Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := 0
	for line := range strings.Lines(string(modules)) {
		if fields := strings.Fields(line); len(fields) > 2 && slices.Contains([]string{"dep", "=>"}, fields[0]) {
			linked++
		}
	}
	if bill.BOMFormat != "CycloneDX" || len(names) < 200 || len(names) > linked {
		t.Errorf("the list is %q with %d components, and the binary has %d modules", bill.BOMFormat, len(names), linked)
	}
	for _, module := range []string{"github.com/argoproj/argo-cd/v2", "sigs.k8s.io/kustomize/api", "helm.sh/helm/v3", "github.com/hashicorp/vault/api", "github.com/open-policy-agent/opa"} {
		if names[module] == "" {
			t.Errorf("%s is linked and not listed", module)
		}
	}
}
