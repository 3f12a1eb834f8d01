package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// shop is an application with references of every sort, in a kustomization.
var shop = harness.Files{
	"app/kustomization.yaml": `resources: [secrets.yaml, deployment.yaml]
secretGenerator:
- name: generated
  literals: ["token=<vault:kv/shop/api#token>"]
generatorOptions: {disableNameSuffixHash: true}
`,
	"app/secrets.yaml": `apiVersion: v1
kind: Secret
metadata: {name: db, labels: {part: db}}
stringData:
  password: <vault:kv/shop/db#password>
  url: postgres://<vault:kv/shop/db#user>:<vault:kv/shop/db#password>@db:5432/shop
  old: <vault:kv/shop/db#password@1>
  big: <vault:kv/shop/limits#most>
---
apiVersion: v1
kind: Secret
metadata: {name: files}
stringData:
  blob: <vault:kv/shop/files#blob | base64decode>
  config.yaml: |
    listen: 0.0.0.0
    pem: |
      <vault:kv/shop/files#pem | indent 6>
  literal: <vault:kv/shop/files#looks>
data:
  avp: <path:kv/data/shop/api#token | base64encode>
---
apiVersion: v1
kind: Secret
metadata: {name: pull}
type: kubernetes.io/dockerconfigjson
stringData:
  .dockerconfigjson: <vault:kv/shop/registry#config>
---
apiVersion: v1
kind: Secret
metadata: {name: whole}
stringData: <vault:kv/shop/whole>
`,
	"app/deployment.yaml": `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: registry.example.com/web:1.0.0
        envFrom: [{secretRef: {name: db}}]
        env:
        - {name: DSN, value: "<vault:kv/shop/env#dsn>"}
`,
}

// secrets are the values of the application: by path and key in Vault, and by
// Secret and key as the cluster shall have them.
type secrets struct {
	stored map[string]map[string]any
	want   map[string]map[string][]byte
	// hidden are the texts that nobody but the cluster may see.
	hidden []string
}

func newSecrets() secrets {
	text := rand.Text
	blob := make([]byte, 3000)
	_, _ = rand.Read(blob)
	old, password, user, token, dsn := text(), text(), text(), text(), text()
	body := text()
	pem := "-----BEGIN KEY-----\n" + body + "\n-----END KEY-----"
	looks := "<vault:kv/shop/db#password>\n---\nkind: " + text()
	config := `{"auths":{"registry.example.com":{"auth":"` + text() + `"}}}`
	first, second := text(), text()
	return secrets{
		stored: map[string]map[string]any{
			"db": {"password": password, "user": user}, "limits": {"most": json.Number("9007199254740991")},
			"files": {"blob": base64.StdEncoding.EncodeToString(blob), "pem": pem, "looks": looks},
			"api":   {"token": token}, "registry": {"config": config}, "env": {"dsn": dsn},
			"whole": {"first": first, "second.key": second},
			// The first version of db, which a reference asks for.
			"db@1": {"password": old},
		},
		want: map[string]map[string][]byte{
			"db": {"password": []byte(password), "url": []byte("postgres://" + user + ":" + password + "@db:5432/shop"),
				"old": []byte(old), "big": []byte("9007199254740991")},
			"files": {"blob": blob, "literal": []byte(looks), "avp": []byte(token),
				"config.yaml": []byte("listen: 0.0.0.0\npem: |\n  " + strings.ReplaceAll(pem, "\n", "\n      ") + "\n")},
			"pull": {".dockerconfigjson": []byte(config)}, "generated": {"token": []byte(token)},
			"whole": {"first": []byte(first), "second.key": []byte(second)}, "web-deployment-env": {"web.DSN": []byte(dsn)},
		},
		hidden: []string{old, password, user, token, dsn, body, looks, config, first, second, string(blob), "9007199254740991"},
	}
}

// store writes the values into Vault, db twice so that it has two versions.
func (s secrets) store(t *testing.T, vault *harness.Vault) {
	t.Helper()
	for _, path := range slices.Backward(slices.Sorted(maps.Keys(s.stored))) {
		name, _, _ := strings.Cut(path, "@")
		must(t, vault.Write(t.Context(), "kv/data/shop/"+name, map[string]any{"data": s.stored[path]}))
		if path == "db@1" {
			must(t, vault.Write(t.Context(), "kv/data/shop/db", map[string]any{"data": s.stored["db"]}))
		}
	}
}

// seen tells in which of the texts a value stands: as it is, as JSON writes it,
// also inside of JSON, in hex, or in base64 at any alignment.
func seen(value string, texts map[string][]byte) []string {
	forms := append([]string{value, hex.EncodeToString([]byte(value))}, inJSON(value)...)
	for _, once := range inJSON(value) {
		forms = append(forms, inJSON(once)...)
	}
	for shift := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), value...))
		begin := []int{0, 2, 3}[shift]
		forms = append(forms, encoded[begin:(shift+len(value))*8/6])
	}
	var places []string
	for _, place := range slices.Sorted(maps.Keys(texts)) {
		if slices.ContainsFunc(forms, func(form string) bool { return strings.Contains(string(texts[place]), form) }) {
			places = append(places, place)
		}
	}
	return places
}

// inJSON returns a text as encoders write it into a JSON string, with and
// without escapes for HTML.
func inJSON(text string) []string {
	var forms []string
	for _, escape := range []bool{true, false} {
		var quoted strings.Builder
		encoder := json.NewEncoder(&quoted)
		encoder.SetEscapeHTML(escape)
		_ = encoder.Encode(text) // a string has always a form
		forms = append(forms, strings.Trim(quoted.String(), "\"\n"))
	}
	return forms
}
