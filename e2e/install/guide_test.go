package install

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// TestMain lets the test binary be kubectl where it is called so: the guide's
// commands need one, and few machines of this kind have it.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "kubectl" {
		os.Exit(cli.Run(cmd.NewDefaultKubectlCommand()))
	}
	os.Exit(m.Run())
}

// TestGuide runs the commands of docs/install.md, in their order: those of blocks
// that are marked as sh. The others need a registry, Vault, Helm's chart or nodes.
func TestGuide(t *testing.T) {
	s := newSite(t)
	guide, err := os.ReadFile(root(t, "docs/install.md"))
	must(t, err)
	install, uninstall, found := strings.Cut(string(guide), "\n## Uninstall\n")
	if !found {
		t.Fatal("docs/install.md does not say how to uninstall")
	}
	shell := newShell(t, s.Cluster)
	shell.run(t, install, 6)
	s.testInstalled(t)
	shell.dir = filepath.Join(shell.dir, "argo-cd")
	shell.run(t, uninstall, 1)
	s.testUninstalled(t)
}

// testObjects applies the objects that a guide shows, strictly.
func (s *site) testObjects(t *testing.T, guide string) {
	t.Helper()
	content, err := os.ReadFile(root(t, guide))
	must(t, err)
	blocks := regexp.MustCompile("(?s)\n```yaml\n(.*?)```\n").FindAllStringSubmatch(string(content), -1)
	if len(blocks) == 0 {
		t.Fatalf("%s shows no object", guide)
	}
	for _, block := range blocks {
		s.applyAll(t, parse(t, block[1]))
	}
}

// shell is where the commands are run: a directory with the examples, and what the
// steps before that cannot be run would have made.
type shell struct {
	dir string
	env []string
}

func newShell(t *testing.T, cluster *harness.Cluster) *shell {
	t.Helper()
	dir := t.TempDir()
	examples := filepath.Join(dir, "examples", "install")
	must(t, os.CopyFS(examples, os.DirFS(root(t, "examples/install"))))
	must(t, os.WriteFile(filepath.Join(examples, "argo-cd.yaml"), releases[len(releases)-1].manifests(t), 0o600))
	for _, name := range []string{"vault-ca.crt", "production.crt", "staging.crt", "dev.crt"} {
		certificate, _, err := cert.GenerateSelfSignedCertKey(name, nil, nil)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(examples, name), certificate, 0o600))
	}
	bin := filepath.Join(dir, "bin")
	must(t, os.Mkdir(bin, 0o700))
	self, err := os.Executable()
	must(t, err)
	must(t, os.Symlink(self, filepath.Join(bin, "kubectl")))
	config := filepath.Join(dir, "kubeconfig")
	must(t, os.WriteFile(config, fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters: [{name: a, cluster: {server: %q, certificate-authority-data: %s}}]
users: [{name: a, user: {token: %q}}]
contexts: [{name: a, context: {cluster: a, user: a}}]
current-context: a
`, cluster.Config.Host, base64.StdEncoding.EncodeToString(cluster.Config.CAData), cluster.Config.BearerToken), 0o600))
	return &shell{dir, []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "KUBECONFIG=" + config, "HOME=" + dir}}
}

// run runs the blocks of a part of the guide as one script.
func (s *shell) run(t *testing.T, guide string, least int) {
	t.Helper()
	blocks := regexp.MustCompile("(?s)\n```sh\n(.*?)```\n").FindAllStringSubmatch(guide, -1)
	if len(blocks) < least {
		t.Fatalf("found %d blocks of commands, want at least %d", len(blocks), least)
	}
	var script strings.Builder
	for _, block := range blocks {
		script.WriteString(block[1])
	}
	command := exec.CommandContext(t.Context(), "bash", "-euxo", "pipefail", "-c", script.String())
	command.Dir, command.Env = s.dir, s.env
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
}

// testInstalled looks whether the sidecar would find all that its volumes name.
func (s *site) testInstalled(t *testing.T) {
	ctx := t.Context()
	deployment, err := s.Client.AppsV1().Deployments("argocd").Get(ctx, "argocd-repo-server", metav1.GetOptions{})
	must(t, err)
	spec := deployment.Spec.Template.Spec
	if len(spec.Containers) != 2 {
		t.Errorf("the repo-server has %d containers, want the sidecar beside it", len(spec.Containers))
	}
	for _, volume := range spec.Volumes {
		if err := s.filled(ctx, volume); err != nil {
			t.Errorf("the volume %s: %v", volume.Name, err)
		}
	}
	admin := s.Config
	object := secret("a", map[string]string{"k": encode(native)})
	object.SetNamespace("guarded")
	s.applyAll(t, parse(t, guarded))
	until(t, "the admission policy holds", func(ctx context.Context) error {
		if err := s.try(ctx, admin, object); err == nil {
			return fmt.Errorf("a reference was admitted")
		}
		return nil
	})
}

// filled returns an error where what a volume is filled from is not there.
func (s *site) filled(ctx context.Context, volume corev1.Volume) error {
	switch {
	case volume.ConfigMap != nil:
		_, err := s.Client.CoreV1().ConfigMaps("argocd").Get(ctx, volume.ConfigMap.Name, metav1.GetOptions{})
		return err
	// Upstream's, for a certificate of one's own.
	case volume.Name == "argocd-repo-server-tls":
	case volume.Secret != nil:
		found, err := s.Client.CoreV1().Secrets("argocd").Get(ctx, volume.Secret.SecretName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, item := range volume.Secret.Items {
			if len(found.Data[item.Key]) == 0 {
				return fmt.Errorf("the Secret has no %s", item.Key)
			}
		}
	}
	return nil
}

// testUninstalled looks for what is left of the sidecar.
func (s *site) testUninstalled(t *testing.T) {
	ctx := t.Context()
	deployment, err := s.Client.AppsV1().Deployments("argocd").Get(ctx, "argocd-repo-server", metav1.GetOptions{})
	must(t, err)
	spec := deployment.Spec.Template.Spec
	if len(spec.Containers) != 1 || spec.ServiceAccountName != "argocd-repo-server" {
		t.Errorf("the repo-server has %d containers and runs as %s, want upstream's", len(spec.Containers), spec.ServiceAccountName)
	}
	for _, text := range []string{
		"apiVersion: v1\nkind: ServiceAccount", "apiVersion: v1\nkind: ConfigMap", "apiVersion: v1\nkind: Secret",
		"apiVersion: rbac.authorization.k8s.io/v1\nkind: Role", "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding",
		"apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy",
		"apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding",
	} {
		kind := parse(t, text)[0]
		kind.SetNamespace("argocd")
		client, err := s.client(s.Config, kind)
		must(t, err)
		list, err := client.List(ctx, metav1.ListOptions{})
		must(t, err)
		for _, item := range list.Items {
			if strings.HasPrefix(item.GetName(), "argocd-seal") {
				t.Errorf("the %s %s is left", kind.GetKind(), item.GetName())
			}
		}
	}
	for _, name := range []string{"argocd-cm", "argocd-cmd-params-cm"} {
		settings, err := s.Client.CoreV1().ConfigMaps("argocd").Get(ctx, name, metav1.GetOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
		for key := range settings.Data {
			if strings.HasPrefix(key, "resource.customizations.health.") || key == "reposerver.plugin.tar.exclusions" {
				t.Errorf("%s still sets %s", name, key)
			}
		}
	}
}
