package secrets_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
)

// avpValues holds the keys that argocd-vault-plugin's documentation uses.
const avpValues = `
path/to/secret: {password-vault-key: password, username: user, password: pass, host: host, port: 9443, database: my-db, tag: "1.2", replicas: 3,
  credentials: {username: u, password: p}, credentialsJson: '{"a":"b"}', credentials_yaml: "username: u\npassword: p\n", b64_username: dXNlcg==}
`

// applyPlaintext runs the stage as a platform that migrates sets it up.
func applyPlaintext(t *testing.T, manifest string) (secrets.Result, error) {
	t.Helper()
	stage := newStage(t, func(rule *binding.Rule, e *secrets.Environment) {
		rule.Paths = []string{"path/to/*"}
		rule.Injections = []string{"plaintext"}
		e.PlainSecrets = secrets.PlainPass
	})
	source, err := store.ParseValues("values.yaml", []byte(avpValues))
	if err != nil {
		t.Fatal(err)
	}
	stage.Source = source
	return run(t, stage, manifest)
}

// TestDocumentedExamplesUnderPlaintext compares with what argocd-vault-plugin
// v1.18.1 makes of the examples of its docs/howitworks.md.
func TestDocumentedExamplesUnderPlaintext(t *testing.T) {
	const head = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: example-secret\n  annotations: {avp.kubernetes.io/path: path/data/to/secret}\n"
	for _, test := range []struct{ name, manifest, want string }{
		{"generic placeholders", head + "stringData: {password: <password-vault-key>, url: 'https://<username>:<password>@<host>'}",
			head + "stringData: {password: password, url: 'https://user:pass@host'}"},
		{"generic in data with base64encode", head + "data: {password: <password-vault-key | base64encode>}", head + "data: {password: cGFzc3dvcmQ=}"},
		{"base64 placeholders", head + "data: {POSTGRES_URL: cG9zdGdyZXM6Ly88dXNlcm5hbWU+OjxwYXNzd29yZD5APGhvc3Q+Ojxwb3J0Pi88ZGF0YWJhc2U+P3NzbG1vZGU9cmVxdWlyZQ==}",
			head + "data: {POSTGRES_URL: cG9zdGdyZXM6Ly91c2VyOnBhc3NAaG9zdDo5NDQzL215LWRiP3NzbG1vZGU9cmVxdWlyZQ==}"},
		{"inline path", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: 'a <path:path/data/to/secret#username> b', p: '<path:path/data/to/secret#port#2>'}",
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: a user b, p: '9443'}"},
		{"other brackets without the annotation", "apiVersion: x/v1\nkind: CRD\nmetadata: {name: c}\nspec: {description: \"labels['<KEY>']\", credential: '<path:path/data/to/secret#password>'}",
			"apiVersion: x/v1\nkind: CRD\nmetadata: {name: c}\nspec: {description: \"labels['<KEY>']\", credential: pass}"},
		{"numbers stay numbers", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, annotations: {avp.kubernetes.io/path: path/data/to/secret}}\nspec: {replicas: <replicas>, template: {spec: {containers: [{name: app, image: 'app:<tag>', env: [{name: P, value: <password>}]}]}}}",
			"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, annotations: {avp.kubernetes.io/path: path/data/to/secret}}\nspec: {replicas: 3, template: {spec: {containers: [{name: app, image: 'app:1.2', env: [{name: P, value: pass}]}]}}}"},
		{"ignored", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, annotations: {avp.kubernetes.io/ignore: \"true\"}}\ndata: {k: '<path:path/data/to/secret#username>'}",
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, annotations: {avp.kubernetes.io/ignore: \"true\"}}\ndata: {k: '<path:path/data/to/secret#username>'}"},
		{"jsonPath", head + "stringData: {a: '<credentials | jsonPath {.username}>', b: \"<credentials | jsonPath {.username}{':'}{.password} | base64encode>\"}", head + "stringData: {a: u, b: dTpw}"},
		{"base64decode", head + "stringData: {a: '<b64_username | base64decode>'}", head + "stringData: {a: user}"},
		{"yamlParse", head + "stringData: {a: \"<credentials_yaml | yamlParse | jsonPath {.username}{':'}{.password}>\"}", head + "stringData: {a: 'u:p'}"},
		{"sha256sum", head + "stringData: {a: '<password | sha256sum>'}", head + "stringData: {a: d74ff0ee8da3b9806b18c877dbf29bbde50b5bd8e4dad7a3a725000feb82e8f1}"},
		{"jsonParse into an object", "apiVersion: x/v1\nkind: Custom\nmetadata: {name: c}\nspec: {auth: '<path:path/data/to/secret#credentialsJson | jsonParse>'}", "apiVersion: x/v1\nkind: Custom\nmetadata: {name: c}\nspec: {auth: {a: b}}"},
		{"remove-missing", strings.Replace(head, "path/data/to/secret}", "path/data/to/secret, avp.kubernetes.io/remove-missing: \"true\"}", 1) + "stringData: {username: <username>, password: <pass>}",
			strings.Replace(head, "path/data/to/secret}", "path/data/to/secret, avp.kubernetes.io/remove-missing: \"true\"}", 1) + "stringData: {username: user}"},
		{"remove-missing in a ConfigMap", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, annotations: {avp.kubernetes.io/path: path/data/to/secret, avp.kubernetes.io/remove-missing: \"true\"}}\ndata: {a: <username>, b: <nope>}",
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, annotations: {avp.kubernetes.io/path: path/data/to/secret, avp.kubernetes.io/remove-missing: \"true\"}}\ndata: {a: user}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, err := applyPlaintext(t, test.manifest)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(encode(t, parse(t, test.want)), encode(t, result.Objects)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestWhereTheOriginalLosesData: each case is a difference that the guide to
// references lists.
func TestWhereTheOriginalLosesData(t *testing.T) {
	for _, test := range []struct {
		name, manifest string
		want           string
		code           fault.Code
	}{
		{name: "a number inside of a text", manifest: "data: {k: 'port=<path:path/data/to/secret#port>'}", want: "port=9443"},
		{name: "an object in a ConfigMap", manifest: "data: {k: '<path:path/data/to/secret#credentials>'}", code: fault.Modifier},
		{name: "base64decode of other text", manifest: "data: {k: '<path:path/data/to/secret#password-vault-key | base64encode | sha256sum | jsonParse>'}", code: fault.Modifier},
	} {
		result, err := applyPlaintext(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"+test.manifest)
		if test.code != "" {
			if fault.CodeOf(err) != test.code {
				t.Errorf("%s: %v, want %s", test.name, err, test.code)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := result.Objects[0].Fields["data"].(map[string]any)["k"]; got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestPlaintextIsRecorded(t *testing.T) {
	result, err := applyPlaintext(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: '<path:path/data/to/secret#username>'}\n---\n"+
		"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: '<path:path/data/to/secret#password>'}")
	if err != nil {
		t.Fatal(err)
	}
	want := []secrets.Injected{{Object: "ConfigMap c", Kind: inject.KindPlaintext, Keys: []string{"data.k"}}, {Object: "Secret s", Kind: inject.KindPlaintext, Keys: []string{"k"}}}
	if diff := cmp.Diff(want, result.Injections); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
