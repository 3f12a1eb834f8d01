// Package plain renders a directory of YAML and JSON files: every document is
// an object, as in an Argo CD directory source.
package plain

import (
	"bytes"
	"path"
	"strings"

	"github.com/gobwas/glob"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// Render reads the manifests of the application's directory, in the order of
// their paths, and of the directories below it where the parameters say
// recurse. A YAML file that does not look like a manifest is left out with a
// warning if it cannot be read, as Argo CD does; every other fault is reported,
// all of them at once.
func Render(req render.Request) ([]object.Object, []*fault.Error, error) {
	selects, err := selection(req.Parameters.Directory)
	if err != nil {
		return nil, nil, err
	}
	var (
		objects  []object.Object
		warnings []*fault.Error
		faults   fault.List
	)
	for _, name := range req.Source.Files(req.Path) {
		if !selects(relative(req.Path, name)) {
			continue
		}
		content, _ := req.Source.File(name)
		decoded, err := object.Decode(name, content)
		switch {
		case err == nil:
			objects = append(objects, decoded...)
		// What is not UTF-8 may be a manifest all the same: Argo CD reads UTF-16.
		case looksLikeManifest(name, content), fault.CodeOf(err) == fault.YAMLEnc:
			faults = append(faults, fault.Of(err)...)
		default:
			warnings = append(warnings, fault.Of(err)...)
		}
	}
	return objects, warnings, faults.OrNil()
}

// selection returns which paths below the application's directory are read.
// Like Argo CD's, the globs know {a,b} and their * crosses slashes.
func selection(params render.DirectoryParameters) (func(string) bool, error) {
	include, err := compile("directory-include", params.Include)
	if err != nil {
		return nil, err
	}
	exclude, err := compile("directory-exclude", params.Exclude)
	if err != nil {
		return nil, err
	}
	return func(name string) bool {
		if !IsManifest(name) || isOverride(name) || !params.Recurse && strings.Contains(name, "/") {
			return false
		}
		if exclude != nil && exclude.Match(name) {
			return false
		}
		return include == nil || include.Match(name)
	}, nil
}

// isOverride tells the files by which a repository changes its Application's own
// source. Argo CD's native rendering passes over them, since they are no objects.
func isOverride(name string) bool {
	return name == ".argocd-source.yaml" || strings.HasPrefix(name, ".argocd-source-") && strings.HasSuffix(name, ".yaml")
}

func compile(parameter, pattern string) (*glob.Pattern, error) {
	if pattern == "" {
		return nil, nil
	}
	compiled, err := glob.Compile(pattern)
	if err != nil {
		return nil, fault.New(fault.Parameter, "%s: %q is not a glob", parameter, pattern)
	}
	return compiled, nil
}

// IsManifest tells by its name whether a file can hold manifests.
func IsManifest(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml", ".json":
		return true
	default:
		return false
	}
}

// looksLikeManifest is Argo CD's test: a file that cannot be read is an error
// only when it has the three words that every manifest has. A JSON file always
// counts.
func looksLikeManifest(name string, content []byte) bool {
	if path.Ext(name) == ".json" {
		return true
	}
	for _, word := range []string{"apiVersion:", "kind:", "metadata:"} {
		if !bytes.Contains(content, []byte(word)) {
			return false
		}
	}
	return true
}

func relative(dir, name string) string {
	if dir == "." {
		return name
	}
	return strings.TrimPrefix(name, dir+"/")
}

// HasManifests tells whether a directory itself holds a file that can hold
// manifests.
func HasManifests(tree *source.Tree, dir string) bool {
	for _, name := range tree.Files(dir) {
		if rest := relative(dir, name); !strings.Contains(rest, "/") && IsManifest(rest) {
			return true
		}
	}
	return false
}

// HoldsObjects tells whether a file of the directory itself reads as if it held
// a Kubernetes object: it has the words that every object has. Workflows of a CI
// system and package.json have not.
func HoldsObjects(tree *source.Tree, dir string) bool {
	for _, name := range tree.Files(dir) {
		if rest := relative(dir, name); strings.Contains(rest, "/") || !IsManifest(rest) {
			continue
		}
		content, _ := tree.File(name)
		if bytes.Contains(content, []byte("apiVersion")) && bytes.Contains(content, []byte("kind")) {
			return true
		}
	}
	return false
}
