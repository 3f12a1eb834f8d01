package setup_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/internal/setup"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/engine"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

const certificate = "../../secrets/seal/testdata/cert.pem"

// variants are answers that differ in what is written.
var variants = map[string]setup.Given{
	"defaults":      {},
	"without Vault": {"vault-address": "none"},
	"jwt":           {"auth-method": "jwt", "environments": "live"},
	"approle":       {"auth-method": "approle"},
	"userpass":      {"auth-method": "userpass", "mount": "secret/teams"},
	"token":         {"auth-method": "token", "level": "basic-security"},
	"certificates":  {"certificate": certificate, "vault-ca": certificate},
	"one of two":    {"environments": "production,dev", "certificate": "dev=" + certificate},
	"a digest":      {"image": "registry.example.com:5000/seal@sha256:" + strings.Repeat("a", 64)},
}

// written makes the files of a variant in a directory that is not there yet.
func written(t *testing.T, given setup.Given) string {
	t.Helper()
	answers, err := setup.Complete(given)
	if err != nil {
		t.Fatal(err)
	}
	files, err := setup.Files(answers)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "platform", "argocd-seal")
	if err := setup.Write(dir, files); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestWhatIsWrittenWorks loads each plugin.yaml, runs the policy's tests and
// builds the installation.
func TestWhatIsWrittenWorks(t *testing.T) {
	for name, given := range variants {
		t.Run(name, func(t *testing.T) {
			dir := written(t, given)
			file, err := config.Load(filepath.Join(dir, "plugin.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			testPolicies(t, filepath.Join(dir, "policies"))
			testInstallation(t, dir, file)
		})
	}
}

func testPolicies(t *testing.T, dir string) {
	t.Helper()
	sources := []bundle.Source{bundle.Dir(dir)}
	loaded, err := bundle.LoadTests(dir, sources, bundle.Options{Data: sources})
	if err != nil {
		t.Fatal(err)
	}
	results, err := loaded.Test(t.Context())
	if err != nil || len(results) < 3 {
		t.Fatalf("%d tests, %v", len(results), err)
	}
	for _, result := range results {
		if result.Status != bundle.Passed {
			t.Errorf("%s: %s %s", result.Name, result.Status, result.Reason)
		}
	}
}

// testInstallation builds what kubectl apply -k would, and looks whether the
// sidecar has every file that plugin.yaml names.
func testInstallation(t *testing.T, dir string, file *config.File) {
	t.Helper()
	tree, err := source.ReadDirectory(t.Context(), dir, source.DefaultLimits(), nil)
	if err != nil {
		t.Fatal(err)
	}
	built, err := engine.Render(render.Request{Source: tree, Path: ".", Limits: render.Limits{Objects: 1000, OutputBytes: 1 << 24, ScalarBytes: 1 << 20, QuoteErrors: true}})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	var maps []string
	for _, one := range built.Objects {
		if one.Kind() == "ConfigMap" {
			maps = append(maps, one.Name())
		}
		if one.Kind() == "Deployment" {
			text.WriteString(container(t, one))
		}
	}
	for _, prefix := range []string{"argocd-seal-", "argocd-seal-policies-", "argocd-cmd-params-cm"} {
		if !slices.ContainsFunc(maps, func(name string) bool { return strings.HasPrefix(name, prefix) }) {
			t.Errorf("there is no ConfigMap %s among %v", prefix, maps)
		}
	}
	for _, named := range paths(file) {
		if mount := filepath.Dir(named); !strings.Contains(text.String(), "mountPath:"+mount+" ") {
			t.Errorf("plugin.yaml names %s, and the sidecar mounts:\n%s", named, text.String())
		}
	}
	if !strings.Contains(text.String(), "workingDir:/etc/argocd-seal ") || strings.Contains(text.String(), "image:argocd-seal ") {
		t.Errorf("the sidecar is\n%s", text.String())
	}
}

// container writes the fields of the sidecar's container as field:value.
func container(t *testing.T, deployment object.Object) string {
	t.Helper()
	var text strings.Builder
	var write func(value any)
	write = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			for key, below := range value {
				if leaf, ok := below.(string); ok {
					text.WriteString(key + ":" + leaf + " ")
				}
				write(below)
			}
		case []any:
			for _, below := range value {
				write(below)
			}
		}
	}
	write(deployment.Fields)
	return text.String()
}

// paths are the files that plugin.yaml names.
func paths(file *config.File) []string {
	named := []string{file.Seal.Vault.CAFile, file.Seal.Audit.Key}
	for _, role := range file.Seal.Vault.Roles {
		named = append(named, role.TokenFile, role.SecretIDFile, role.PasswordFile)
	}
	for _, environment := range file.Seal.Environments {
		sealed := environment.Injection.SealedSecret
		named = append(named, sealed.CertificateFile, sealed.SaltFile)
	}
	return slices.DeleteFunc(named, func(name string) bool { return name == "" })
}

func TestCertificatesArePinned(t *testing.T) {
	file, err := config.Load(filepath.Join(written(t, variants["one of two"]), "plugin.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var pinned []bool
	for _, environment := range file.Seal.Environments {
		pinned = append(pinned, strings.Trim(environment.Injection.SealedSecret.Fingerprint, "0") != "")
	}
	if !slices.Equal(pinned, []bool{false, true}) {
		t.Errorf("pinned are %v, want dev alone", pinned)
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"plugin.yaml", "notes.txt", ".git"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := setup.Write(dir, []setup.File{{Path: "README.md", Content: []byte("x")}})
	if err == nil || !strings.Contains(err.Error(), "is not empty") || !strings.Contains(err.Error(), "notes.txt, plugin.yaml") || strings.Contains(err.Error(), ".git,") {
		t.Errorf("got %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Errorf("there are %d entries, %v", len(entries), err)
	}
}

// A file that cannot be written takes those before it away, with the directories
// that were made for them.
func TestAFailureLeavesNothing(t *testing.T) {
	above := t.TempDir()
	err := setup.Write(filepath.Join(above, "a", "b"), []setup.File{{Path: "one", Content: []byte("1")}, {Path: "two/three", Content: []byte("3")}, {Path: "one", Content: []byte("again")}})
	if fault.CodeOf(err) != fault.Path || !strings.Contains(err.Error(), "nothing was written") {
		t.Errorf("got %v", err)
	}
	if entries, err := os.ReadDir(above); err != nil || len(entries) != 0 {
		t.Errorf("left are %v, %v", entries, err)
	}
}

func TestQuestionsAreAsked(t *testing.T) {
	var out strings.Builder
	given := setup.Given{"team": "books", "image": "registry.example.com/seal:1"}
	answers, err := setup.Ask(given, strings.NewReader("Live!\nlive\n\n\nnone\n"), &out)
	if err != nil {
		t.Fatal(err)
	}
	if answers.Team != "books" || answers.Environments != "live" || answers.VaultAddress != "none" || answers.Level != "production-security" {
		t.Errorf("got %+v", answers)
	}
	for _, want := range []string{`"Live!" is no answer here`, "Environments, the strictest first [production,staging,dev]: "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	for _, not := range []string{"Team or product", "auth method", "KV engine"} {
		if strings.Contains(out.String(), not) {
			t.Errorf("%q was asked needlessly", not)
		}
	}
	if _, err := setup.Ask(nil, strings.NewReader("books\n"), &out); fault.CodeOf(err) != fault.Canceled {
		t.Errorf("the end of the answers gives %v", err)
	}
}

func TestNobodyToAsk(t *testing.T) {
	_, err := setup.Without(setup.Given{"team": "books"})
	if err == nil || !strings.Contains(err.Error(), "--yes") || !strings.Contains(err.Error(), "--vault-address") || strings.Contains(err.Error(), "--team") {
		t.Errorf("got %v", err)
	}
	all := setup.Given{}
	for _, question := range setup.Questions() {
		all[question.Flag] = strings.ReplaceAll(question.Default, "{team}", "books")
	}
	if _, err := setup.Without(all); err != nil {
		t.Errorf("with all answers: %v", err)
	}
}

func TestWrongAnswersAreToldTogether(t *testing.T) {
	_, err := setup.Complete(setup.Given{
		"team": "a\nb", "environments": "one,one", "vault-address": "http://vault", "auth-method": "ldap", "mount": "../x", "level": "high",
		"vault-role": `"`, "image": "a b", "repo-url": "nowhere", "vault-ca": "/nowhere",
	})
	for _, flag := range []string{"team", "environments", "vault-address", "auth-method", "mount", "level", "vault-role", "image", "repo-url", "vault-ca"} {
		if err == nil || !strings.Contains(err.Error(), "--"+flag) {
			t.Errorf("--%s is not named in\n%v", flag, err)
		}
	}
	if _, err := setup.Complete(setup.Given{"certificate": certificate + ",setup_test.go"}); err == nil || !strings.Contains(err.Error(), "setup_test.go --certificate: there is no PEM certificate") {
		t.Errorf("got %v", err)
	}
	if _, err := setup.Complete(setup.Given{"environments": "live,vault-ca"}); err == nil || !strings.Contains(err.Error(), "certificates/vault-ca.crt") || !strings.Contains(err.Error(), "fix: call the environment otherwise") {
		t.Errorf("got %v", err)
	}
	answers, err := setup.Complete(setup.Given{"team": "books", "certificate": "test=" + certificate})
	if err != nil || answers.RepoURL != "https://git.example.com/books/*" {
		t.Fatal(answers, err)
	}
	if _, err := setup.Files(answers); err == nil || !strings.Contains(err.Error(), `the environment "test"`) {
		t.Errorf("got %v", err)
	}
}
