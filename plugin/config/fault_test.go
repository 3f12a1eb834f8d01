package config_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// edit returns the smallest first document with one text replaced.
func edit(from, to string) string {
	if !strings.Contains(plugin, from) {
		panic("nothing to replace: " + from)
	}
	return strings.Replace(plugin, from, to, 1)
}

// TestFaults is what a person reads who got plugin.yaml wrong.
func TestFaults(t *testing.T) {
	for name, tc := range map[string]struct {
		data string
		want []string
	}{
		"misspelt": {seal + "render:\n  timout: 90s\n", []string{
			`E_CONFIG: plugin.yaml:12:3 render.timout: unknown field; fix: did you mean "timeout"?`}},
		"wrong case": {seal + "Render: {}\n", []string{
			`E_CONFIG: plugin.yaml:11:1 Render: unknown field; fix: did you mean "render"?`}},
		"unknown": {seal + "render: {sandbox: {gvisor: true}}\n", []string{
			`E_CONFIG: plugin.yaml:11:20 render.sandbox.gvisor: unknown field; fix: known here: require`}},
		"misspelt in the first document": {edit("  generate:", "  generat:"), []string{
			`E_CONFIG: plugin.yaml:6:3 spec.generat: unknown field; fix: did you mean "generate"?`,
			`E_CONFIG: plugin.yaml:6:3 spec.generate.command: is missing; fix: write [argocd-seal, generate]`}},
		"several": {seal + "aliases: [a/b, ok, ok]\nrender:\n  timeout: 1h\n  workers: {memory: 1, cpu: soon, queue: many}\nnope: 1\n", []string{
			`E_CONFIG: plugin.yaml:11:11 aliases[0]: "a/b" cannot be the name of a socket; fix: use at most 63 letters, digits, dots and dashes, with a letter or digit at both ends`,
			`E_CONFIG: plugin.yaml:11:20 aliases[2]: "ok" stands twice; fix: remove one of the two`,
			`E_CONFIG: plugin.yaml:13:12 render.timeout: 1h is out of range; fix: choose from 1s to 15m`,
			`E_CONFIG: plugin.yaml:14:29 render.workers.cpu: "soon" is not a duration such as 500ms, 90s or 5m`,
			`E_CONFIG: plugin.yaml:14:21 render.workers.memory: 1 is out of range; fix: choose from 128Mi to 16Gi`,
			`E_CONFIG: plugin.yaml:14:42 render.workers.queue: expected a whole number, found "many"`,
			`E_CONFIG: plugin.yaml:15:1 nope: unknown field; fix: known here: apiVersion, kind, render, environments, waivers, policy, images, vault, bindings, rotation, aliases, socket, audit, telemetry`}},
		"key twice": {seal + "aliases: [a]\naliases: [b]\n", []string{
			`E_CONFIG: plugin.yaml:12:1 aliases: stands twice; fix: remove one of the two`}},
		"key of a map twice": {edit("spec:", "  labels: {a: b, a: c}\nspec:"), []string{
			`E_CONFIG: plugin.yaml:5:18 metadata.labels.a: stands twice; fix: remove one of the two`}},
		"number for text": {edit("spec:\n", "spec:\n  version: 1.10\n"), []string{
			`E_CONFIG: plugin.yaml:6:12 spec.version: expected text, found the number 1.10; fix: put it in quotes: "1.10"`}},
		"boolean for text": {edit("name: argocd-seal", "name: true"), []string{
			`E_CONFIG: plugin.yaml:4:9 metadata.name: expected text, found the boolean true; fix: put it in quotes: "true"`}},
		"text for boolean": {seal + "render: {allowEmpty: yes}\n", []string{
			`E_CONFIG: plugin.yaml:11:22 render.allowEmpty: expected true or false, found "yes"`}},
		"text for list": {edit("[argocd-seal, generate]", "argocd-seal generate"), []string{
			`E_CONFIG: plugin.yaml:7:14 spec.generate.command: expected a list, found "argocd-seal generate"`}},
		"mapping for text": {seal + "telemetry: {logLevel: {}}\n", []string{
			`E_CONFIG: plugin.yaml:11:23 telemetry.logLevel: expected text, found a mapping`}},
		"list for mapping": {seal + "render: []\n", []string{
			`E_CONFIG: plugin.yaml:11:9 render: expected a mapping, found a list`}},
		"list for size": {seal + "render: {workers: {memory: [1]}}\n", []string{
			`E_CONFIG: plugin.yaml:11:28 render.workers.memory: expected a value, found a list; fix: write a size such as 256Mi`}},
		"no value": {seal + "render:\n  timeout:\n", []string{
			`E_CONFIG: plugin.yaml:12:11 render.timeout: expected a value, found nothing; fix: write a duration such as 90s`}},
		"fraction": {seal + "render: {workers: {queue: 1.5}}\n", []string{
			`E_CONFIG: plugin.yaml:11:27 render.workers.queue: expected a whole number, found the number 1.5`}},
		"number too large": {seal + "render: {workers: {queue: 99999999999999999999}}\n", []string{
			`E_CONFIG: plugin.yaml:11:27 render.workers.queue: expected a whole number, found the number 99999999999999999999`}},
		"size in words": {seal + "render: {workers: {memory: 1 GB}}\n", []string{
			`E_CONFIG: plugin.yaml:11:28 render.workers.memory: "1 GB" is not a size such as 512Ki, 256Mi or 1Gi`}},
		"size with an exponent": {seal + "render: {workers: {memory: 1e999999}}\n", []string{
			`E_CONFIG: plugin.yaml:11:28 render.workers.memory: "1e999999" is not a size such as 512Ki, 256Mi or 1Gi`}},
		"duration without unit": {seal + "render: {timeout: 90}\n", []string{
			`E_CONFIG: plugin.yaml:11:19 render.timeout: "90" is not a duration such as 500ms, 90s or 5m`}},
		"choice": {seal + "telemetry: {logLevel: warning}\n", []string{
			`E_CONFIG: plugin.yaml:11:23 telemetry.logLevel: "warning" is not one of debug, info, warn, error; fix: did you mean "warn"?`}},
		"choice in a list": {seal + "render: {sandbox: {require: [seccomp, landlok]}}\n", []string{
			`E_CONFIG: plugin.yaml:11:39 render.sandbox.require[1]: "landlok" is not one of descriptors, directory, parent-death, no-dump, limits, memory, no-new-privs, landlock, seccomp; fix: did you mean "landlock"?`}},
		"collector with a scheme": {seal + "telemetry: {otlp: {address: 'http://otel:4317'}}\n", []string{
			`E_CONFIG: plugin.yaml:11:29 telemetry.otlp.address: "http://otel:4317" is not the address of a collector; fix: write it as host:port, without http://`}},
		"headers in clear": {seal + "telemetry: {otlp: {address: 'otel:4317', insecure: true, headersFile: /h, caFile: /ca}}\n", []string{
			`E_CONFIG: plugin.yaml:11:83 telemetry.otlp.caFile: has no use without TLS; fix: remove insecure or caFile`,
			`E_CONFIG: plugin.yaml:11:71 telemetry.otlp.headersFile: without TLS the headers would go over the network in clear; fix: use TLS, or a collector on loopback`}},
		"headers without a collector": {seal + "telemetry: {otlp: {headersFile: /h}}\n", []string{
			`E_CONFIG: plugin.yaml:11:19 telemetry.otlp.address: is missing; fix: name the collector, or remove telemetry.otlp`}},
		"address": {seal + "telemetry: {address: 8080:http}\n", []string{
			`E_CONFIG: plugin.yaml:11:22 telemetry.address: "8080:http" is not an address; fix: write it as host:port or ":8080"`}},
		"user id": {seal + "socket: {allowedUIDs: [-1]}\n", []string{
			`E_CONFIG: plugin.yaml:11:24 socket.allowedUIDs[0]: -1 is out of range; fix: choose from 0 to 4294967294`}},
		"merge key": {seal + "render:\n  <<: {timeout: 5s}\n", []string{
			`E_CONFIG: plugin.yaml:12:3 render.<<: a key is not a plain name; fix: write the fields out`}},
		"complex key": {seal + "? [a]\n: b\n", []string{
			`E_CONFIG: plugin.yaml:11:3: a key is not a plain name; fix: write the fields out`}},
		"alias of itself": {edit("spec:", "  labels: &l\n    a: *l\nspec:"), []string{
			`E_CONFIG: plugin.yaml:5:11 metadata.labels.a: expected text, found a mapping`}},
		"alias is the plugin's own name": {seal + "aliases: [argocd-seal]\n", []string{
			`E_CONFIG: plugin.yaml:11:11 aliases[0]: "argocd-seal" is the plugin's own name; fix: remove it`}},

		"a login that does not exist": {seal + "vault: {roles: [{name: reader}]}\nbindings: [{name: a, role: redaer}]\n", []string{
			`E_CONFIG: plugin.yaml:12:28 bindings[0].role: vault.roles has no "redaer"; fix: did you mean "reader"?`}},
		"other stores": {seal + `bindings:
- name: a
  stores:
  - {provider: aws-ms, names: [a/**/b], store: {name: aws}}
  - {provider: azure-kv, names: [], project: shop, store: {kind: Store, name: A_b}}
  - {provider: gcp-sm, names: [a], project: x}
`, []string{
			`E_CONFIG: plugin.yaml:14:32 bindings[0].stores[0].names[0]: ** must be the last segment of "a/**/b"`,
			`E_CONFIG: plugin.yaml:14:16 bindings[0].stores[0].provider: "aws-ms" is not one of aws-sm, gcp-sm, azure-kv; fix: did you mean "aws-sm"?`,
			`E_CONFIG: plugin.yaml:15:33 bindings[0].stores[1].names: is missing; fix: list the names that may be referred to, such as team-a/*`,
			`E_CONFIG: plugin.yaml:15:46 bindings[0].stores[1].project: only gcp-sm has projects; fix: remove it`,
			`E_CONFIG: plugin.yaml:15:66 bindings[0].stores[1].store.kind: "Store" is not one of SecretStore, ClusterSecretStore; fix: did you mean "SecretStore"?`,
			`E_CONFIG: plugin.yaml:15:79 bindings[0].stores[1].store.name: "A_b" cannot be the name of an object; fix: write it as kubectl get shows it`,
			`E_CONFIG: plugin.yaml:16:45 bindings[0].stores[2].project: "x" is no project of Google Cloud; fix: write the project's ID or number`,
			`E_CONFIG: plugin.yaml:16:5 bindings[0].stores[2].store.name: is missing; fix: name the SecretStore or ClusterSecretStore that reads`}},
		"external-secret without a store": {seal + "environments: [{name: a, injection: {default: external-secret}}]\n", []string{
			`E_CONFIG: plugin.yaml:11:37 environments[0].injection.externalSecret: external-secret needs more than is set here; fix: set the store`}},
		"external-secret without a store for Vault": {seal + `bindings: [{name: a, role: r, paths: [kv/a], stores: [{provider: aws-sm, names: [a], store: {name: aws}}]}]
environments: [{name: a, injection: {default: external-secret}}]
`, []string{
			`E_CONFIG: plugin.yaml:12:37 environments[0].injection.externalSecret: external-secret needs more than is set here; fix: set the store`}},

		"no name": {edit("name: argocd-seal", "labels: {}"), []string{
			`E_CONFIG: plugin.yaml:4:3 metadata.name: is missing; fix: write the name that Applications select`}},
		"name of a path": {edit("name: argocd-seal", "name: ../x"), []string{
			`E_CONFIG: plugin.yaml:4:9 metadata.name: "../x" cannot be the name of a socket; fix: use at most 63 letters, digits, dots and dashes, with a letter or digit at both ends`}},
		"long version": {edit("spec:\n", "spec:\n  version: "+strings.Repeat("v", 52)+"\n"), []string{
			`E_CONFIG: plugin.yaml:4:9 metadata.name: "argocd-seal-` + strings.Repeat("v", 52) + `" cannot be the name of a socket; fix: use at most 63 letters, digits, dots and dashes, with a letter or digit at both ends`}},
		"init": {edit("spec:\n", "spec:\n  init: {command: [sh, -c, helm dep up]}\n"), []string{
			`E_CONFIG: plugin.yaml:6:19 spec.init.command: is not supported: the plugin runs no commands; fix: remove it; charts and bases must be complete in the repository`}},
		"find command": {edit("spec:\n", "spec:\n  discover: {find: {command: [sh, -c, ls]}}\n"), []string{
			`E_CONFIG: plugin.yaml:6:30 spec.discover.find.command: is not supported: the plugin runs no commands; fix: use spec.discover.fileName or spec.discover.find.glob, or no discovery at all`}},
		"git credentials": {edit("spec:\n", "spec:\n  provideGitCreds: true\n"), []string{
			`E_CONFIG: plugin.yaml:6:20 spec.provideGitCreds: is not supported: the plugin takes no Git credentials; fix: remove it`}},
		"foreign parameters command": {edit("spec:\n", "spec:\n  parameters: {dynamic: {command: [sh]}}\n"), []string{
			`E_CONFIG: plugin.yaml:6:35 spec.parameters.dynamic.command: "sh" is not this plugin; fix: write [argocd-seal, parameters], or remove it`}},
		"parameters": {edit("spec:\n", "spec:\n  parameters: {static: [{name: a}, {name: a}, {title: b, itemType: int}]}\n"), []string{
			`E_CONFIG: plugin.yaml:6:43 spec.parameters.static[1].name: "a" stands twice; fix: remove one of the two`,
			`E_CONFIG: plugin.yaml:6:68 spec.parameters.static[2].itemType: "int" is not one of string, number, boolean`,
			`E_CONFIG: plugin.yaml:6:47 spec.parameters.static[2].name: is missing; fix: write the name of the parameter`}},
		"patterns": {edit("spec:\n", "spec:\n  discover: {fileName: '[', find: {glob: ../x}}\n"), []string{
			`E_CONFIG: plugin.yaml:6:24 spec.discover.fileName: "[" is not a pattern inside the repository; fix: close its brackets and start inside the application's directory`,
			`E_CONFIG: plugin.yaml:6:42 spec.discover.find.glob: "../x" is not a pattern inside the repository; fix: close its brackets and start inside the application's directory`}},
		"excluding pattern": {edit("spec:\n", "spec:\n  discover: {find: {glob: '**/!(a).yaml'}}\n"), []string{
			`E_CONFIG: plugin.yaml:6:27 spec.discover.find.glob: "**/!(a).yaml" excludes with !( ), which is not supported; fix: write what it finds, with {a,b}`}},
		"apiVersion": {edit("argoproj.io/v1alpha1", "argoproj.io/v1"), []string{
			`E_CONFIG: plugin.yaml:1:13 apiVersion: expected argoproj.io/v1alpha1, found "argoproj.io/v1"; fix: write argoproj.io/v1alpha1`}},
		"kind": {edit("ConfigManagementPlugin", "Plugin"), []string{
			`E_CONFIG: plugin.yaml:1:1 kind: expected ConfigManagementPlugin, found "Plugin"; fix: put ConfigManagementPlugin first and SealConfig second, with --- between them`}},
		"wrong order": {"apiVersion: argocd-seal.io/v1alpha1\nkind: SealConfig\n", []string{
			`E_CONFIG: plugin.yaml:1:1 kind: expected ConfigManagementPlugin, found "SealConfig"; fix: put ConfigManagementPlugin first and SealConfig second, with --- between them`}},
		"twice the first": {plugin + "---\n" + plugin, []string{
			`E_CONFIG: plugin.yaml:9:1 kind: expected SealConfig, found "ConfigManagementPlugin"; fix: put ConfigManagementPlugin first and SealConfig second, with --- between them`}},
		"second without kind": {plugin + "---\nrender: {}\n", []string{
			`E_CONFIG: plugin.yaml:9:1 kind: the document has no kind, and SealConfig is expected here; fix: put ConfigManagementPlugin first and SealConfig second, with --- between them`}},
		"second without apiVersion": {plugin + "---\nkind: SealConfig\n", []string{
			`E_CONFIG: plugin.yaml:9:1 apiVersion: expected argocd-seal.io/v1alpha1, found ""; fix: write argocd-seal.io/v1alpha1`}},
		"three documents": {seal + "---\na: b\n", []string{
			`E_CONFIG: plugin.yaml:12: there is a third document; fix: keep ConfigManagementPlugin and SealConfig only`}},
		"empty": {"", []string{
			`E_CONFIG: plugin.yaml:1: the file is empty; fix: write at least the ConfigManagementPlugin document`}},
		"first document empty": {"---\n---\n" + plugin, []string{
			`E_CONFIG: plugin.yaml:1: the file is empty; fix: write at least the ConfigManagementPlugin document`}},
		"list at the top": {"- a\n", []string{
			`E_CONFIG: plugin.yaml:1:1 kind: the document has no kind, and ConfigManagementPlugin is expected here; fix: put ConfigManagementPlugin first and SealConfig second, with --- between them`}},
		"not YAML": {"a: b\n  c: d\n", []string{
			`E_CONFIG: plugin.yaml:2: the file is not YAML: mapping values are not allowed in this context; fix: put a text that holds a colon and a space in quotes, or correct the indentation`}},
		"unknown anchor": {"a: *b\n", []string{
			`E_CONFIG: plugin.yaml:1: the file is not YAML: unknown anchor 'b' referenced; fix: define the anchor with & before it is used, or put a text that begins with * in quotes`}},
		"unknown anchor further down": {seal + "aliases: &bee [*bees]\nrender: *be\n", []string{
			`E_CONFIG: plugin.yaml:11: the file is not YAML: unknown anchor 'bees' referenced; fix: define the anchor with & before it is used, or put a text that begins with * in quotes`}},
		"control character": {seal + "aliases:\n- a\x00\n", []string{
			`E_CONFIG: plugin.yaml:12: the file is not YAML: control characters are not allowed; fix: remove the character, or write it as an escape in double quotes`}},
		"in the first line": {"a: {b\n", []string{
			`E_CONFIG: plugin.yaml:1: the file is not YAML: did not find expected ',' or '}'; fix: close the mapping with }, or put a text that begins with { in quotes`}},
		"UTF-16": {"\xff\xfea\x00", []string{
			`E_CONFIG: plugin.yaml:1: the file is not UTF-8; fix: save it as UTF-8`}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, faultsOf(t, tc.data)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// An alias may hold itself, and aliases of aliases grow without measure.
func TestAliasesAreBounded(t *testing.T) {
	bomb := seal + "aliases:\n- &l0 x\n"
	for i := range 40 {
		bomb += fmt.Sprintf("- &l%d [*l%d, *l%d]\n", i+1, i, i)
	}
	for name, data := range map[string]string{
		"bomb":   bomb,
		"cycle":  seal + "render: &r\n  workers: *r\n",
		"deep":   seal + "aliases: " + strings.Repeat("[", 500) + strings.Repeat("]", 500) + "\n",
		"anchor": seal + "aliases: &a [*a]\n",
	} {
		t.Run(name, func(t *testing.T) { faultsOf(t, data) })
	}
}

// TestALongNameIsNotRepeatedWithoutEnd: the name stands in the path of each of
// the values below it, some 20 GB of text.
func TestALongNameIsNotRepeatedWithoutEnd(t *testing.T) {
	data := seal + "environments:\n- name: a\n  policy:\n    parameters:\n      ? " + strings.Repeat("k", 500_000) + "\n      : [" + strings.Repeat("1,", 40_000) + "]\n"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	faults := faultsOf(t, data)
	runtime.ReadMemStats(&after)
	if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; mib > 256 || !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, "repeats too much") }) {
		t.Errorf("%d MiB for %q", mib, faults)
	}
}
