package kustomize

import (
	"sigs.k8s.io/kustomize/api/types"

	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// Outline is what can be told of a kustomization without building it.
type Outline struct {
	// Component says that it cannot be built on its own.
	Component bool
	// Uses are the directories that it builds upon: bases and components.
	Uses []string
	// Closed says that a build reads nothing but the kustomization's own directory,
	// which all its files lie in or below, and those of Uses. It is not set where
	// that cannot be told: charts and plugins name files in their own ways.
	Closed bool
}

// Outlined reads the kustomization of a directory. One that cannot be read has
// an empty outline: to build it will say why.
func Outlined(tree *source.Tree, dir string) Outline {
	fsys := newFiles(tree, ".")
	k, err := load(fsys, dir, false)
	if err != nil {
		return Outline{}
	}
	outline := Outline{Component: k.spec.Kind == types.ComponentKind}
	outline.Closed = len(k.spec.HelmCharts)+len(k.spec.HelmChartInflationGenerator) == 0
	for _, ref := range k.refs {
		outline.Closed = outline.Closed && ref.kind != toPlugin
		if ref.kind != toResource && ref.kind != toComponent {
			continue
		}
		_, used, err := fsys.reach(dir, ref.kind, ref.value)
		outline.Closed = outline.Closed && err == nil
		if err == nil && used != "" {
			outline.Uses = append(outline.Uses, used)
		}
	}
	return outline
}
