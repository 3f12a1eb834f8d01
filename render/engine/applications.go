package engine

import (
	"path"

	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/helm"
	"github.com/argocd-seal/argocd-seal-plugin/render/kustomize"
	"github.com/argocd-seal/argocd-seal-plugin/render/plain"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// Applications lists the directories at and below root that somebody would
// deploy, sorted: charts, kustomizations, and directories of manifests. What
// only serves others is left out, because it is judged with them: subcharts,
// library charts, components, bases that a kustomization of the tree builds upon, and the files
// beside a chart or kustomization. The root itself is always one if it can be
// rendered.
func Applications(tree *source.Tree, root string) []string {
	used := map[string]bool{}
	for _, dir := range tree.Dirs(".") {
		if kustomize.IsKustomization(tree, dir) {
			for _, base := range kustomize.Outlined(tree, dir).Uses {
				used[base] = used[base] || base != dir
			}
		}
	}
	var dirs []string
	// inChart and owned hold directories whose files belong to one above.
	inChart, owned := map[string]bool{}, map[string]bool{}
	for _, dir := range tree.Dirs(root) {
		above := path.Dir(dir)
		if dir != root && (inChart[above] || hidden(dir)) {
			inChart[dir] = true
			continue
		}
		kind := Detect(tree, dir)
		owned[dir] = dir != root && owned[above] || kind != render.KindDirectory
		inChart[dir] = kind == render.KindHelm || kind == render.KindHelmKustomize
		if dir == root && kind != render.KindDirectory || deployable(tree, dir, kind, used[dir], owned[above]) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// deployable tells whether a directory below others stands for an application.
func deployable(tree *source.Tree, dir string, kind render.Kind, used, owned bool) bool {
	switch kind {
	case render.KindKustomize:
		return !used && !kustomize.Outlined(tree, dir).Component
	case render.KindHelm:
		// A chart below a kustomization is one that it inflates.
		return !owned && !helm.IsLibrary(tree, dir)
	case render.KindDirectory:
		return !owned && plain.HoldsObjects(tree, dir)
	default:
		return !used
	}
}
