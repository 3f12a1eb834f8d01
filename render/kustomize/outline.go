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
	for _, ref := range k.refs {
		if ref.kind != toResource && ref.kind != toComponent {
			continue
		}
		if _, used, err := fsys.reach(dir, ref.kind, ref.value); err == nil && used != "" {
			outline.Uses = append(outline.Uses, used)
		}
	}
	return outline
}
