package migrate

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/engine"
)

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
	if p.owners[own] == "" {
		p.owners[own] = p.ownerOf(own)
	}
	return p.owners[own]
}

func (p *planner) ownerOf(own string) string {
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

// configured is the rule as the configuration holds it.
func (b binding) configured() config.Binding {
	list := func(text string) []string {
		if text == "" {
			return nil
		}
		return []string{text}
	}
	return config.Binding{
		Name: b.name, Projects: []string{b.project}, Apps: list(b.app), RepoURLs: list(b.repo), Namespaces: list(b.namespace),
		Role: roleName, Paths: b.paths,
	}
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
		if len(used) == 0 || strings.ContainsAny(a.name+a.project+a.namespace+a.repoURL, patternSigns) {
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

// patternSigns mean something in a binding, or are refused there: a name with one
// of them, or one that a template fills in, would stand for those of others.
const patternSigns = `*?[]{}\`

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

func (w *pluginWriter) bindings(bindings []binding) {
	if len(bindings) == 0 {
		return
	}
	w.line("")
	w.comment("", "Just the paths that are in use. What no binding allows is refused.")
	w.line("bindings:")
	for _, b := range bindings {
		w.comment("  ", "%s", b.comment)
		w.line("  - name: %s", quotedText(b.name))
		w.line("    projects: [%s]", quotedText(b.project))
		if b.app != "" {
			w.line("    apps: [%s]", quotedText(b.app))
		}
		if b.repo != "" {
			w.line("    repoURLs: [%s]", quotedText(b.repo))
		}
		if b.namespace != "" {
			w.line("    namespaces: [%s]", quotedText(b.namespace))
		}
		w.line("    role: %s", roleName)
		w.line("    paths:")
		for _, one := range b.paths {
			w.line("      - %s", quotedText(one))
		}
	}
}
