package release_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// sign makes a release as `make release` does, for this machine alone, signed by a
// key of its own.
func (w *workshop) sign(t *testing.T) {
	t.Helper()
	w.newKey(t)
	content, err := os.ReadFile(filepath.Join(w.dir, ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	one := strings.Replace(string(content), "goos: [linux, darwin]", "goos: ["+runtime.GOOS+"]", 1)
	one = strings.Replace(one, "goarch: [amd64, arm64]", "goarch: ["+runtime.GOARCH+"]", 1)
	config := filepath.Join(t.TempDir(), "goreleaser.yaml")
	if err := os.WriteFile(config, []byte(one), 0o600); err != nil {
		t.Fatal(err)
	}
	w.run(t, "goreleaser", "release", "--snapshot", "--clean", "--config", config)
}

// sums reads the release's list of checksums.
func (w workshop) sums(t *testing.T) map[string]string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(w.dir, "dist", "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for line := range strings.Lines(string(content)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		sums[name] = sum
	}
	return sums
}

// guide returns the blocks of docs/install.md that verify, the first of which sets
// what the others use.
func (w workshop) guide(t *testing.T) []string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(w.dir, "docs", "install.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(content), "\n### Verify what you install\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var blocks []string
	for _, match := range regexp.MustCompile("(?s)```shell\n(.*?)```").FindAllStringSubmatch(section, -1) {
		blocks = append(blocks, match[1])
	}
	if len(blocks) != 4 {
		t.Fatalf("docs/install.md has %d blocks that verify, want what they use, image, checksums and provenance", len(blocks))
	}
	return blocks
}

// follow runs a block of the guide in dist, with settings in front of it.
func (w workshop) follow(t *testing.T, settings, block string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", settings+"\n"+block)
	command.Dir, command.Env = filepath.Join(w.dir, "dist"), w.env
	out, err := command.CombinedOutput()
	return string(out), err
}

// ours makes a block of the guide trust the test's key instead of the workflow of
// the releases, and ask no server.
func (w workshop) ours(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root.json")
	w.run(t, "cosign", "trusted-root", "create", "--out", root)
	archives, err := filepath.Glob(filepath.Join(w.dir, "dist", "argocd-seal_*.tar.gz"))
	if err != nil || len(archives) != 1 {
		t.Fatalf("found the archives %v (%v), want one", archives, err)
	}
	version, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(archives[0]), "argocd-seal_"), "_")
	return "VERSION=" + version + "\nIDENTITY='--key=" + filepath.Join(w.keys, "cosign.pub") + " --insecure-ignore-tlog --trusted-root=" + root + "'"
}

// TestTheReleaseIsSigned makes a release and follows the guide: all is verified.
// Then it changes a byte here and there, and nothing is.
func TestTheReleaseIsSigned(t *testing.T) {
	harness.Need(t, harness.JQ)
	w := newWorkshop(t)
	w.sign(t)
	blocks, settings := w.guide(t), w.ours(t)
	checksums, provenance := blocks[2], blocks[3]
	for _, block := range blocks[2:] {
		if out, err := w.follow(t, settings, block); err != nil || !strings.Contains(out, "Verified OK") {
			t.Fatalf("%s\n%s%v", block, out, err)
		}
	}
	archive := "argocd-seal_*.tar.gz"
	for _, change := range []struct{ file, block string }{
		{archive, checksums}, {archive, provenance}, {"SHA256SUMS", checksums},
		{"SHA256SUMS.sigstore.json", checksums}, {"argocd-seal_*.provenance.sigstore.json", provenance},
	} {
		restore := w.flip(t, change.file)
		if out, err := w.follow(t, settings, change.block); err == nil {
			t.Errorf("a byte of %s was changed, and this passed:\n%s%s", change.file, change.block, out)
		}
		restore()
	}
	// The last change was taken back.
	if out, err := w.follow(t, settings, provenance); err != nil {
		t.Errorf("the release is not what it was: %s", out)
	}
	w.checkProvenance(t)
	version, _, _ := strings.Cut(strings.TrimPrefix(settings, "VERSION="), "\n")
	w.testIdentity(t, version, blocks)
}

// flip changes one bit in the middle of the only file of a pattern.
func (w workshop) flip(t *testing.T, pattern string) (restore func()) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(w.dir, "dist", pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s is %v (%v), want one file", pattern, found, err)
	}
	content, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	write := func() {
		content[len(content)/2] ^= 1
		if err := os.WriteFile(found[0], content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write()
	return write
}

// checkProvenance reads what was signed: the files of the release, each with its
// digest, and the commit.
func (w workshop) checkProvenance(t *testing.T) {
	t.Helper()
	var bundle struct{ DSSEEnvelope struct{ Payload string } }
	w.read(t, "argocd-seal_*.provenance.sigstore.json", &bundle)
	payload, err := base64.StdEncoding.DecodeString(bundle.DSSEEnvelope.Payload)
	if err != nil {
		t.Fatal(err)
	}
	type described struct {
		Name   string
		Digest map[string]string
	}
	var statement struct {
		Subject   []described
		Predicate struct {
			BuildDefinition struct {
				InternalParameters   map[string]any
				ResolvedDependencies []described
			}
			RunDetails struct{ Builder struct{ ID string } }
		}
	}
	if err := json.Unmarshal(payload, &statement); err != nil {
		t.Fatal(err)
	}
	subjects := map[string]string{}
	for _, subject := range statement.Subject {
		subjects[subject.Name] = subject.Digest["sha256"]
	}
	if files := w.files(t); !maps.Equal(subjects, files) || !maps.Equal(w.sums(t), files) {
		t.Errorf("the provenance is of %v, the checksums of %v, and the files are %v", subjects, w.sums(t), files)
	}
	head, err := exec.CommandContext(t.Context(), "git", "-C", w.dir, "rev-parse", "HEAD").Output()
	if err != nil {
		t.Fatal(err)
	}
	definition := statement.Predicate.BuildDefinition
	if sources := definition.ResolvedDependencies; len(sources) != 1 || sources[0].Digest["gitCommit"] != strings.TrimSpace(string(head)) {
		t.Errorf("the sources are %v, and HEAD is %s", sources, head)
	}
	if definition.InternalParameters["uncommittedChanges"] != false || !strings.Contains(statement.Predicate.RunDetails.Builder.ID, "CONTRIBUTING.md") {
		t.Errorf("built by %s with %v", statement.Predicate.RunDetails.Builder.ID, definition.InternalParameters)
	}
}

func (w workshop) read(t *testing.T, pattern string, into any) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(w.dir, "dist", pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s is %v (%v), want one file", pattern, found, err)
	}
	content, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatal(err)
	}
}

// files are the archives and lists of modules in dist, with their SHA-256.
func (w workshop) files(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range []string{"*.tar.gz", "*.cdx.json"} {
		names, err := filepath.Glob(filepath.Join(w.dir, "dist", pattern))
		if err != nil || len(names) != 1 {
			t.Fatalf("%s is %v (%v), want one file", pattern, names, err)
		}
		content, err := os.ReadFile(names[0])
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		found[filepath.Base(names[0])] = hex.EncodeToString(sum[:])
	}
	return found
}

// TestTheWorkflowIsWhatPeopleVerify holds the identity of the guide against the
// workflow that signs.
func TestTheWorkflowIsWhatPeopleVerify(t *testing.T) {
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	setting := workshop{dir: root}.guide(t)[0]
	identity := regexp.MustCompile(`--certificate-identity=https://github\.com/argocd-seal/argocd-seal-plugin/(\S+)@refs/tags/v\$VERSION`).FindStringSubmatch(setting)
	if identity == nil {
		t.Fatalf("the guide trusts\n%s", setting)
	}
	workflow, err := os.ReadFile(filepath.Join(root, identity[1]))
	if err != nil {
		t.Fatal(err)
	}
	for _, needed := range []string{`tags: ["v*"]`, "permissions: {}", "id-token: write", "make publish", "make sign-image"} {
		if !strings.Contains(string(workflow), needed) {
			t.Errorf("%s has no %q", identity[1], needed)
		}
	}
	if strings.Contains(string(workflow), "uses:") || slices.Contains(strings.Fields(string(workflow)), "COSIGN_KEY:") {
		t.Errorf("%s runs somebody else's action, or signs with a key", identity[1])
	}
}
