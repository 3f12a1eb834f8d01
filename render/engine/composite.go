package engine

import (
	"path"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/plain"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// maxParts is how many directories one composite application may render.
const maxParts = 500

// part is one directory of a composite application.
type part struct {
	dir  string
	kind render.Kind
}

// composite renders every chart, kustomization and plain directory below the
// application's path as one application. All parts use the application's name
// as their release name and the same parameters.
func composite(req render.Request) ([]object.Object, []*fault.Error, error) {
	parts := findParts(req.Source, req.Path)
	if len(parts) > maxParts {
		return nil, nil, fault.New(fault.Limit, "the application has more than %d directories to render", maxParts).
			WithFix("split it into several applications")
	}
	var (
		objects  []object.Object
		warnings []*fault.Error
		faults   fault.List
	)
	for _, part := range parts {
		partial := req
		partial.Path = part.dir
		partial.Parameters.Directory.Recurse = false
		rendered, warned, err := renderKind(partial, part.kind)
		if err != nil {
			faults = append(faults, fault.Of(err)...)
			continue
		}
		objects = append(objects, rendered...)
		warnings = append(warnings, warned...)
	}
	return objects, warnings, faults.OrNil()
}

// findParts lists the directories to render, sorted. A chart or kustomization
// owns what lies below it, such as its subcharts; a plain directory owns only
// its own files. Directories whose name begins with a dot are left out.
func findParts(tree *source.Tree, root string) []part {
	var parts []part
	owned := map[string]bool{}
	for _, dir := range tree.Dirs(root) {
		// Parents sort before what lies below them.
		if dir != root && (owned[path.Dir(dir)] || hidden(dir)) {
			owned[dir] = true
			continue
		}
		switch kind := Detect(tree, dir); {
		case kind != render.KindDirectory:
			parts = append(parts, part{dir, kind})
			owned[dir] = true
		case plain.HasManifests(tree, dir):
			parts = append(parts, part{dir, kind})
		}
	}
	return parts
}

func hidden(dir string) bool { return strings.HasPrefix(path.Base(dir), ".") }
