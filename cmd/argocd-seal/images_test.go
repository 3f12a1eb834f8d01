package main

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/signtest"
	"github.com/argocd-seal/argocd-seal-plugin/internal/vaulttest"
)

// imageLab is a directory with a plugin.yaml that verifies images by what Vault
// keeps: the key that signs, and the password of the registry.
type imageLab struct {
	*testing.T
	registry *signtest.Registry
	vault    *vaulttest.Server
	dir      string
}

const registryPassword = "correct-horse-battery"

func newImageLab(t *testing.T) *imageLab {
	t.Helper()
	l := &imageLab{T: t, registry: signtest.NewRegistry(t), vault: vaulttest.Start(t), dir: t.TempDir()}
	l.vault.Write(t, "transit/keys/images", map[string]any{"type": "ecdsa-p256"})
	l.vault.Put(t, "images/registry", `{"username": "argocd", "password": "`+registryPassword+`"}`)
	password := l.vault.User(t, "verifier", `path "transit/keys/images" { capabilities = ["read"] }
path "kv/data/images/registry" { capabilities = ["read"] }`, "1h")
	write(t, filepath.Join(l.dir, "plugin.yaml"), `apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata: {name: argocd-seal}
spec: {generate: {command: [argocd-seal, generate]}}
---
apiVersion: argocd-seal.io/v1alpha1
kind: SealConfig
vault:
  address: `+l.vault.Address+`
  roles: [{name: images, method: userpass, username: verifier, passwordFile: `+password+`}]
images:
  registries:
  - host: `+l.registry.Host+`
    vault: {role: images, path: kv/images/registry}
  signers:
  - name: release
    transit: {role: images, path: transit/images}
environments:
- name: production
  images:
    tags: resolve
    rules:
    - match: ["`+l.registry.Host+`/**"]
      signatures: [{signedBy: [release]}]
`, 0o600)
	return l
}

// lock has the registry want the password.
func (l *imageLab) lock() {
	l.registry.Before(func(w http.ResponseWriter, r *http.Request) bool {
		if _, word, ok := r.BasicAuth(); ok && word == registryPassword {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
}

// run runs a command line in the directory.
func (l *imageLab) run(words ...string) (code int, shown string) {
	l.Helper()
	var out bytes.Buffer
	code = run(append(words, filepath.Join(l.dir, "app"), "--config", filepath.Join(l.dir, "plugin.yaml")), strings.NewReader(""), &out, &out)
	return code, out.String()
}

// TestImagesByWhatVaultKeeps signs an image with a key that never leaves Vault, in a
// registry whose password is there too.
func TestImagesByWhatVaultKeeps(t *testing.T) {
	l := newImageLab(t)
	image := l.registry.Push(t, "apps/web", "v1")
	tag := l.registry.Host + "/apps/web:v1"
	write(t, filepath.Join(l.dir, "app/pod.yaml"), "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: app\n    image: "+tag+"\n", 0o600)
	claims := signtest.Claims(t, image)
	signed := l.vault.Write(t, "transit/sign/images/sha2-256", map[string]any{"input": base64.StdEncoding.EncodeToString(claims)})
	l.lock()
	if code, shown := l.run("check"); code != exitDenied || !strings.Contains(shown, "has no signature; one by release is demanded") {
		t.Fatalf("unsigned: exit %d\n%s", code, shown)
	}
	l.registry.Before(nil)
	sig := strings.TrimPrefix(signed.Data["signature"].(string), "vault:v1:")
	signtest.Attach(t, image, claims, sig)
	l.lock()
	code, shown := l.run("render")
	if want := "image: " + tag + "@" + image.DigestStr(); code != exitOK || !strings.Contains(shown, want) {
		t.Errorf("signed: exit %d, want %s\n%s", code, want, shown)
	}
	if strings.Contains(shown, registryPassword) {
		t.Errorf("the password is shown:\n%s", shown)
	}
}

// TestImagesAreLeftUnverifiedOnlyWithAWord asks no registry where a person says so,
// and says what that means.
func TestImagesAreLeftUnverifiedOnlyWithAWord(t *testing.T) {
	l := newImageLab(t)
	write(t, filepath.Join(l.dir, "app/pod.yaml"), "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: app\n    image: "+l.registry.Host+"/apps/web:v1\n", 0o600)
	l.registry.Requests.Store(0)
	settings, err := os.ReadFile(filepath.Join(l.dir, "plugin.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	// A laptop has none of the platform's files.
	elsewhere := strings.Replace(string(settings), "transit: {role: images, path: transit/images}", "keyFiles: [/etc/argocd-seal/release.pub]", 1)
	write(t, filepath.Join(l.dir, "plugin.yaml"), elsewhere, 0o600)
	for _, words := range [][]string{{"check", "--unverified-images"}, {"render", "--offline"}} {
		code, shown := l.run(words...)
		if code != exitOK || !strings.Contains(shown, "the images were not verified") {
			t.Errorf("%v: exit %d\n%s", words, code, shown)
		}
	}
	if asked := l.registry.Requests.Load(); asked > 0 {
		t.Errorf("the registry was asked %d times", asked)
	}
}

// TestTheDoctorAsksRegistriesAndSigners finds a wrong password and a key that is not
// there.
func TestTheDoctorAsksRegistriesAndSigners(t *testing.T) {
	l := newImageLab(t)
	examine := func() (code int, shown string) {
		t.Helper()
		var out bytes.Buffer
		code = run([]string{"doctor", "--config", filepath.Join(l.dir, "plugin.yaml"), "--only", "images"}, strings.NewReader(""), &out, &out)
		return code, out.String()
	}
	l.lock()
	code, shown := examine()
	for _, want := range []string{"it answers, and takes the login", "its keys or certificates are there", "1 rule; images that none matches are denied"} {
		if code != exitOK || !strings.Contains(shown, want) {
			t.Errorf("exit %d, want %s\n%s", code, want, shown)
		}
	}
	l.vault.Put(t, "images/registry", `{"username": "argocd", "password": "another-horse"}`)
	l.vault.Write(t, "transit/keys/images/config", map[string]any{"deletion_allowed": true})
	l.delete("transit/keys/images")
	code, shown = examine()
	for _, want := range []string{"refuses the login", "cannot read the key transit/images"} {
		if code != exitDenied || !strings.Contains(shown, want) {
			t.Errorf("exit %d, want %s\n%s", code, want, shown)
		}
	}
	if strings.Contains(shown, "horse") {
		t.Errorf("the password is shown:\n%s", shown)
	}
}

func (l *imageLab) delete(path string) {
	l.Helper()
	if _, err := l.vault.Root.Logical().Delete(path); err != nil {
		l.Fatal(err)
	}
}
