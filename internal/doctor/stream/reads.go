package stream

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/kustomize"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// application finds what an application reads, and proves it: the proposed part
// of the repository must render to the same objects as the whole.
func (m *measure) application(ctx context.Context, app string) App {
	found := App{Path: app, Reads: m.reads(app), Root: "."}
	whole, err := m.render(ctx, m.tree, app)
	if err != nil {
		found.Fault = fault.Of(err)[0]
		return found
	}
	if m.Owners {
		return found // CODEOWNERS lies at the root
	}
	for root := common(found.Reads); root != "."; root = path.Dir(root) {
		part, err := m.render(ctx, below(m.tree, root), relative(root, app))
		if err == nil && part == whole {
			found.Root = root
			break
		}
		if ctx.Err() != nil {
			return found
		}
	}
	found.Annotation = annotation(found)
	return found
}

// annotation names the directories that the application reads, seen from its
// own, or their parent where the proof took more than those.
func annotation(app App) string {
	if app.Root == "." {
		return ""
	}
	if common(app.Reads) != app.Root {
		return "/" + app.Root
	}
	var paths []string
	for _, dir := range app.Reads {
		paths = append(paths, upward(app.Path, dir))
	}
	return strings.Join(paths, ";")
}

// upward writes a directory as seen from another one.
func upward(from, to string) string {
	if from == to {
		return "."
	}
	a, b := strings.Split(from, "/"), strings.Split(to, "/")
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	steps := slices.Repeat([]string{".."}, len(a)-same)
	return strings.Join(append(steps, b[same:]...), "/")
}

// reads follows bases, components and charts from an application's directory.
// What it misses, the proof finds.
func (m *measure) reads(app string) []string {
	dirs := []string{app}
	visited := map[string]bool{}
	var follow func(dir string)
	follow = func(dir string) {
		if visited[dir] {
			return
		}
		visited[dir] = true
		if !slices.ContainsFunc(dirs, func(known string) bool { return source.Within(known, dir) }) {
			dirs = append(dirs, dir)
		}
		for _, used := range append(kustomize.Outlined(m.tree, dir).Uses, m.charts(dir)...) {
			follow(used)
		}
	}
	follow(app)
	for _, from := range m.Promotions {
		if dir, ok := source.Join(app, from); ok && m.tree.HasDir(dir) {
			follow(dir)
		}
	}
	// A directory that came later may hold one that came before.
	return slices.DeleteFunc(dirs, func(dir string) bool {
		return dir != app && slices.ContainsFunc(dirs, func(other string) bool { return other != dir && source.Within(other, dir) })
	})
}

// charts are the directories of a chart's dependencies by file://.
func (m *measure) charts(dir string) []string {
	content, ok := m.tree.File(path.Join(dir, "Chart.yaml"))
	if !ok {
		return nil
	}
	var chart struct {
		Dependencies []struct {
			Repository string `json:"repository"`
		} `json:"dependencies"`
	}
	if yaml.Unmarshal(content, &chart) != nil {
		return nil // to render it will say why
	}
	var dirs []string
	for _, dependency := range chart.Dependencies {
		ref, local := strings.CutPrefix(dependency.Repository, "file://")
		if used, inside := source.Join(dir, ref); local && inside && m.tree.HasDir(used) {
			dirs = append(dirs, used)
		}
	}
	return dirs
}

// render returns a digest of the objects of an application.
func (m *measure) render(ctx context.Context, tree *source.Tree, app string) ([sha256.Size]byte, error) {
	name := path.Base(app)
	if app == "." {
		name = "application"
	}
	result, err := m.Renderer.Render(ctx, render.Request{Source: tree, Path: app, AppName: name, Namespace: "default", Limits: m.Limits})
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	sum := sha256.New()
	encoder := json.NewEncoder(sum)
	for _, object := range result.Objects {
		if err := encoder.Encode(object.Fields); err != nil {
			return [sha256.Size]byte{}, fault.New(fault.Internal, "an object cannot be encoded")
		}
	}
	return [sha256.Size]byte(sum.Sum(nil)), nil
}

// below returns the part of a tree at and below a directory, as a tree.
func below(tree *source.Tree, root string) *source.Tree {
	part := source.NewTree()
	for _, name := range tree.Files(root) {
		content, _ := tree.File(name)
		part.Add(relative(root, name), content)
	}
	return part
}

// relative is a path as seen from a directory at or above it.
func relative(root, name string) string {
	switch {
	case root == ".":
		return name
	case root == name:
		return "."
	}
	return strings.TrimPrefix(name, root+"/")
}

// common is the nearest directory that holds all of some directories.
func common(dirs []string) string {
	root := dirs[0]
	for _, dir := range dirs[1:] {
		for !source.Within(root, dir) {
			root = path.Dir(root)
		}
	}
	return root
}
