package threats

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bitnami-labs/sealed-secrets/pkg/crypto"
)

// Argo CD shows all but the data of Secrets to whoever may read an Application.
func TestR1ReferencesWhereTheValueWouldShow(t *testing.T) {
	row(t)
	s := start(t, settings{})
	r := s.reference()
	s.vault.Forget()
	for what, manifest := range map[string]string{
		"a ConfigMap":             "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: apps}\ndata: {a: \"" + r + "\"}\n",
		"an annotation":           "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: apps, annotations: {a: \"" + r + "\"}}\n",
		"a label":                 "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: apps, labels: {a: \"" + r + "\"}}\n",
		"a name":                  "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"" + r + "\", namespace: apps}\n",
		"an argument":             "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: apps}\nspec: {containers: [{name: c, image: a, args: [\"" + r + "\"]}]}\n",
		"part of an env":          "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: apps}\nspec: {containers: [{name: c, image: a, env: [{name: A, value: \"x" + r + "\"}]}]}\n",
		"a host":                  "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i, namespace: apps}\nspec: {rules: [{host: \"" + r + "\"}]}\n",
		"a field of another kind": "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t, namespace: apps}\nspec: {deep: [{a: \"" + r + "\"}]}\n",
		"a Secret's metadata":     "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: apps, annotations: {a: \"" + r + "\"}}\n",
		"a Secret's type":         "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: apps}\ntype: \"" + r + "\"\n",
		"a key of a Secret":       "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: apps}\nstringData: {\"" + r + "\": x}\n",
		"another's Secret":        "apiVersion: example.com/v1\nkind: Secret\nmetadata: {name: s, namespace: apps}\nstringData: {a: \"" + r + "\"}\n",
	} {
		a := s.ask(t, files{"app/a.yaml": manifest})
		if a.code() != "E_REF_POSITION" && a.code() != "E_OBJECT" && a.code() != "E_INJECTION" {
			t.Errorf("%s gives %.200q", what, a.text())
		}
	}
	if s.asked() > 0 {
		t.Errorf("Vault was asked %d times", s.asked())
	}
	s.unharmed(t)
	s.rendered(t, s.ask(t, files{"app/a.yaml": "# " + r + "\n" + configMap}))
}

// unseal decrypts the entries of the first SealedSecret in an output.
func unseal(t testing.TB, out, label string) map[string]string {
	t.Helper()
	entries, err := tryUnseal(t, out, label)
	must(t, err)
	return entries
}

func tryUnseal(t testing.TB, out, label string) (map[string]string, error) {
	t.Helper()
	for line := range strings.Lines(out) {
		var object struct {
			Kind string
			Spec struct{ EncryptedData map[string]string }
		}
		must(t, json.Unmarshal([]byte(line), &object))
		if object.Kind != "SealedSecret" {
			continue
		}
		entries := map[string]string{}
		for key, sealed := range object.Spec.EncryptedData {
			raw, err := base64.StdEncoding.DecodeString(sealed)
			must(t, err)
			plain, err := crypto.HybridDecrypt(nil, privateKeys(t), raw, []byte(label))
			if err != nil {
				return nil, err
			}
			entries[key] = string(plain)
		}
		return entries, nil
	}
	t.Fatalf("nothing is sealed in %.300s", out)
	return nil, nil
}

func TestR2ValuesAreNotReadTwice(t *testing.T) {
	row(t)
	s := start(t, settings{})
	second := "<vault:kv/" + s.prefix + "/team-a/db#password>"
	text, err := json.Marshal(map[string]string{"k": second, "t": "{{ .Values.x }} ${A} $(B)"})
	must(t, err)
	s.server.Put(t, s.prefix+"/team-a/nested", string(text))
	s.vault.Forget()
	out := s.rendered(t, s.ask(t, files{"app/a.yaml": secret("<vault:kv/" + s.prefix + "/team-a/nested#k>")}))
	if got := unseal(t, out, "apps/db")["password"]; got != second {
		t.Errorf("the value is %q", got)
	}
	if reads := s.vault.Count("GET /v1/kv/data/" + s.prefix + "/team-a/db"); reads > 0 {
		t.Errorf("the reference in a value was followed %d times", reads)
	}
}

func TestR3ValuesAreBytesAndNoStructure(t *testing.T) {
	row(t)
	s := start(t, settings{})
	for what, held := range map[string]string{
		"documents": "a\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: evil}\n", "a template": "{{ .Values }}{{ fail \"x\" }}", "the end of CDATA": "]]>",
		"control characters": "\x00\x01\x1b[2J", "quotes": `","evil":"x`, "900 KB": strings.Repeat("0123456789abcdef", 57_600), "letters": "пароль \u2028",
	} {
		text, err := json.Marshal(map[string]string{"k": held})
		must(t, err)
		s.server.Put(t, s.prefix+"/team-a/odd", string(text))
		a := s.ask(t, files{"app/a.yaml": secret("<vault:kv/" + s.prefix + "/team-a/odd#k>")})
		if a.err != nil {
			t.Errorf("%s gives %.200q", what, a.text())
			continue
		}
		if len(a.manifests) != 1 || unseal(t, a.text(), "apps/db")["password"] != held {
			t.Errorf("%s: %d objects, and not the value that Vault holds", what, len(a.manifests))
		}
	}
	s.unharmed(t)
}

// A reference may stand inside a longer text of a Secret; what is only part of
// one is a mistake.
func TestR4HalfReferences(t *testing.T) {
	row(t)
	s := start(t, settings{})
	out := s.rendered(t, s.ask(t, files{"app/a.yaml": secret("https://" + s.reference() + "@h/" + s.reference())}))
	if got := unseal(t, out, "apps/db")["password"]; got != "https://"+s.allowed+"@h/"+s.allowed {
		t.Error("what stands around references is lost")
	}
	for _, text := range []string{"<vault:kv/a#b", "< vault:kv/a#b>", "<Vault:kv/a#b>", "<vault:kv/a b#c>", "<vault:>", "<vault:kv/a#b|nope>", "<vault:kv/a#b@x>"} {
		s.refused(t, s.ask(t, files{"app/a.yaml": secret(text)}), "E_REF_SYNTAX", "E_MODIFIER")
	}
}

func TestR5ReferencesInBase64(t *testing.T) {
	row(t)
	s := start(t, settings{})
	encoded := base64.StdEncoding.EncodeToString([]byte(s.reference()))
	manifest := "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: apps}\ndata: {password: %s}\n"
	s.vault.Forget()
	out := s.rendered(t, s.ask(t, files{"app/a.yaml": fmt.Sprintf(manifest, encoded)}))
	if got := unseal(t, out, "apps/db")["password"]; got != s.allowed || s.vault.Count("GET /v1/kv/data/"+s.prefix+"/team-a/db") != 1 {
		t.Errorf("Vault was asked %d times, and the value is another one", s.asked())
	}
	core := base64.StdEncoding.EncodeToString([]byte("<vault:kv/" + s.prefix + "/core/db#password>"))
	s.refused(t, s.ask(t, files{"app/a.yaml": fmt.Sprintf(manifest, core)}), "E_FORBIDDEN")
	s.vault.Forget()
	twice := base64.StdEncoding.EncodeToString([]byte(encoded))
	a := s.ask(t, files{"app/a.yaml": fmt.Sprintf(manifest, twice)})
	if s.asked() > 0 {
		t.Error("base64 in base64 was taken for a reference")
	}
	s.refused(t, a, "E_PLAIN_SECRET")
}

func TestR6LookalikesAndEscapes(t *testing.T) {
	row(t)
	s := start(t, settings{})
	escaped := strings.Replace(s.reference(), "<vault:", `<\x76ault:`, 1)
	out := s.rendered(t, s.ask(t, files{"app/a.yaml": secret(escaped)}))
	if unseal(t, out, "apps/db")["password"] != s.allowed {
		t.Error("an escape of YAML hides a reference")
	}
	s.vault.Forget()
	lookalike := strings.Replace(s.reference(), "vault", "v\u0430ult", 1)
	a := s.ask(t, files{"app/a.yaml": secret(lookalike)})
	if a.code() != "E_PLAIN_SECRET" && a.code() != "E_REF_SYNTAX" || s.asked() > 0 {
		t.Errorf("a lookalike gives %.200q", a.text())
	}
	s.unharmed(t)
}

// Nothing of a Secret stands a second time in what is emitted.
func TestR7CopiesOfManifests(t *testing.T) {
	row(t)
	s := start(t, settings{})
	plain := s.watch.Secret("in-clear-0123456789abcdef")
	manifest := "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  namespace: apps\n  labels: {app: shop}\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: '{\"data\":{\"password\":\"" + plain + "\"}}'\n" +
		"stringData: {password: \"" + s.reference() + "\"}\n"
	a := s.ask(t, files{"app/a.yaml": manifest})
	if a.err == nil && strings.Contains(a.text(), "last-applied") {
		t.Errorf("the copy is emitted: %.300s", a.text())
	}
	s.unharmed(t)
}

func TestR8SecretsThatArgoCDReads(t *testing.T) {
	row(t)
	s := start(t, settings{policy: "{level: basic-security}"})
	for what, text := range map[string]string{
		"a cluster of Argo CD": "metadata: {name: db, namespace: apps, labels: {argocd.argoproj.io/secret-type: cluster}}\nstringData: {password: \"" + s.reference() + "\"}\n",
		"a token":              "metadata: {name: db, namespace: apps, annotations: {kubernetes.io/service-account.name: default}}\ntype: kubernetes.io/service-account-token\n",
		"a bootstrap token":    "metadata: {name: bootstrap-token-abcdef, namespace: kube-system}\ntype: bootstrap.kubernetes.io/token\nstringData: {password: \"" + s.reference() + "\"}\n",
	} {
		a := s.ask(t, files{"app/a.yaml": "apiVersion: v1\nkind: Secret\n" + text})
		if a.code() != "E_POLICY" {
			t.Errorf("%s gives %.200q", what, a.text())
		}
	}
	template := "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: db, namespace: apps}\nspec: {encryptedData: {a: AgA=}, template: {metadata: {labels: {argocd.argoproj.io/secret-type: repository}}}}\n"
	s.refused(t, s.ask(t, files{"app/a.yaml": template}), "E_POLICY")
}

func TestR9PlainSecretsAreRefused(t *testing.T) {
	row(t)
	s := start(t, settings{})
	for _, data := range []string{"stringData: {a: b}", "data: {a: Yg==}", "stringData: {a: b, password: \"" + s.reference() + "\"}"} {
		a := s.ask(t, files{"app/a.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: apps}\n" + data + "\n"})
		if strings.Contains(data, "vault:") {
			if a.err == nil && strings.Contains(a.text(), `"a":"b"`) {
				t.Errorf("text in clear is emitted: %.300s", a.text())
			}
			continue
		}
		s.refused(t, a, "E_PLAIN_SECRET")
	}
}

func TestR10ReadyMadeInjections(t *testing.T) {
	row(t)
	s := start(t, settings{policy: "{level: basic-security}"})
	for what, manifest := range map[string]string{
		"sealed for any namespace": "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: s, namespace: apps, annotations: {sealedsecrets.bitnami.com/cluster-wide: 'true'}}\nspec: {encryptedData: {a: AgA=}}\n",
		"sealed for a namespace":   "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: s, namespace: apps, annotations: {sealedsecrets.bitnami.com/namespace-wide: 'true'}}\nspec: {encryptedData: {a: AgA=}}\n",
		"in the template":          "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: s, namespace: apps}\nspec: {encryptedData: {a: AgA=}, template: {metadata: {annotations: {sealedsecrets.bitnami.com/cluster-wide: 'true'}}}}\n",
	} {
		if a := s.ask(t, files{"app/a.yaml": manifest}); a.code() != "E_POLICY" {
			t.Errorf("%s gives %.300q", what, a.text())
		}
	}
	s.unharmed(t)
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "secrets", "seal", "testdata", name))
	must(t, err)
	return content
}
