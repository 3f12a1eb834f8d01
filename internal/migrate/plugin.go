package migrate

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/yamledit"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/engine"
)

// ours tells whether a definition runs one of the two plugins.
func (d definition) ours() bool {
	return strings.Contains(d.command, "argocd-vault-plugin") || strings.Contains(d.command, "argocd-lovely-plugin")
}

// harmless are programs of a plugin's command that this plugin does without.
var harmless = []string{"argocd-vault-plugin", "argocd-lovely-plugin", "helm", "kustomize", "find", "cat", "echo", "sh", "bash", "-c", "/bin/sh", "/bin/bash", "ls", "true"}

// programs returns what else a definition's command runs.
func (d definition) programs() []string {
	var found []string
	for _, part := range regexp.MustCompile(`\|\|?|&&|;|\n|<\(|\$\(`).Split(d.command, -1) {
		words := strings.Fields(strings.Trim(part, " ()"))
		for len(words) > 0 && (words[0] == "sh" || words[0] == "bash" || strings.HasPrefix(words[0], "-") || strings.HasSuffix(words[0], "/sh") || strings.HasSuffix(words[0], "/bash")) {
			words = words[1:]
		}
		if len(words) == 0 {
			continue
		}
		program := path.Base(words[0])
		if program == "helm" && len(words) > 1 && !slices.Contains([]string{"template", "dependency", "dep", "repo"}, words[1]) {
			found = append(found, "helm "+words[1])
		} else if !slices.Contains(harmless, program) {
			found = append(found, program)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// reportDefinitions lists what plugins do that this one does not, and returns
// the names of those that it stands in for.
func (p *planner) reportDefinitions() []string {
	var aliases []string
	for _, d := range p.definitions() {
		if !d.ours() {
			continue
		}
		programs := d.programs()
		for _, program := range programs {
			p.find(d.file, d.line, "plugin "+d.name, &avp.Obstacle{Code: CodePlugin, Message: fmt.Sprintf("its command runs %s, and this plugin runs no programs", program), Fix: "commit what the program writes, or keep the plugin for the applications that need it"})
		}
		if len(programs) == 0 && strings.Contains(d.command, "argocd-vault-plugin") && aliasName.MatchString(d.name) {
			aliases = append(aliases, d.name)
		}
	}
	for _, f := range p.files {
		for _, d := range f.documents {
			for _, use := range pluginsOf(d) {
				if !f.inScope {
					continue
				}
				if name := use.pluginName(); !use.isLovely() && strings.Contains(name, "vault-plugin") && aliasName.MatchString(name) {
					aliases = append(aliases, name)
				}
			}
		}
	}
	slices.Sort(aliases)
	return slices.Compact(aliases)
}

// aliasName is what the configuration takes as an alias.
var aliasName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)

// usage are the logical paths that a file's references name.
func (p *planner) usage(f *file) []string {
	var paths []string
	for _, match := range nativePath.FindAllStringSubmatch(string(f.data), -1) {
		paths = append(paths, match[1])
	}
	for _, s := range f.sites {
		for _, h := range s.holders {
			if logical, obstacle := p.reader.Mounts.Logical(h.ref.Path, p.kv(s.annotations.KV)); obstacle == nil {
				paths = append(paths, logical)
			}
		}
	}
	return paths
}

var nativePath = regexp.MustCompile(`<vault:([A-Za-z0-9_][A-Za-z0-9._@/-]*)[#>]`)

// owner returns the directory that a file is rendered with: the chart or the
// kustomization that it belongs to, or its own.
func (p *planner) owner(name string) string {
	own := path.Dir(name)
	for dir := own; ; dir = path.Dir(dir) {
		switch engine.Detect(p.Tree, dir) {
		case render.KindHelm, render.KindHelmKustomize:
			if path.Base(path.Dir(dir)) == "charts" {
				break // a subchart belongs to the chart above it
			}
			return dir
		case render.KindKustomize:
			return dir
		}
		if dir == "." {
			return own
		}
	}
}

// binding is one rule to be written, with where it comes from.
type binding struct {
	comment, name                 string
	project, app, repo, namespace string
	paths                         []string
}

// bindings returns a rule for each application, and one for each prefix of paths
// that no application of the tree uses.
func (p *planner) bindings(applications []application) []binding {
	paths := map[string][]string{}
	all := map[string]bool{}
	for _, f := range p.files {
		if !f.inScope {
			continue
		}
		for _, one := range p.usage(f) {
			paths[f.name] = append(paths[f.name], one)
			all[one] = true
		}
	}
	var found []binding
	names := map[string]bool{}
	for _, a := range applications {
		used := map[string]bool{}
		if p.local(a) {
			reached := p.reached(a.path)
			for name, list := range paths {
				if slices.Contains(reached, p.owner(name)) || name == a.document.file.name {
					for _, one := range list {
						used[one] = true
					}
				}
			}
		}
		if len(used) == 0 || strings.Contains(a.name+a.project+a.namespace+a.repoURL, "{{") {
			continue
		}
		for one := range used {
			delete(all, one)
		}
		name := cmp.Or(a.name, "application")
		for i := 2; names[name]; i++ {
			name = fmt.Sprintf("%s-%d", a.name, i)
		}
		names[name] = true
		found = append(found, binding{
			comment: fmt.Sprintf("Application %s, %s:%d", a.name, a.document.file.name, a.document.node.Line), name: name,
			project: cmp.Or(a.project, "default"), app: a.name, repo: a.repoURL, namespace: a.namespace, paths: slices.Sorted(maps.Keys(used)),
		})
	}
	return append(found, loose(all, names)...)
}

// loose groups paths by mount and first segment. Nobody says whose they are, so
// that the rules match nobody until a person has looked at them.
func loose(paths, names map[string]bool) []binding {
	groups := map[string][]string{}
	for _, one := range slices.Sorted(maps.Keys(paths)) {
		segments := strings.Split(one, "/")
		prefix := strings.Join(segments[:min(2, len(segments)-1)], "/")
		groups[prefix] = append(groups[prefix], one)
	}
	var found []binding
	for _, prefix := range slices.Sorted(maps.Keys(groups)) {
		name := strings.NewReplacer("/", "-", "@", "-", ".", "-").Replace(prefix)
		for names[name] {
			name += "-paths"
		}
		names[name] = true
		found = append(found, binding{
			comment: fmt.Sprintf("Paths below %s that no Application here uses: name the project of those that do", prefix),
			name:    name, project: unknownProject, paths: groups[prefix],
		})
	}
	return found
}

// unknownProject is in the place of a project's name that nobody knows yet.
const unknownProject = "CHANGE-ME"

// pluginFile writes the plugin.yaml that fits, nil where there is nothing to
// write one for.
func (p *planner) pluginFile(applications []application) []byte {
	aliases := p.reportDefinitions()
	bindings := p.bindings(applications)
	if len(p.moves) == 0 && !slices.ContainsFunc(p.files, func(f *file) bool { return len(f.sites) > 0 }) {
		return nil
	}
	w := &pluginWriter{}
	w.head(aliases)
	w.vault(p.settings)
	w.bindings(bindings, p.settings)
	w.environments()
	return []byte(w.String())
}

type pluginWriter struct{ strings.Builder }

func (w *pluginWriter) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

func (w *pluginWriter) head(aliases []string) {
	w.line("# Inferred by `argocd-seal migrate` from the manifests of a repository. Nothing in it is in")
	w.line("# force before the platform team has read it and mounts it: docs/migration.md.")
	w.line("apiVersion: argoproj.io/v1alpha1")
	w.line("kind: ConfigManagementPlugin")
	w.line("metadata:")
	w.line("  name: argocd-seal")
	w.line("spec:")
	w.line("  version: v1.0")
	w.line("  generate:")
	w.line("    command: [argocd-seal, generate]")
	w.line("---")
	w.line("apiVersion: argocd-seal.io/v1alpha1")
	w.line("kind: SealConfig")
	if len(aliases) > 0 {
		w.line("")
		w.line("# The names that Applications use now, so that they need no edit:")
		w.line("aliases:")
		for _, alias := range aliases {
			w.line("  - %s", yamledit.Plain(alias))
		}
	}
}

func (w *pluginWriter) vault(settings avp.Settings) {
	w.line("")
	w.line("vault:")
	address := "https://vault.example.com:8200"
	comment := "  # No manifest says where Vault is."
	if setting, ok := settings.Get("VAULT_ADDR"); ok {
		if parsed, err := url.Parse(setting.Value); err == nil && parsed.Host != "" && parsed.User == nil {
			address, comment = setting.Value, fmt.Sprintf("  # VAULT_ADDR of %s:%d", setting.File, setting.Line)
		}
	}
	w.line("%s", comment)
	w.line("  address: %s", yamledit.Plain(address))
	if setting, ok := settings.Get("VAULT_NAMESPACE"); ok {
		w.line("  # VAULT_NAMESPACE of %s:%d", setting.File, setting.Line)
		w.line("  namespace: %s", yamledit.Plain(setting.Value))
	}
	w.line("  roles:")
	method, from := loginOf(settings)
	w.line("    # %s", from)
	w.line("    - name: %s", roleName)
	w.line("      method: %s", method)
	if mount := mountOf(settings); mount != "" && mount != method {
		w.line("      mount: %s", yamledit.Plain(mount))
	}
	for _, field := range loginFields(method, settings) {
		w.line("      %s", field)
	}
}

// roleName is what bindings call the one login.
const roleName = "reader"

func loginOf(settings avp.Settings) (method, from string) {
	setting, ok := settings.Get("AVP_AUTH_TYPE")
	if method = avp.Methods[setting.Value]; method == "" {
		method = "kubernetes"
	}
	if !ok {
		return method, "No manifest says how argocd-vault-plugin logs in. Better: a login for each binding, in sealing.md."
	}
	return method, fmt.Sprintf("AVP_AUTH_TYPE %s of %s:%d. Better: a login for each binding, in sealing.md.", setting.Value, setting.File, setting.Line)
}

func mountOf(settings avp.Settings) string {
	for _, name := range []string{"AVP_K8S_MOUNT_PATH", "AVP_MOUNT_PATH"} {
		if setting, ok := settings.Get(name); ok {
			return strings.TrimPrefix(strings.Trim(setting.Value, "/"), "auth/")
		}
	}
	return ""
}

func loginFields(method string, settings avp.Settings) []string {
	switch method {
	case "approle":
		return []string{"# The value of AVP_ROLE_ID, which is not copied out of a Secret:", "roleID: CHANGE-ME", "secretIDFile: /etc/argocd-seal/secret-id"}
	case "userpass":
		user := "CHANGE-ME"
		if setting, ok := settings.Get("AVP_USERNAME"); ok {
			user = setting.Value
		}
		return []string{"username: " + yamledit.Plain(user), "passwordFile: /etc/argocd-seal/password"}
	case "token":
		return []string{"tokenFile: /etc/argocd-seal/token"}
	}
	role := "argocd-seal"
	if setting, ok := settings.Get("AVP_K8S_ROLE"); ok {
		role = setting.Value
	}
	return []string{"vaultRole: " + yamledit.Plain(role),
		"# A projected token for Vault alone, and not the one of the service account:", "tokenFile: /var/run/secrets/vault/token"}
}

func (w *pluginWriter) bindings(bindings []binding, _ avp.Settings) {
	if len(bindings) == 0 {
		return
	}
	w.line("")
	w.line("# Just the paths that are in use. What no binding allows is refused.")
	w.line("bindings:")
	for _, b := range bindings {
		w.line("  # %s", b.comment)
		w.line("  - name: %s", yamledit.Plain(b.name))
		w.line("    projects: [%s]", yamledit.Plain(b.project))
		if b.app != "" {
			w.line("    apps: [%s]", yamledit.Plain(b.app))
		}
		if b.repo != "" {
			w.line("    repoURLs: [%s]", yamledit.Plain(b.repo))
		}
		if b.namespace != "" {
			w.line("    namespaces: [%s]", yamledit.Plain(b.namespace))
		}
		w.line("    role: %s", roleName)
		w.line("    paths:")
		for _, one := range b.paths {
			w.line("      - %s", yamledit.Plain(one))
		}
	}
}

func (w *pluginWriter) environments() {
	w.line("")
	w.line("# What Secrets with references become. Without an environment references are left as they stand.")
	w.line("# To compare with argocd-vault-plugin first, add `injections: [plaintext]` to a binding and say")
	w.line("# `default: plaintext` here, where nobody else reads what comes out. docs/sealing.md has the rest.")
	w.line("# environments:")
	w.line("#   - name: production")
	w.line("#     injection:")
	w.line("#       default: sealed-secret")
	w.line("#       sealedSecret:")
	w.line("#         certificateFile: /etc/argocd-seal/sealing.crt")
	w.line("#         fingerprint: THE-CERTIFICATE'S-SHA-256")
	w.line("#         saltFile: /etc/argocd-seal/salt/salt")
}
