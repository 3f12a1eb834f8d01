package threats

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
)

// Whoever may read an Application may have files of their own rendered as it:
// the revision is then the word streamed.
func TestB1UploadedFilesGetNoSecret(t *testing.T) {
	row(t)
	s := start(t, settings{})
	s.vault.Forget()
	for _, revision := range []string{"streamed", "", "HEAD", "main", strings.Repeat("a", 39), strings.Repeat("A", 40), strings.Repeat("g", 40)} {
		a := s.ask(t, files{"app/a.yaml": secret(s.reference())}, "ARGOCD_APP_REVISION="+revision)
		if a.code() != "E_IDENTITY_STREAMED" && a.code() != "E_IDENTITY" {
			t.Errorf("%q gives %.200q", revision, a.text())
		}
	}
	if asked := s.asked(); asked > 0 {
		t.Errorf("Vault was asked %d times", asked)
	}
	s.unharmed(t)
	// Without secrets, what was uploaded is rendered: argocd app diff --local.
	s.rendered(t, s.ask(t, files{"app/a.yaml": configMap}, "ARGOCD_APP_REVISION=streamed"))
}

func TestB2NamesCountWithTheirProject(t *testing.T) {
	row(t)
	s := start(t, settings{bindings: "- {name: core, projects: [proj-core], apps: [payments], namespaces: [apps], role: reader, paths: [kv/PREFIX/core/**]}\n" +
		"- {name: team, projects: [team-a], apps: [team-a_payments], namespaces: [apps], role: reader, paths: [kv/PREFIX/team-a/**]}"})
	s.vault.Forget()
	core := secret("<vault:kv/" + s.prefix + "/core/db#password>")
	for _, more := range [][]string{
		{"ARGOCD_APP_NAME=payments"}, {"ARGOCD_APP_NAME=payments", "ARGOCD_APP_PROJECT_NAME="}, {"ARGOCD_APP_NAME=team-a_payments"},
		{"ARGOCD_APP_NAME=proj-core_payments"}, {"ARGOCD_APP_NAME=payments", "ARGOCD_APP_PROJECT_NAME=proj-core2"},
		{"ARGOCD_APP_NAME=payments2", "ARGOCD_APP_PROJECT_NAME=proj-core"}, {"ARGOCD_APP_NAME=Payments", "ARGOCD_APP_PROJECT_NAME=proj-core"},
	} {
		if a := s.ask(t, files{"app/a.yaml": core}, more...); a.code() != "E_FORBIDDEN" && a.code() != "E_IDENTITY" {
			t.Errorf("%v gives %.200q", more, a.text())
		}
	}
	if asked := s.asked(); asked > 0 {
		t.Errorf("Vault was asked %d times", asked)
	}
	s.rendered(t, s.ask(t, files{"app/a.yaml": secret(s.reference())}, "ARGOCD_APP_NAME=team-a_payments"))
}

// Argo CD renders before it has checked the destination and the repository.
func TestB3OtherDestinationsTellNothing(t *testing.T) {
	row(t)
	s := start(t, settings{bindings: "- {name: team-a, projects: [team-a], namespaces: [apps], repoURLs: ['https://git.example.com/team-a/*'], role: reader, paths: [kv/PREFIX/team-a/**]}\n" +
		"- {name: core, projects: [proj-core], apps: [payments], namespaces: [apps], role: reader, paths: [kv/PREFIX/core/**]}"})
	s.vault.Forget()
	for _, more := range []string{"ARGOCD_APP_NAMESPACE=kube-system", "ARGOCD_APP_SOURCE_REPO_URL=https://git.example.com/team-b/x.git", "ARGOCD_APP_PROJECT_NAME=team-b"} {
		there := s.ask(t, files{"app/a.yaml": secret(s.reference())}, more)
		missing := s.ask(t, files{"app/a.yaml": secret("<vault:kv/" + s.prefix + "/team-a/no#password>")}, more)
		if there.code() != "E_FORBIDDEN" && there.code() != "E_NAMESPACE" {
			t.Errorf("%s gives %.200q", more, there.text())
		}
		if want := strings.ReplaceAll(there.text(), "/team-a/db", "/team-a/no"); missing.text() != want {
			t.Errorf("what is there and what is not differ:\n%s\n%s", there.text(), missing.text())
		}
	}
	if asked := s.asked(); asked > 0 {
		t.Errorf("Vault was asked %d times", asked)
	}
	s.unharmed(t)
	s.rendered(t, s.ask(t, files{"app/a.yaml": secret(s.reference())}))
}

// hostileSettings are variables that whoever can push can set, by
// .argocd-source.yaml.
func hostileSettings(address string) []string {
	return []string{
		"ARGOCD_ENV_VAULT_ADDR=http://" + address, "ARGOCD_ENV_SEAL_CERT=cert.pem", "ARGOCD_ENV_POLICY=off", "PARAM_SCOPE=cluster-wide",
		"ARGOCD_ENV_AVP_PATH_VALIDATION=.*", "ARGOCD_ENV_ARGOCD_APP_PROJECT_NAME=proj-core", "ARGOCD_ENV_VAULT_SKIP_VERIFY=1", "VAULT_ADDR=http://" + address,
		"ARGOCD_ENV_HTTPS_PROXY=http://" + address, "HTTP_PROXY=http://" + address, "ARGOCD_ENV_AVP_TYPE=vault", "ARGOCD_ENV_INJECTION=plaintext",
	}
}

func TestB4VariablesOfTheApplicationChangeNothing(t *testing.T) {
	row(t)
	s := start(t, settings{})
	address, hits := listener(t)
	content := files{"app/a.yaml": secret(s.reference()), "app/cert.pem": "x", "app/.argocd-source.yaml": "plugin: {env: [{name: POLICY, value: 'off'}]}\n"}
	want := s.rendered(t, s.ask(t, content))
	if got := s.rendered(t, s.ask(t, content, hostileSettings(address)...)); got != want {
		t.Errorf("with variables the output is\n%s\nand without\n%s", got, want)
	}
	if hits.Load() > 0 || len(s.log.lines("env is ignored")) != 1 {
		t.Errorf("%d connections, and %d lines that tell of it", hits.Load(), len(s.log.lines("env is ignored")))
	}
	s.refused(t, s.ask(t, files{"app/a.yaml": secret("<vault:kv/" + s.prefix + "/core/db#password>")}, hostileSettings(address)...), "E_FORBIDDEN")
}

func TestB5UnknownParametersAreRefused(t *testing.T) {
	row(t)
	s := start(t, settings{})
	for _, name := range []string{"vault-addr", "VAULT_ADDR", "scope", "injection", "environment", "project", "policy", "AVP_PATH_VALIDATION"} {
		s.refused(t, s.ask(t, files{"app/a.yaml": configMap}, parameter(t, name, "x")), "E_PARAMETER")
	}
}

func TestB6VariablesThatComeTwice(t *testing.T) {
	row(t)
	s := start(t, settings{})
	packed := pack(t, files{"app/a.yaml": secret(s.reference())})
	twice := append(identity(), &apiclient.EnvEntry{Name: "ARGOCD_APP_NAME", Value: "payments"})
	s.refused(t, s.send(t, packed, "app", twice), "E_ENV_DUP")
	same := append(identity(), &apiclient.EnvEntry{Name: "ARGOCD_APP_PROJECT_NAME", Value: "team-a"})
	s.refused(t, s.send(t, packed, "app", same), "E_ENV_DUP")
	s.refused(t, s.send(t, packed, "app", identity("ARGOCD_APP_NAME=")), "E_IDENTITY")
	empty := append(identity("ARGOCD_APP_NAME="), &apiclient.EnvEntry{Name: "ARGOCD_APP_NAME"})
	s.refused(t, s.send(t, packed, "app", empty), "E_IDENTITY")
	for _, one := range []*apiclient.EnvEntry{
		{Name: "ARGOCD_APP_NAME=x", Value: "y"}, {Name: "ARGOCD_APP_NAME\x00", Value: "y"}, {Name: "ARGOCD_APP_NAME\n", Value: "y"}, {Name: "", Value: "y"},
	} {
		if a := s.send(t, packed, "app", append(identity(), one)); a.code() != "E_IDENTITY" || !stable.MatchString(a.text()) {
			t.Errorf("%q gives %.200q", one.Name, a.text())
		}
	}
	s.unharmed(t)
}

func TestB7SocketIsTheRepoServersAlone(t *testing.T) {
	row(t)
	s := start(t, settings{})
	info, err := os.Stat(s.file("seal.sock"))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has the mode %s", info.Mode())
	}
	if os.Getuid() == 0 {
		t.Run("another user", func(t *testing.T) { s.otherUser(t) })
	}
	s.unharmed(t)
	// A link where the socket should be leads somebody else's requests away.
	broken := prepare(t, settings{})
	must(t, os.Symlink(filepath.Join(t.TempDir(), "elsewhere"), broken.file("seal.sock")))
	broken.run(t, settings{broken: true})
	if broken.command.ProcessState.ExitCode() == 0 || !strings.Contains(broken.log.String(), "seal.sock") {
		t.Errorf("beside a link the sidecar says %s", broken.log)
	}
}

// otherUser connects as a user who is not the repo-server's.
func (s *sidecar) otherUser(t *testing.T) {
	must(t, os.Chmod(s.file("seal.sock"), 0o777))
	for dir := s.dir; dir != "/"; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		must(t, err)
		must(t, os.Chmod(dir, info.Mode().Perm()|0o011))
	}
	said, err := asUser(t, 65534, s.file("seal.sock"))
	if err == nil && !slices.Contains([]string{"", "closed"}, said) {
		t.Errorf("another user was answered: %q", said)
	}
	if len(s.log.lines("65534")) == 0 {
		t.Errorf("nobody is told of the other user: %s", s.log.lines("warn"))
	}
}

func TestB8DiscoveryReadsNoSecret(t *testing.T) {
	row(t)
	s := start(t, settings{})
	s.vault.Forget()
	started := s.metric(t, "argocd_seal_workers_started_total")
	packed := pack(t, files{"app/a.yaml": secret(s.reference())})
	for range 3 {
		s.discover(t, packed)
	}
	if asked := s.asked(); asked > 0 {
		t.Errorf("Vault was asked %d times", asked)
	}
	if now := s.metric(t, "argocd_seal_workers_started_total"); now != started {
		t.Errorf("%s workers were started, and before %s", now, started)
	}
	s.unharmed(t)
}

func TestB9NeighboursOfAMonorepo(t *testing.T) {
	row(t)
	s := start(t, settings{})
	for _, field := range []string{
		"secretGenerator: [{name: x, envs: [../b/secret.env]}]", "configMapGenerator: [{name: x, files: [../b/secret.env]}]", "resources: [../b/secret.yaml]",
	} {
		a := s.ask(t, kustomization(field+"\n", files{"b/secret.env": "A=" + s.forbidden + "\n", "b/secret.yaml": configMap}))
		s.refused(t, a, "E_PATH", "E_REMOTE_REF")
	}
	// A base is a directory that says of itself that it is one.
	s.rendered(t, s.ask(t, kustomization("resources: [../base]\n", files{"base/kustomization.yaml": "resources: [c.yaml]\n", "base/c.yaml": configMap})))
}

// What one tenant may read is not another's because it was just read.
func TestB10NothingReadIsSharedBetweenTenants(t *testing.T) {
	row(t)
	s := start(t, settings{})
	core := files{"app/a.yaml": secret("<vault:kv/" + s.prefix + "/core/db#password>")}
	for range 3 {
		s.rendered(t, s.ask(t, core, "ARGOCD_APP_NAME=payments", "ARGOCD_APP_PROJECT_NAME=proj-core"))
		s.refused(t, s.ask(t, core), "E_FORBIDDEN")
		s.refused(t, s.ask(t, core, "ARGOCD_APP_NAME=payments"), "E_FORBIDDEN")
	}
}
