package harness

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Binary is a program that the tests run: a path below the repository's root,
// or a bare name that is looked up on PATH.
type Binary string

// The programs, as `make build servers` lays them out. A server's version is
// part of its name, so that a new version is never taken for an old one.
const (
	Seal      Binary = "bin/argocd-seal"
	ArgoCD2   Binary = ".cache/servers/argocd-v2-2.14.21"
	ArgoCD3   Binary = ".cache/servers/argocd-v3-3.2.12"
	Kustomize Binary = ".cache/servers/kustomize-5.8.1"
	Helm      Binary = ".cache/servers/helm-3.20.2"
	VaultCore Binary = ".cache/servers/vault-1.17.6"
	APIServer Binary = ".cache/servers/kube-apiserver-1.33.13"
	Unsealer  Binary = ".cache/servers/sealed-secrets-controller-0.27.1"
	Kubeseal  Binary = ".cache/servers/kubeseal-0.27.1"
	// FluentForward is the OpenTelemetry Collector's receiver of Fluent Forward.
	FluentForward Binary = ".cache/servers/fluentforward-0.165.0"
	// VaultPlugin is argocd-vault-plugin, whose repositories are migrated.
	VaultPlugin Binary = ".cache/servers/argocd-vault-plugin-1.18.1"
	// SealedSecretCRD is no program, but comes with the controller.
	SealedSecretCRD Binary = ".cache/servers/sealed-secrets-crd-0.27.1.yaml"
	// ExternalSecretCRD is External Secrets Operator's definition. The operator runs
	// nowhere here.
	ExternalSecretCRD Binary = ".cache/servers/external-secrets-crd-0.20.4.yaml"
	// GoReleaser and CycloneDX make releases and their lists of modules, Cosign
	// signs and verifies them.
	GoReleaser Binary = ".cache/tools/goreleaser-2.15.1"
	CycloneDX  Binary = ".cache/tools/cyclonedx-gomod-1.10.0"
	Cosign     Binary = ".cache/tools/cosign-2.6.5"
	Redis      Binary = "redis-server"
	Etcd       Binary = "etcd"
	Rsyslog    Binary = "rsyslogd"
	Unshare    Binary = "unshare"
	Git        Binary = "git"
	Chromium   Binary = "chromium"
	JQ         Binary = "jq"
	NPM        Binary = "npm"
)

// packages are Debian's packages of the programs that are not called as these.
var packages = map[Binary]string{Etcd: "etcd-server", Unshare: "util-linux", Rsyslog: "rsyslog rsyslog-gnutls"}

// Path returns where the program is, or an error that says how to get it.
func (b Binary) Path() (string, error) {
	if filepath.Base(string(b)) == string(b) {
		path, err := exec.LookPath(string(b))
		if err != nil {
			return "", fmt.Errorf("%s is not installed; fix: apt-get install -y %s", b, cmp.Or(packages[b], string(b)))
		}
		return path, nil
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, string(b))
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is not built; fix: make build servers", b)
	}
	return path, nil
}

// Need ends the test where a program is missing: skipped on a laptop, failed
// with CI=true, where a skipped test would pass for a passed one.
func Need(t testing.TB, binaries ...Binary) {
	t.Helper()
	for _, binary := range binaries {
		if _, err := binary.Path(); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
}

// Root returns the root of the repository: the nearest directory above the
// working directory that holds e2e/go.mod.
func Root() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "e2e", "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no repository root above %s", start)
		}
	}
}
