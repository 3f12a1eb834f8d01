// Package runbooks runs every command of docs/runbooks against real servers, and
// looks whether each step has the effect that the page promises.
package runbooks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// TestMain lets the test binary be kubectl, which few machines of this kind have,
// and the stand-in for vault, where it is called so.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "kubectl":
		os.Exit(cli.Run(cmd.NewDefaultKubectlCommand()))
	case "vault":
		code, err := vaultProgram(context.Background(), os.Args[1:])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(code)
	}
	os.Exit(m.Run())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// desk is the machine of whoever follows a runbook, in the directory of their
// installation, and what they look after: a Vault, a cluster with Argo CD's
// objects and nothing that reconciles them, and a sidecar that renders two
// tenants' applications.
type desk struct {
	cluster *harness.Cluster
	vault   *harness.Vault
	sidecar *harness.Sidecar
	dir     string
	env     []string
}

const (
	shopURL   = "https://git.example.com/shop/deploy.git"
	ledgerURL = "https://git.example.com/ledger/deploy.git"
	// patience bounds what happens in somebody's own time.
	patience = 2 * time.Minute
)

// newDesk sets everything up as docs/runbooks/README.md asks.
func newDesk(t *testing.T) *desk {
	t.Helper()
	harness.Need(t, harness.Seal)
	d := &desk{cluster: harness.NewCluster(t), vault: harness.NewVault(t), dir: t.TempDir()}
	for _, namespace := range []string{"argocd", "vault", "shop-production"} {
		must(t, d.cluster.Namespace(t.Context(), namespace))
	}
	d.equip(t)
	d.trust(t)
	d.fill(t)
	d.shell(t, `openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=sealed-secret -keyout old.key -out sidecar/production.crt
head -c 32 /dev/urandom > sidecar/salt; chmod 0400 sidecar/salt
argocd-seal audit key sidecar/audit.key audit.pub
kubectl -n argocd create secret generic argocd-seal-salt --from-file=sidecar/salt
kubectl -n argocd create secret generic argocd-seal-audit --from-file=sidecar/audit.key
kubectl -n argocd create configmap argocd-seal-certificates --from-file=sidecar/production.crt --from-literal=staging.crt=another
kubectl -n argocd create deployment argocd-repo-server --image=argocd
kubectl apply --server-side -f environments/production.yaml -f applications.yaml`)
	d.serve(t, d.settings(t))
	return d
}

// equip gives the desk its programs and files.
func (d *desk) equip(t *testing.T) {
	t.Helper()
	root, err := harness.Root()
	must(t, err)
	seal, err := harness.Seal.Path()
	must(t, err)
	self, err := os.Executable()
	must(t, err)
	for name, target := range map[string]string{"argocd-seal": seal, "kubectl": self, "vault": self} {
		must(t, os.MkdirAll(d.file("bin"), 0o700))
		must(t, os.Symlink(target, d.file("bin/"+name)))
	}
	must(t, d.cluster.DefineApplications(t.Context()))
	must(t, d.cluster.DefineProjects(t.Context()))
	must(t, d.cluster.Kubeconfig(d.file("kubeconfig"), d.cluster.Config.BearerToken))
	must(t, os.CopyFS(d.file("environments"), os.DirFS(filepath.Join(root, "examples", "install", "environments"))))
	for _, name := range []string{"replicas.rego", "replicas_test.rego"} {
		policy, err := os.ReadFile(filepath.Join(root, "examples", "policies", name))
		must(t, err)
		d.write(t, "sidecar/policies/"+name, string(policy))
	}
	d.write(t, "applications.yaml", applications)
	d.write(t, "sidecar/waivers.yaml", "waivers: []\n")
	d.write(t, "checkout/db/secret.yaml", secret("kv/production/shop/db#password"))
	d.write(t, "checkout/web/pod.yaml", pod)
	port, err := freeAddress(t.Context())
	must(t, err)
	d.env = []string{
		"PATH=" + d.file("bin") + ":" + os.Getenv("PATH"), "HOME=" + d.dir, "KUBECONFIG=" + d.file("kubeconfig"),
		"VAULT_ADDR=" + d.vault.Direct, "VAULT_TOKEN=" + d.vault.Root.Token(),
		"TRAIL=" + d.file("sidecar/trail"), "KEY=audit.pub", "SIDECAR=http://" + port,
	}
}

// trust lets the sidecar's account log in to Vault, as docs/install.md tells, with
// a role for each tenant.
func (d *desk) trust(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	must(t, d.cluster.ServiceAccount(ctx, "vault", "vault"))
	must(t, d.cluster.ServiceAccount(ctx, "argocd", "argocd-seal"))
	_, err := d.cluster.Client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "vault"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:auth-delegator"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "vault", Name: "vault"}},
	}, metav1.CreateOptions{})
	must(t, err)
	reviewer, err := d.cluster.Token(ctx, "vault", "vault", harness.APIAudience)
	must(t, err)
	must(t, d.vault.Write(ctx, "auth/kubernetes/config", map[string]any{
		"kubernetes_host": d.cluster.Config.Host, "kubernetes_ca_cert": string(d.cluster.Config.CAData), "token_reviewer_jwt": reviewer,
	}))
	for role, tenant := range map[string]string{"argocd-seal-production": "shop", "argocd-seal-ledger": "ledger"} {
		must(t, d.vault.Root.Sys().PutPolicyWithContext(ctx, role, fmt.Sprintf(`path "kv/data/production/%[1]s/*" { capabilities = ["read"] }
path "kv/metadata/production/%[1]s/*" { capabilities = ["read"] }
`, tenant)))
		must(t, d.vault.Write(ctx, "auth/kubernetes/role/"+role, map[string]any{
			"bound_service_account_names": "argocd-seal", "bound_service_account_namespaces": "argocd",
			"audience": "vault", "token_policies": role, "token_ttl": "10m",
		}))
	}
	token, err := d.cluster.Token(ctx, "argocd", "argocd-seal", "vault")
	must(t, err)
	d.write(t, "sidecar/token", token)
}

func (d *desk) fill(t *testing.T) {
	t.Helper()
	for _, path := range []string{"production/shop/db", "production/ledger/db"} {
		_, err := d.vault.Root.KVv2("kv").Put(t.Context(), path, map[string]any{"password": oldValue, "user": "app"})
		must(t, err)
	}
}

// settings are the second document of plugin.yaml.
func (d *desk) settings(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(d.file("sidecar/production.crt"))
	must(t, err)
	block, _ := pem.Decode(content)
	sum := sha256.Sum256(block.Bytes)
	return strings.NewReplacer(
		"DIR", d.file("sidecar"), "ADDRESS", strings.TrimPrefix(d.variable("SIDECAR"), "http://"),
		"VAULT", d.vault.Address, "FINGERPRINT", hex.EncodeToString(sum[:]),
	).Replace(settings)
}

// serve starts the sidecar with settings.
func (d *desk) serve(t *testing.T, settings string) {
	t.Helper()
	d.sidecar = harness.NewSidecar(t, d.file("sidecar"), harness.Plugin{Name: "argocd-seal", Seal: settings})
}

// shell runs what the test itself needs done.
func (d *desk) shell(t *testing.T, script string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
	command.Dir, command.Env = d.dir, d.env
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, output)
	}
	return string(output)
}

func (d *desk) file(name string) string { return filepath.Join(d.dir, name) }

func (d *desk) variable(name string) string {
	for _, pair := range d.env {
		if value, found := strings.CutPrefix(pair, name+"="); found {
			return value
		}
	}
	return ""
}

func (d *desk) write(t *testing.T, name, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(d.file(name)), 0o700))
	must(t, os.WriteFile(d.file(name), []byte(content), 0o600))
}

func (d *desk) read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(d.file(name))
	must(t, err)
	return string(content)
}

// render has the sidecar render a directory of the checkout, as Argo CD does for
// the project's application of that name at a made-up commit.
func (d *desk) render(t *testing.T, project, app, commit string) (string, error) {
	t.Helper()
	url := shopURL
	if project == "ledger" {
		url = ledgerURL
	}
	objects, err := d.sidecar.Generate(t.Context(), d.file("checkout"), app,
		"ARGOCD_APP_NAME="+project+"-"+app, "ARGOCD_APP_PROJECT_NAME="+project, "ARGOCD_APP_NAMESPACE="+project,
		"ARGOCD_APP_SOURCE_REPO_URL="+url, "ARGOCD_APP_SOURCE_PATH="+app, "ARGOCD_APP_REVISION="+strings.Repeat(commit, 40))
	return strings.Join(objects, "\n"), err
}

// renders expects a render that works.
func (d *desk) renders(t *testing.T, project, app string) string {
	t.Helper()
	objects, err := d.render(t, project, app, "a")
	if err != nil {
		t.Fatalf("%s of %s: %v", app, project, err)
	}
	return objects
}

// refused expects a render that fails with a code.
func (d *desk) refused(t *testing.T, project, app, code string) {
	t.Helper()
	if objects, err := d.render(t, project, app, "a"); err == nil || !strings.Contains(err.Error(), code+":") {
		t.Fatalf("%s of %s: %s %v, want %s", app, project, objects, err, code)
	}
}

// until asks again until there is no error.
func until(t *testing.T, what string, ask func() error) {
	t.Helper()
	const pause = 200 * time.Millisecond
	deadline := time.Now().Add(patience)
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waiting until %s: %v", what, err)
		}
		time.Sleep(pause)
	}
}

func freeAddress(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
