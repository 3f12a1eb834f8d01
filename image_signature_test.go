package image_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const cosign = ".cache/tools/cosign-2.6.5"

// push puts an image into a registry of its own, and returns its name with the
// digest.
func push(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(registry.New())
	t.Cleanup(server.Close)
	image, err := random.Image(1024, 1)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.ParseReference(strings.TrimPrefix(server.URL, "http://") + "/argocd-seal:1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, image, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return tag.Context().Digest(digest.String()).String()
}

// publisher is a clone of what is committed, in which `make sign-image` runs.
type publisher struct{ dir, key string }

func newPublisher(t *testing.T) publisher {
	t.Helper()
	tool, err := filepath.Abs(cosign)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(tool); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(cosign + " is not built; fix: make unit")
	}
	p := publisher{dir: filepath.Join(t.TempDir(), "argocd-seal"), key: t.TempDir()}
	p.must(t, ".", "git", "clone", "--quiet", ".", p.dir)
	for _, dir := range []string{".cache/tools", ".cache/bin", "dist"} {
		if err := os.MkdirAll(filepath.Join(p.dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, link := range []string{cosign, ".cache/bin/cosign"} {
		if err := os.Symlink(tool, filepath.Join(p.dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	// As goreleaser and cyclonedx-gomod leave it, but for the modules.
	const list = `{"bomFormat": "CycloneDX", "specVersion": "1.5", "components": []}`
	if err := os.WriteFile(filepath.Join(p.dir, "dist", "argocd-seal_1.0.0_linux_amd64.cdx.json"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	p.must(t, p.key, "cosign", "generate-key-pair")
	return p
}

func (p publisher) run(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), args[0], args[1:]...)
	path := filepath.Join(p.dir, ".cache", "bin") + ":" + os.Getenv("PATH")
	if args[0] == "cosign" {
		command.Path, command.Err = filepath.Join(p.dir, ".cache", "bin", "cosign"), nil
	}
	command.Dir = dir
	command.Env = append(os.Environ(), "PATH="+path, "COSIGN_PASSWORD=", "MAKEFLAGS=", "COSIGN_KEY="+filepath.Join(p.key, "cosign.key"))
	out, err := command.CombinedOutput()
	return string(out), err
}

func (p publisher) must(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := p.run(t, dir, args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// verify runs the guide's commands for images, trusting a key of the test's
// instead of the workflow of the releases.
func (p publisher) verify(t *testing.T, image string) (string, error) {
	t.Helper()
	guide, err := os.ReadFile("docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```shell\n(cosign verify \\$IDENTITY.*?)```").FindStringSubmatch(string(guide))
	if block == nil || strings.Count(block[1], "cosign verify-attestation") != 2 {
		t.Fatalf("docs/install.md has no block that verifies an image and its two attestations: %q", block)
	}
	trust := "--key=" + filepath.Join(p.key, "cosign.pub") + " --insecure-ignore-tlog --allow-http-registry"
	return p.run(t, p.dir, "bash", "-euc", "IDENTITY='"+trust+"' IMAGE='"+image+"'\n"+block[1])
}

// TestTheImageIsSigned signs an image as the workflow of the releases does, and
// verifies it as docs/install.md says.
func TestTheImageIsSigned(t *testing.T) {
	p, image, other := newPublisher(t), push(t), push(t)
	sign := []string{"make", "sign-image", "VERSION=1.0.0", "RELEASE_REF=refs/tags/v1.0.0", "COSIGN_FLAGS=--allow-http-registry"}
	if out, err := p.verify(t, image); err == nil {
		t.Errorf("an image without signatures is verified:\n%s", out)
	}
	if out, err := p.run(t, p.dir, append(sign, "IMAGE="+strings.Split(image, "@")[0]+":1.0.0")...); err == nil {
		t.Errorf("a tag was signed:\n%s", out)
	}
	p.must(t, p.dir, append(sign, "IMAGE="+image)...)
	if out, err := p.verify(t, image); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := p.verify(t, other); err == nil {
		t.Errorf("another image is verified:\n%s", out)
	}
	head := strings.TrimSpace(p.must(t, p.dir, "git", "rev-parse", "HEAD"))
	described, err := os.ReadFile(filepath.Join(p.dir, "dist", "image.provenance.json"))
	if err != nil || !strings.Contains(string(described), head) || !strings.Contains(string(described), "@refs/tags/v1.0.0") || !strings.Contains(string(described), `"uncommittedChanges": false`) {
		t.Errorf("the provenance is %s (%v), and HEAD is %s", described, err, head)
	}
}
