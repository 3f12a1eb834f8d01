package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
)

func TestEveryFieldOfVaultAndEnvironmentsIsRead(t *testing.T) {
	got := parse(t, seal+`
waivers: waivers.yaml
vault:
  address: https://vault.example:8200
  namespace: n
  caFile: ca.pem
  clientCertFile: c.pem
  clientKeyFile: k.pem
  serverName: s
  timeout: 2s
  requestsPerSecond: 7
  roles:
  - {name: r, method: approle, mount: m, namespace: o, vaultRole: v, tokenFile: t, roleID: i, secretIDFile: f, username: u, passwordFile: w}
bindings:
- {name: b, projects: [p], apps: [a], repoURLs: [u], namespaces: [n], role: r, paths: [kv/x], nonSecret: [kv/y], injections: [plaintext], stores: [{provider: gcp-sm, names: [a-*], project: shop-prod, store: {kind: SecretStore, name: g}}]}
environments:
- name: production
  match: {projects: [p], apps: [a], namespaces: [n], repoURLs: ['https://h/u'], paths: [x]}
  policy:
    level: basic-security
    enforcement: warn
    schema: warn
    parameters: {registries: [a, b], most: 5, share: 0.5, strict: true, none: null, deep: {text: "5"}}
    bundles: [dir, {directory: other, namespaces: [main], version: v0, combine: true, data: [d]}]
    gatekeeper: [g]
    admissionPolicies: [v.yaml]
    kyverno: [k]
  promotion: {from: ../staging, codeowners: gitlab, requireOwners: true, owners: ["@org/platform"]}
  injection:
    default: sealed-secret
    allowed: [external-secret, vault-static-secret, secret-provider-class, vault-agent]
    sealedSecret: {certificateFile: c, fingerprint: f, saltFile: s, scope: strict}
    externalSecret: {store: s, kind: SecretStore}
    vaultStaticSecret: {authRef: a}
    workloadRole: w
    nodeVaultAddress: https://v
    plainSecrets: seal
    hydratorSafe: true
    noChecksums: true
`).Seal
	want := config.Default()
	want.Waivers = "waivers.yaml"
	want.Vault = config.Vault{
		Address: "https://vault.example:8200", Namespace: "n", CAFile: "ca.pem", ClientCertFile: "c.pem", ClientKeyFile: "k.pem",
		ServerName: "s", Timeout: config.Duration(2 * time.Second), RequestsPerSecond: 7,
		Roles: []config.VaultRole{{Name: "r", Method: "approle", Mount: "m", Namespace: "o", VaultRole: "v", TokenFile: "t",
			RoleID: "i", SecretIDFile: "f", Username: "u", PasswordFile: "w"}},
	}
	want.Bindings = []config.Binding{{Name: "b", Projects: []string{"p"}, Apps: []string{"a"}, RepoURLs: []string{"u"},
		Namespaces: []string{"n"}, Role: "r", Paths: []string{"kv/x"}, NonSecret: []string{"kv/y"}, Injections: []string{"plaintext"},
		Stores: []config.BoundStore{{Provider: "gcp-sm", Names: []string{"a-*"}, Project: "shop-prod", Store: config.StoreRef{Kind: "SecretStore", Name: "g"}}}}}
	want.Environments = []config.Environment{{
		Name: "production",
		Match: config.Match{Projects: []string{"p"}, Apps: []string{"a"}, Namespaces: []string{"n"},
			RepoURLs: []string{"https://h/u"}, Paths: []string{"x"}},
		Policy: config.EnvironmentPolicy{
			Level: "basic-security", Enforcement: "warn", Schema: "warn",
			Parameters: map[string]any{
				"registries": []any{"a", "b"}, "most": 5, "share": 0.5, "strict": true, "none": nil, "deep": map[string]any{"text": "5"},
			},
			Bundles: []config.PolicyBundle{{Directory: "dir"},
				{Directory: "other", Namespaces: []string{"main"}, Version: "v0", Combine: true, Data: []string{"d"}}},
			Gatekeeper: []string{"g"}, AdmissionPolicies: []string{"v.yaml"}, Kyverno: []string{"k"},
		},
		Promotion: config.Promotion{From: "../staging", Codeowners: "gitlab", RequireOwners: true, Owners: []string{"@org/platform"}},
		Injection: config.Injection{
			Default: "sealed-secret", Allowed: []string{"external-secret", "vault-static-secret", "secret-provider-class", "vault-agent"},
			SealedSecret:   config.SealedSecret{CertificateFile: "c", Fingerprint: "f", SaltFile: "s", Scope: "strict"},
			ExternalSecret: config.ExternalSecret{Store: "s", Kind: "SecretStore"}, VaultStaticSecret: config.VaultStaticSecret{AuthRef: "a"},
			WorkloadRole: "w", NodeVaultAddress: "https://v", PlainSecrets: "seal", HydratorSafe: true, NoChecksums: true,
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEnvironmentsThatCannotWorkAreRefused(t *testing.T) {
	for name, test := range map[string]struct{ yaml, field string }{
		"no name":              {"environments:\n- match: {}\n", "environments[0].name"},
		"name twice":           {"environments:\n- name: a\n- name: a\n", "environments[1].name"},
		"broken pattern":       {"environments:\n- name: a\n  match: {projects: [p], apps: ['[']}\n", "environments[0].match.apps[0]"},
		"apps anybody may use": {"environments:\n- name: a\n  match: {apps: [a], repoURLs: ['https://h/r'], namespaces: [n]}\n", "environments[0].match.apps"},
		"paths of anybody":     {"environments:\n- name: a\n  match: {paths: [a], namespaces: [n]}\n", "environments[0].match.paths"},
		"URL without scheme":   {"environments:\n- name: a\n  match: {repoURLs: [git.example.com/x]}\n", "environments[0].match.repoURLs[0]"},
		"parameters for none":  {"environments:\n- name: a\n  policy: {parameters: {a: 1}, bundles: [b]}\n", "environments[0].policy.parameters"},
		"a date":               {"environments:\n- name: a\n  policy:\n    level: basic-security\n    parameters: {a: [x, 2026-01-01]}\n", "environments[0].policy.parameters.a[1]"},
		"a tag":                {"environments:\n- name: a\n  policy: {level: basic-security, parameters: {a: !x b}}\n", "environments[0].policy.parameters.a"},
		"parameter twice":      {"environments:\n- name: a\n  policy: {level: basic-security, parameters: {a: {b: 1, b: 2}}}\n", "environments[0].policy.parameters.a.b"},
		"no end":               {"environments:\n- name: a\n  policy: {level: basic-security, parameters: &p {a: *p}}\n", "environments[0].policy.parameters" + strings.Repeat(".a", 21)},
		"bundle of nothing":    {"environments:\n- name: a\n  policy: {bundles: [{version: v1}]}\n", "environments[0].policy.bundles[0]"},
		"bundle of a number":   {"environments:\n- name: a\n  policy: {bundles: [5]}\n", "environments[0].policy.bundles[0]"},
		"unknown version":      {"environments:\n- name: a\n  policy: {bundles: [{directory: d, version: v2}]}\n", "environments[0].policy.bundles[0].version"},
		"owners of nothing":    {"environments:\n- name: a\n  promotion: {requireOwners: true}\n", "environments[0].promotion.from"},
		"promoted from itself": {"environments:\n- name: a\n  promotion: {from: ./x/..}\n", "environments[0].promotion.from"},
		"promoted from a root": {"environments:\n- name: a\n  promotion: {from: /x}\n", "environments[0].promotion.from"},
		"no owner":             {"environments:\n- name: a\n  promotion: {from: ../x, owners: [platform]}\n", "environments[0].promotion.owners[0]"},
		"unknown schema check": {"environments:\n- name: a\n  policy: {schema: denied}\n", "environments[0].policy.schema"},
		"unknown level":        {"environments:\n- name: a\n  policy: {level: basic}\n", "environments[0].policy.level"},
		"seal without a key":   {"environments:\n- name: a\n  injection: {default: sealed-secret}\n", "environments[0].injection.sealedSecret"},
		"store without a name": {"environments:\n- name: a\n  injection: {default: external-secret}\n", "environments[0].injection.externalSecret"},
		"login twice":          {"vault:\n  roles:\n  - {name: a, method: jwt}\n  - {name: a, method: jwt}\n", "vault.roles[1].name"},
		"address without host": {"vault: {address: vault}\n", "vault.address"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse("plugin.yaml", []byte(seal+test.yaml))
			faults := fault.Of(err)
			if len(faults) != 1 || faults[0].Code != fault.Config || faults[0].Field != test.field || faults[0].Line == 0 {
				t.Errorf("got %v, want one fault at %s", err, test.field)
			}
		})
	}
}
