package secrets_test

import (
	"encoding/base64"
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
  credentials: {username: u, password: p}, credentialsJson: '{"a":"b"}', credentials_yaml: "username: u\npassword: p\n", b64_username: dXNlcg==,
  config: '{"replicas":3}', certs: '{"certificate":"BEGIN\nline\nEND"}',
  lines: "a:\n  b\n\nc", long: '{"n":12345678901}', longer: "num: 123456789012345678901", twice: "num: 1\nnum: 2", looks: "<path:path/data/to/secret#password>"}
`

// applyPlaintext runs the stage as a platform that migrates sets it up.
func applyPlaintext(t *testing.T, manifest string) (secrets.Result, error) {
	t.Helper()
	return run(t, avpStage(t, inject.KindPlaintext), manifest)
}

func avpStage(t *testing.T, kind inject.Kind) *secrets.Stage {
	t.Helper()
	stage := newStage(t, func(rule *binding.Rule, e *secrets.Environment) {
		rule.Paths = []string{"path/to/*"}
		rule.Injections = []string{string(kind)}
		e.PlainSecrets = secrets.PlainPass
	})
	source, err := store.ParseValues("values.yaml", []byte(avpValues))
	if err != nil {
		t.Fatal(err)
	}
	stage.Source = source
	return stage
}

const (
	avpHead   = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: example-secret\n  annotations: {avp.kubernetes.io/path: path/data/to/secret}\n"
	avpBare   = "apiVersion: v1\nkind: Secret\nmetadata: {name: example-secret}\n"
	avpCustom = "apiVersion: x/v1\nkind: Custom\nmetadata: {name: c}\n"
)

// documentedExamples are those of docs/howitworks.md and docs/backends.md of
// argocd-vault-plugin v1.18.1, each with what it makes of them. Where the
// documentation writes a version as "version3", which Vault does not have, the
// row has a number; see [TestWhereTheOriginalLosesData].
var documentedExamples = []struct{ name, manifest, want string }{
	{"generic placeholders", avpHead + "stringData: {password: <password-vault-key>, url: 'https://<username>:<password>@<host>'}",
		avpHead + "stringData: {password: password, url: 'https://user:pass@host'}"},
	{"generic in data with base64encode", avpHead + "data: {password: <password-vault-key | base64encode>}", avpHead + "data: {password: cGFzc3dvcmQ=}"},
	{"base64 placeholders", avpHead + "data: {POSTGRES_URL: cG9zdGdyZXM6Ly88dXNlcm5hbWU+OjxwYXNzd29yZD5APGhvc3Q+Ojxwb3J0Pi88ZGF0YWJhc2U+P3NzbG1vZGU9cmVxdWlyZQ==}",
		avpHead + "data: {POSTGRES_URL: cG9zdGdyZXM6Ly91c2VyOnBhc3NAaG9zdDo5NDQzL215LWRiP3NzbG1vZGU9cmVxdWlyZQ==}"},
	{"inline path", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: 'a <path:path/data/to/secret#username> b', p: '<path:path/data/to/secret#port#2>'}",
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: a user b, p: '9443'}"},
	{"other brackets without the annotation", "apiVersion: x/v1\nkind: CRD\nmetadata: {name: c}\nspec: {description: \"labels['<KEY>']\", credential: '<path:path/data/to/secret#password>'}",
		"apiVersion: x/v1\nkind: CRD\nmetadata: {name: c}\nspec: {description: \"labels['<KEY>']\", credential: pass}"},
	{"numbers stay numbers", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, annotations: {avp.kubernetes.io/path: path/data/to/secret}}\nspec: {replicas: <replicas>, template: {spec: {containers: [{name: app, image: 'app:<tag>', env: [{name: P, value: <password>}]}]}}}",
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, annotations: {avp.kubernetes.io/path: path/data/to/secret}}\nspec: {replicas: 3, template: {spec: {containers: [{name: app, image: 'app:1.2', env: [{name: P, value: pass}]}]}}}"},
	{"ignored", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, annotations: {avp.kubernetes.io/ignore: \"true\"}}\ndata: {k: '<path:path/data/to/secret#username>'}",
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, annotations: {avp.kubernetes.io/ignore: \"true\"}}\ndata: {k: '<path:path/data/to/secret#username>'}"},
	{"jsonPath", avpHead + "stringData: {a: '<credentials | jsonPath {.username}>', b: \"<credentials | jsonPath {.username}{':'}{.password} | base64encode>\"}", avpHead + "stringData: {a: u, b: dTpw}"},
	{"base64decode", avpHead + "stringData: {a: '<b64_username | base64decode>'}", avpHead + "stringData: {a: user}"},
	{"yamlParse", avpHead + "stringData: {a: \"<credentials_yaml | yamlParse | jsonPath {.username}{':'}{.password}>\"}", avpHead + "stringData: {a: 'u:p'}"},
	{"sha256sum", avpHead + "stringData: {a: '<password | sha256sum>'}", avpHead + "stringData: {a: d74ff0ee8da3b9806b18c877dbf29bbde50b5bd8e4dad7a3a725000feb82e8f1}"},
	{"jsonParse into an object", "apiVersion: x/v1\nkind: Custom\nmetadata: {name: c}\nspec: {auth: '<path:path/data/to/secret#credentialsJson | jsonParse>'}", "apiVersion: x/v1\nkind: Custom\nmetadata: {name: c}\nspec: {auth: {a: b}}"},
	{"remove-missing", strings.Replace(avpHead, "path/data/to/secret}", "path/data/to/secret, avp.kubernetes.io/remove-missing: \"true\"}", 1) + "stringData: {username: <username>, password: <pass>}",
		strings.Replace(avpHead, "path/data/to/secret}", "path/data/to/secret, avp.kubernetes.io/remove-missing: \"true\"}", 1) + "stringData: {username: user}"},
	{"remove-missing in a ConfigMap", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, annotations: {avp.kubernetes.io/path: path/data/to/secret, avp.kubernetes.io/remove-missing: \"true\"}}\ndata: {a: <username>, b: <nope>}",
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, annotations: {avp.kubernetes.io/path: path/data/to/secret, avp.kubernetes.io/remove-missing: \"true\"}}\ndata: {a: user}"},
	{"generic in data, base64 in Vault", avpHead + "data: {username: <b64_username>}", avpHead + "data: {username: dXNlcg==}"},
	{"secret-version", strings.Replace(avpHead, "}", ", avp.kubernetes.io/secret-version: \"2\"}", 1) + "stringData: {k: <username>}",
		strings.Replace(avpHead, "}", ", avp.kubernetes.io/secret-version: \"2\"}", 1) + "stringData: {k: user}"},
	{"kv-version", strings.Replace(avpHead, "}", ", avp.kubernetes.io/kv-version: \"2\"}", 1) + "stringData: {k: <username>}",
		strings.Replace(avpHead, "}", ", avp.kubernetes.io/kv-version: \"2\"}", 1) + "stringData: {k: user}"},
	{"the annotations do not touch an inline path", strings.Replace(avpHead, "path/data/to/secret}", "other/path, avp.kubernetes.io/secret-version: \"9\"}", 1) + "stringData: {k: '<path:path/data/to/secret#username#2>'}",
		strings.Replace(avpHead, "path/data/to/secret}", "other/path, avp.kubernetes.io/secret-version: \"9\"}", 1) + "stringData: {k: user}"},
	{"base64encode of each dialect", avpHead + "data: {a: <username | base64encode>, b: '<path:path/data/to/secret#username | base64encode>', c: '<path:path/data/to/secret#username#3 | base64encode>'}",
		avpHead + "data: {a: dXNlcg==, b: dXNlcg==, c: dXNlcg==}"},
	{"base64decode with a path", avpBare + "stringData: {a: '<path:path/data/to/secret#b64_username | base64decode>', b: '<path:path/data/to/secret#b64_username#3 | base64decode>'}", avpBare + "stringData: {a: user, b: user}"},
	{"jsonPath with a path", avpBare + "stringData: {a: \"<path:path/data/to/secret#credentials | jsonPath {.username}{':'}{.password}>\", b: '<path:path/data/to/secret#credentials#3 | jsonPath {.username} | base64encode>'}",
		avpBare + "stringData: {a: 'u:p', b: dQ==}"},
	{"jsonPath and jsonParse into a number", avpCustom + "spec: {replicas: '<path:path/data/to/secret#config | jsonPath {.replicas} | jsonParse>'}", avpCustom + "spec: {replicas: 3}"},
	{"jsonParse of a generic and with a version", strings.Replace(avpCustom, "c}", "c, annotations: {avp.kubernetes.io/path: path/data/to/secret}}", 1) + "spec: {a: <credentialsJson | jsonParse>, b: '<path:path/data/to/secret#credentialsJson#3 | jsonParse>'}",
		strings.Replace(avpCustom, "c}", "c, annotations: {avp.kubernetes.io/path: path/data/to/secret}}", 1) + "spec: {a: {a: b}, b: {a: b}}"},
	{"yamlParse with a path", avpBare + "stringData: {a: \"<path:path/data/to/secret#credentials_yaml | yamlParse | jsonPath {.username}{':'}{.password}>\", b: '<path:path/data/to/secret#credentials_yaml#2 | yamlParse | jsonPath {.username} | base64encode>'}",
		avpBare + "stringData: {a: 'u:p', b: dQ==}"},
	{"indent", avpBare + "stringData:\n  c.yaml: |\n    tls:\n       <path:path/data/to/secret#certs | jsonPath {.certificate} | indent 3>\n",
		avpBare + "stringData: {c.yaml: \"tls:\\n   BEGIN\\n   line\\n   END\\n\"}"},
	{"sha256sum in an annotation", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {metadata: {annotations: {checksum/secret: '<path:path/data/to/secret#password | sha256sum>'}}}}",
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {metadata: {annotations: {checksum/secret: d74ff0ee8da3b9806b18c877dbf29bbde50b5bd8e4dad7a3a725000feb82e8f1}}}}"},
}

// TestDocumentedExamplesUnderPlaintext compares with what argocd-vault-plugin
// makes of its own examples.
func TestDocumentedExamplesUnderPlaintext(t *testing.T) {
	for _, test := range documentedExamples {
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

// TestDocumentedExamplesSealed: a sealed Secret holds what argocd-vault-plugin
// would have put there in clear.
func TestDocumentedExamplesSealed(t *testing.T) {
	compared := 0
	for _, test := range documentedExamples {
		want := parse(t, test.want)[0]
		if want.Kind() != "Secret" {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			result, err := run(t, avpStage(t, inject.KindSealedSecret), test.manifest)
			if err != nil {
				t.Fatal(err)
			}
			texts := map[string]string{}
			data, _ := want.Fields["data"].(map[string]any)
			for key, text := range data {
				decoded, err := base64.StdEncoding.DecodeString(text.(string))
				if err != nil {
					t.Fatal(err)
				}
				texts[key] = string(decoded)
			}
			stringData, _ := want.Fields["stringData"].(map[string]any)
			for key, text := range stringData {
				texts[key] = text.(string)
			}
			if diff := cmp.Diff(texts, unseal(t, result.Objects[0])); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
		compared++
	}
	if compared < 12 {
		t.Errorf("only %d examples are Secrets", compared)
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
		{name: "base64decode of other text", manifest: "data: {k: '<path:path/data/to/secret#database | base64decode>'}", code: fault.Modifier},
		{name: "jsonParse of other text", manifest: "data: {k: '<path:path/data/to/secret#password-vault-key | jsonParse>'}", code: fault.Modifier},
		{name: "indent keeps empty lines and depth", manifest: "data: {k: '<path:path/data/to/secret#lines | indent 2>'}", want: "a:\n    b\n\n  c"},
		{name: "a long number through jsonPath", manifest: "data: {k: '<path:path/data/to/secret#long | jsonPath {.n}>'}", want: "12345678901"},
		{name: "a long number through yamlParse", manifest: "data: {k: '<path:path/data/to/secret#long | yamlParse | jsonPath {.n}>'}", want: "12345678901"},
		{name: "a number that YAML readers change", manifest: "data: {k: '<path:path/data/to/secret#longer | yamlParse | jsonPath {.num}>'}", code: fault.Modifier},
		{name: "one of two equal keys", manifest: "data: {k: '<path:path/data/to/secret#twice | yamlParse | jsonPath {.num}>'}", code: fault.Modifier},
		{name: "a value that looks like a placeholder", manifest: "data: {k: '<path:path/data/to/secret#looks>'}", want: "<path:path/data/to/secret#password>"},
		{name: "a version that Vault does not have", manifest: "data: {k: '<path:path/data/to/secret#username#version3>'}", code: fault.RefSyntax},
		{name: "a modifier with a wrong name", manifest: "data: {k: '<path:path/data/to/secret#username | base64>'}", code: fault.Modifier},
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
