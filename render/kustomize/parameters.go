package kustomize

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render"
)

// applyParameters edits the application's kustomization as Argo CD does for
// source.kustomize, with kustomize edit (argo-cd util/kustomize/kustomize.go).
// Where both name the same thing, the parameter wins. Labels are not among the
// edits, see [label].
func applyParameters(k *kustomization, p render.KustomizeParameters, fsys *files) error {
	before := len(k.refs)
	steps := []struct {
		given bool
		apply func() error
	}{
		{p.NamePrefix != "", func() error { k.spec.NamePrefix = p.NamePrefix; return nil }},
		{p.NameSuffix != "", func() error { k.spec.NameSuffix = p.NameSuffix; return nil }},
		{p.Namespace != "", func() error { k.spec.Namespace = p.Namespace; return nil }},
		{len(p.Images) > 0, func() error { return setImages(k.spec, p.Images) }},
		{len(p.Replicas) > 0, func() error { setReplicas(k.spec, p.Replicas); return nil }},
		{len(p.Annotations) > 0, func() error { setAnnotations(k.spec, p.Annotations); return nil }},
		{p.Patches != "", func() error { return addPatches(k, p.Patches) }},
		{len(p.Components) > 0, func() error { return addComponents(k, p.Components, fsys) }},
	}
	var faults fault.List
	for _, step := range steps {
		if !step.given {
			continue
		}
		k.edited = true
		faults = append(faults, fault.Of(step.apply())...)
	}
	for _, ref := range k.refs[before:] {
		ref.line, ref.fromParameter = 0, true
	}
	return faults.OrNil()
}

func setReplicas(spec *types.Kustomization, counts map[string]int64) {
	merged := maps.Clone(counts)
	for _, replica := range spec.Replicas {
		if _, ok := merged[replica.Name]; !ok {
			merged[replica.Name] = replica.Count
		}
	}
	spec.Replicas = nil
	for _, name := range slices.Sorted(maps.Keys(merged)) {
		spec.Replicas = append(spec.Replicas, types.Replica{Name: name, Count: merged[name]})
	}
}

func setAnnotations(spec *types.Kustomization, annotations map[string]string) {
	merged := maps.Clone(spec.CommonAnnotations)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, annotations)
	spec.CommonAnnotations = merged
}

// addPatches adds patches after those of the kustomization.
func addPatches(k *kustomization, text string) error {
	const parameter = "kustomize-patches"
	if err := checkText("", []byte(text)); err != nil {
		return fault.Of(err)[0].At("", parameter)
	}
	var patches []types.Patch
	if err := sigsyaml.UnmarshalStrict([]byte(text), &patches); err != nil {
		return fault.New(fault.Parameter, "the value is not a YAML list of patches").At("", parameter).
			WithFix("write a list of entries with target, and patch or path, as in a kustomization")
	}
	k.spec.Patches = append(k.spec.Patches, patches...)
	c := &collector{k: k, refs: k.refs}
	c.addPatches(patches, parameter)
	k.refs = c.refs
	return nil
}

// addComponents adds components after those of the kustomization. An entry may
// be a glob, as for kustomize edit add component.
func addComponents(k *kustomization, entries []string, fsys *files) error {
	const parameter = "kustomize-components"
	c := &collector{k: k, refs: k.refs}
	for i, entry := range entries {
		matches := matchDirs(fsys, k.dir, entry)
		if len(matches) == 0 {
			// The survey says what is wrong with it.
			matches = []string{entry}
		}
		for _, match := range matches {
			if slices.Contains(k.spec.Components, match) {
				continue
			}
			k.spec.Components = append(k.spec.Components, match)
			c.add(toComponent, match, parameter, i)
		}
	}
	k.refs = c.refs
	return nil
}

// matchDirs returns the directories that a glob matches, relative to dir.
func matchDirs(fsys *files, dir, glob string) []string {
	if !strings.ContainsAny(glob, "*?[") {
		return nil
	}
	pattern, ok := fsys.resolve(dir, glob)
	if !ok {
		return nil
	}
	var matches []string
	for _, name := range fsys.tree.Dirs(fsys.root) {
		if matched, err := path.Match(pattern, name); err == nil && matched {
			if relative, err := filepath.Rel(dir, name); err == nil {
				matches = append(matches, relative)
			}
		}
	}
	return matches
}

// setImages merges images into the kustomization by name. Each has Argo CD's
// form [old=]name[:tag][@digest]; "*" in the place of the name, tag or digest
// keeps what the kustomization says.
//
//nolint:staticcheck // deprecated fields of kustomize are in wide use
func setImages(spec *types.Kustomization, images []string) error {
	var faults fault.List
	merged := map[string]types.Image{}
	for i, text := range images {
		image, ok := parseImage(text)
		if !ok {
			faults = append(faults, fault.New(fault.Parameter, "%q names no tag, digest or other image", text).
				At("", fmt.Sprintf("kustomize-images[%d]", i)).WithFix("write [old=]name[:tag][@digest]"))
			continue
		}
		merged[image.Name] = image
	}
	own := map[string]types.Image{}
	for _, image := range append(slices.Clone(spec.Images), spec.ImageTags...) {
		own[image.Name] = image
	}
	for name, image := range own {
		if _, ok := merged[name]; !ok {
			merged[name] = image
		}
	}
	spec.Images, spec.ImageTags = nil, nil
	for name, image := range merged {
		keepStarred(&image, own[name])
		spec.Images = append(spec.Images, image)
	}
	slices.SortFunc(spec.Images, func(a, b types.Image) int { return cmp.Compare(a.Name, b.Name) })
	return faults.OrNil()
}

func keepStarred(image *types.Image, own types.Image) {
	const star = "*"
	if image.NewName == star {
		image.NewName = own.NewName
	}
	if image.NewTag == star {
		image.NewTag = own.NewTag
	}
	if image.Digest == star {
		image.Digest = own.Digest
	}
}

// parseImage splits [old=]name[:tag][@digest]. It fails where nothing would be
// changed. A colon before the first slash belongs to a registry's port.
func parseImage(text string) (types.Image, bool) {
	old, name, renamed := strings.Cut(text, "=")
	if !renamed {
		name = text
	}
	image := types.Image{}
	name, image.Digest, _ = strings.Cut(name, "@")
	start := max(strings.Index(name, "/"), 0)
	if colon := strings.Index(name[start:], ":"); colon >= 0 {
		name, image.NewTag = name[:start+colon], name[start+colon+1:]
	}
	if renamed {
		image.Name, image.NewName = old, name
		return image, old != ""
	}
	image.Name = name
	return image, name != text
}
