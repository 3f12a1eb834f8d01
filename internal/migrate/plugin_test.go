package migrate_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
)

const secretInA = "-- a/secret.yaml --\n" + secretHead + "stringData: {k: '<path:kv/data/shop/db#k>'}\n"

// hostile is an Application whose fields hold what a case writes in JSON.
func hostile(name, project, namespace, repo string) string {
	return "-- app.yaml --\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: " + name + "}\n" +
		"spec: {project: " + project + ", destination: {namespace: " + namespace + "}, source: {repoURL: " + repo + ", path: a, plugin: {name: argocd-vault-plugin}}}\n"
}

// TestRepositoryCannotWriteThePluginFile: the text of a repository is a value or
// a comment of the platform's file, and never a line of its own.
func TestRepositoryCannotWriteThePluginFile(t *testing.T) {
	const evil = `"web\n  - name: evil\n    projects: ['*']\n    role: reader\n    paths: ['**']\n  #"`
	secret := func(data string) string {
		return "-- avp.yaml --\napiVersion: v1\nkind: Secret\nmetadata: {name: avp}\nstringData: {" + data + "}\n"
	}
	for name, files := range map[string]string{
		"a name":               hostile(evil, "shop", "shop", "https://git.example.com/a"),
		"a project":            hostile("web", evil, "shop", "https://git.example.com/a"),
		"a namespace":          hostile("web", "shop", evil, "https://git.example.com/a"),
		"a repository":         hostile("web", "shop", "shop", evil),
		"a number":             hostile(`"1.10"`, "shop", "shop", "https://git.example.com/a"),
		"other line breaks":    hostile(`"web\u2028  - name: evil\u0085  - name: evil\r  - name: evil"`, "shop", "shop", "https://git.example.com/a"),
		"a login":              secret(`AVP_AUTH_TYPE: "k8s\nevil: yes"`),
		"a role":               secret(`AVP_AUTH_TYPE: k8s, AVP_K8S_ROLE: "reader\nevil: yes", AVP_K8S_MOUNT_PATH: "k8s # \u0007\nevil: yes"`),
		"a user":               secret(`AVP_AUTH_TYPE: userpass, AVP_USERNAME: "u\nevil: yes"`),
		"a namespace of Vault": secret(`VAULT_NAMESPACE: "n\nevil: yes"`),
		"a file's name":        strings.Replace(hostile("web", "shop", "shop", "https://git.example.com/a"), "app.yaml", "a\r  - name: evil.yaml", 1),
	} {
		t.Run(name, func(t *testing.T) {
			tree, _ := unpack(secretInA + files)
			plan := planOf(t, tree)
			file, err := config.Parse("plugin.yaml", plan.Plugin)
			if err != nil {
				t.Fatalf("%v\n%s %q", err, plan.Plugin, plan.Notes)
			}
			if len(file.Seal.Bindings) != 1 || !slices.Equal(file.Seal.Bindings[0].Paths, []string{"kv/shop/db"}) {
				t.Errorf("the bindings are %+v, want one for kv/shop/db", file.Seal.Bindings)
			}
			for line := range strings.FieldsFuncSeq(string(plan.Plugin), func(r rune) bool { return strings.ContainsRune("\n\r\u0085\u2028\u2029", r) }) {
				if text := strings.TrimSpace(line); strings.HasPrefix(text, "evil") || strings.HasPrefix(text, "- name: evil") {
					t.Errorf("a line of the repository's own: %s", line)
				}
			}
		})
	}
}

// TestPluginFileThatDoesNotLoadIsNotWritten: the sidecar would refuse an alias
// that is its own name.
func TestPluginFileThatDoesNotLoadIsNotWritten(t *testing.T) {
	tree, _ := unpack(secretInA + "-- cmp.yaml --\napiVersion: argoproj.io/v1alpha1\nkind: ConfigManagementPlugin\nmetadata: {name: argocd-seal}\n" +
		"spec: {version: v1.0, generate: {command: [argocd-vault-plugin, generate, .]}}\n")
	plan := planOf(t, tree)
	if len(plan.Plugin) != 0 || !slices.ContainsFunc(plan.Notes, func(note string) bool {
		return strings.Contains(note, "no plugin.yaml is written") && strings.Contains(note, "aliases[0]")
	}) {
		t.Errorf("notes: %q, and this file:\n%s", plan.Notes, plan.Plugin)
	}
}

// TestFindingsAndNotesArePrintable: what a repository says ends in reasons, fixes
// and notes, for people and for programs.
func TestFindingsAndNotesArePrintable(t *testing.T) {
	tree, _ := unpack(secretInA + "-- cmp.yaml --\napiVersion: argoproj.io/v1alpha1\nkind: ConfigManagementPlugin\nmetadata: {name: avp}\n" +
		"spec: {generate: {command: [argocd-vault-plugin, \"&&\", \"\\e]0;x\\a\", \"&&\", helm, template, \"--a\\e[2J\"]}}\n" +
		"-- avp.yaml --\napiVersion: v1\nkind: Secret\nmetadata: {name: avp}\nstringData: {AVP_AUTH_TYPE: \"github\\nNot moved:\"}\n" +
		"-- c/kustomization.yaml --\nresources: [a.yaml]\ncommonAnnotations: {avp.kubernetes.io/path: kv/data/shop/db}\n" +
		"-- c/a.yaml --\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {\"x\\e[2J\": <key>}\n")
	plan := planOf(t, tree)
	var reasons int
	for _, one := range plan.Findings {
		if strings.Contains(one.Reason, `\n`) || strings.Contains(one.Reason, `\u001b`) {
			reasons++
		}
		if strings.ContainsFunc(one.What+one.Reason+one.Fix, unicode.IsControl) {
			t.Errorf("%#v", one)
		}
	}
	if strings.ContainsFunc(strings.Join(plan.Notes, ""), unicode.IsControl) {
		t.Errorf("notes: %+q", plan.Notes)
	}
	if reasons != 4 {
		t.Errorf("%d reasons hold what the repository says, want 4: %#v", reasons, plan.Findings)
	}
}

// TestRepositoryCannotWritePatterns: what a repository says is a name. As a
// pattern it would stand for those of others.
func TestRepositoryCannotWritePatterns(t *testing.T) {
	for name, files := range map[string]string{
		"a project":           hostile("web", "'*'", "shop", "https://git.example.com/a") + secretInA,
		"a name":              hostile("'*'", "shop", "shop", "https://git.example.com/a") + secretInA,
		"a repository":        hostile("web", "shop", "shop", "https://git.example.com/**") + secretInA,
		"a path":              hostile("web", "shop", "shop", "https://git.example.com/a") + strings.ReplaceAll(secretInA, "shop/db", "**"),
		"a path of a project": hostile("web", "shop", "shop", "https://git.example.com/a") + strings.ReplaceAll(secretInA, "shop/db", "'{project}'"),
		"an annotation":       hostile("web", "shop", "shop", "https://git.example.com/a") + "-- a/secret.yaml --\n" + annotatedHead("avp.kubernetes.io/path: kv/data/**") + "stringData: {k: <k>}\n",
	} {
		t.Run(name, func(t *testing.T) {
			tree, _ := unpack(files + "-- b.yaml --\n" + secretHead + "stringData: {k: '<path:kv/data/other/db#k>'}\n")
			plan := planOf(t, tree)
			file, err := config.Parse("plugin.yaml", plan.Plugin)
			if err != nil {
				t.Fatalf("%v\n%s", err, plan.Plugin)
			}
			for _, one := range file.Seal.Bindings {
				if text := strings.Join(slices.Concat(one.Projects, one.Apps, one.RepoURLs, one.Paths), " "); strings.ContainsAny(text, "*{") {
					t.Errorf("a pattern: %s", text)
				}
			}
		})
	}
}
