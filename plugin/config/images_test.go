package config_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
)

func TestEveryFieldOfImagesIsRead(t *testing.T) {
	got := parse(t, seal+`
vault:
  roles: [{name: r, method: approle}]
images:
  timeout: 3s
  fresh: 2h
  keep: 48h
  limits: {attachments: 7, size: 1Mi}
  registries:
  - {host: r.example.com, also: [s.example.com], pullSecretFile: p, caFile: ca.pem}
  - {host: docker.io, vault: {role: r, path: kv/hub}}
  signers:
  - {name: a, keyFiles: [a.pub, b.pub], trustedRootFile: root.json}
  - {name: b, transit: {role: r, path: transit/release}}
  - {name: c, identities: [{issuer: i, subject: s}, {issuerRegExp: x, subjectRegExp: y}], trustedRootFile: root.json}
  - {name: d, notation: {certificateFiles: [ca.pem], identities: ["*"], timestampFiles: [tsa.pem]}}
  fields:
  - {group: tekton.dev, kind: Task, paths: ['spec.steps[*].image']}
environments:
- name: production
  images:
    tags: resolve
    others: warn
    rules:
    - name: apps
      match: ['r.example.com/apps/**']
      enforcement: warn
      onUnavailable: cached
      signatures: [{signedBy: [a, b]}]
      provenance: {signedBy: [c], builders: [x], sources: [y], sourceIsApplication: true, revisions: [z]}
      vulnerabilities: {signedBy: [a], maxSeverity: medium, maxAge: 72h, ignoreUnfixed: true, vexSignedBy: [b], vexFiles: [v.json]}
      sbom: {signedBy: [a], formats: [spdx]}
    - {match: ['docker.io/library/*'], unverified: true}
`).Seal
	want := config.Images{
		Timeout: config.Duration(3 * time.Second), Fresh: config.Duration(2 * time.Hour), Keep: config.Duration(48 * time.Hour),
		Limits: config.ImageLimits{Attachments: 7, Size: 1 << 20},
		Registries: []config.ImageRegistry{
			{Host: "r.example.com", Also: []string{"s.example.com"}, PullSecretFile: "p", CAFile: "ca.pem"},
			{Host: "docker.io", Vault: config.ImageVault{Role: "r", Path: "kv/hub"}},
		},
		Signers: []config.ImageSigner{
			{Name: "a", KeyFiles: []string{"a.pub", "b.pub"}, TrustedRootFile: "root.json"},
			{Name: "b", Transit: config.ImageVault{Role: "r", Path: "transit/release"}},
			{Name: "c", Identities: []config.ImageIdentity{{Issuer: "i", Subject: "s"}, {IssuerRegExp: "x", SubjectRegExp: "y"}}, TrustedRootFile: "root.json"},
			{Name: "d", Notation: config.ImageNotation{CertificateFiles: []string{"ca.pem"}, Identities: []string{"*"}, TimestampFiles: []string{"tsa.pem"}}},
		},
		Fields: []config.ImageField{{Group: "tekton.dev", Kind: "Task", Paths: []string{"spec.steps[*].image"}}},
	}
	if diff := cmp.Diff(want, got.Images); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
	rules := config.EnvironmentImages{Tags: "resolve", Others: "warn", Rules: []config.ImageRule{
		{
			Name: "apps", Match: []string{"r.example.com/apps/**"}, Enforcement: "warn", OnUnavailable: "cached",
			Signatures: []config.ImageSignature{{SignedBy: []string{"a", "b"}}},
			Provenance: config.ImageProvenance{SignedBy: []string{"c"}, Builders: []string{"x"}, Sources: []string{"y"}, SourceIsApplication: true, Revisions: []string{"z"}},
			Vulnerabilities: config.ImageVulnerabilities{
				SignedBy: []string{"a"}, MaxSeverity: "medium", MaxAge: config.Duration(72 * time.Hour), IgnoreUnfixed: true, VEXSignedBy: []string{"b"}, VEXFiles: []string{"v.json"},
			},
			SBOM: config.ImageSBOM{SignedBy: []string{"a"}, Formats: []string{"spdx"}},
		},
		{Match: []string{"docker.io/library/*"}, Unverified: true},
	}}
	if diff := cmp.Diff(rules, got.Environments[0].Images); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if !got.Environments[0].Asked() {
		t.Error("nothing judges the environment")
	}
}

// TestImagesThatCannotBeMeant are refused where they stand.
func TestImagesThatCannotBeMeant(t *testing.T) {
	const signer = seal + "images:\n  signers: [{name: release, keyFiles: [k]}]\n"
	rule := func(text string) string {
		return signer + "environments:\n- name: e\n  images:\n    rules:\n    - " + text + "\n"
	}
	for name, tc := range map[string]struct{ data, want string }{
		"an unknown signer": {rule("{match: [a/*], signatures: [{signedBy: [releese]}]}"),
			`E_CONFIG: plugin.yaml:17:47 environments[0].images.rules[0].signatures[0].signedBy[0]: images.signers has no "releese"; fix: did you mean "release"?`},
		"a rule that demands nothing": {rule("{match: [a/*]}"),
			`E_CONFIG: plugin.yaml:17:7 environments[0].images.rules[0]: the rule demands nothing; fix: demand signatures, or write unverified: true`},
		"demands without a signer": {rule("{match: [a/*], signatures: [{signedBy: [release]}], sbom: {formats: [spdx]}}"),
			`E_CONFIG: plugin.yaml:17:65 environments[0].images.rules[0].sbom.signedBy: is missing: what nobody signed says nothing; fix: name who attests it`},
		"unverified, and signed": {rule("{match: [a/*], unverified: true, signatures: [{signedBy: [release]}]}"),
			`E_CONFIG: plugin.yaml:17:34 environments[0].images.rules[0].unverified: the rule demands something of images that it leaves unverified; fix: remove it, or the demands`},
		"a severity missing": {rule("{match: [a/*], vulnerabilities: {signedBy: [release]}}"),
			`E_CONFIG: plugin.yaml:17:39 environments[0].images.rules[0].vulnerabilities.maxSeverity: is missing; fix: write the highest severity that is accepted, such as medium`},
		"no rules": {seal + "environments:\n- name: e\n  images: {tags: resolve}\n",
			`E_CONFIG: plugin.yaml:13:11 environments[0].images.rules: is missing; fix: add rules; an image that none matches is denied`},
		"a signer known by nothing": {seal + "images:\n  signers: [{name: a}]\n",
			`E_CONFIG: plugin.yaml:12:13 images.signers[0]: it is not said by what the signer is known; fix: set one of keyFiles, transit, identities and notation.certificateFiles`},
		"identities without a root": {seal + "images:\n  signers: [{name: a, identities: [{issuer: i, subject: s}]}]\n",
			`E_CONFIG: plugin.yaml:12:13 images.signers[0].trustedRootFile: is missing: nothing says which certificates count; fix: name the file that cosign trusted-root create writes`},
		"an identity without an issuer": {seal + "images:\n  signers: [{name: a, trustedRootFile: r, identities: [{subject: s}]}]\n",
			`E_CONFIG: plugin.yaml:12:56 images.signers[0].identities[0].issuer: an identity is worth what its issuer is worth; fix: set issuer or issuerRegExp`},
		"a URL for a host": {seal + "images:\n  registries: [{host: 'https://r.example.com'}]\n",
			`E_CONFIG: plugin.yaml:12:23 images.registries[0].host: "https://r.example.com" is not a host; fix: write host or host:port, without https:// and without a path`},
		"a login that is not there": {seal + "images:\n  registries: [{host: r, vault: {role: x, path: kv/a}}]\n",
			`E_CONFIG: plugin.yaml:12:40 images.registries[0].vault.role: vault.roles has no "x"`},
		"a path that is none": {seal + "images:\n  fields: [{kind: K, paths: ['spec.a[0]']}]\n",
			`E_CONFIG: plugin.yaml:12:30 images.fields[0].paths[0]: "spec.a[0]" is not a path; fix: write it as spec.image, or as spec.tasks[*].image for lists`},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff([]string{tc.want}, faultsOf(t, tc.data)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
