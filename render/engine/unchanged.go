package engine

import (
	"bytes"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/kustomize"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// Unchanged tells whether an application must render the same from two trees, if
// it has no parameters, because all files that it is made of are the same. False
// may mean that this cannot be told without rendering: a chart takes files from
// where its values and dependencies say.
func Unchanged(before, after *source.Tree, dir string) bool {
	dirs, known := madeOf(after, dir)
	if !known {
		return false
	}
	for _, one := range dirs {
		if !sameBelow(before, after, one) {
			return false
		}
	}
	return true
}

// madeOf lists the directories whose files an application is made of, with all
// below them, and tells whether that is certain.
func madeOf(tree *source.Tree, dir string) (dirs []string, known bool) {
	seen := map[string]bool{}
	todo := []string{dir}
	for len(todo) > 0 {
		next := todo[0]
		todo = todo[1:]
		if seen[next] {
			continue
		}
		seen[next] = true
		dirs = append(dirs, next)
		switch Detect(tree, next) {
		case render.KindKustomize:
			outline := kustomize.Outlined(tree, next)
			if !outline.Closed {
				return nil, false
			}
			todo = append(todo, outline.Uses...)
		case render.KindDirectory:
		default:
			return nil, false
		}
	}
	return dirs, true
}

// sameBelow tells whether two trees hold the same files in a directory and below
// it.
func sameBelow(before, after *source.Tree, dir string) bool {
	names := after.Files(dir)
	if !slices.Equal(before.Files(dir), names) || !slices.Equal(before.Dirs(dir), after.Dirs(dir)) {
		return false
	}
	return !slices.ContainsFunc(names, func(name string) bool {
		was, _ := before.File(name)
		now, _ := after.File(name)
		return !bytes.Equal(was, now)
	})
}
