package kustomize

import (
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/provenance"
	"sigs.k8s.io/kustomize/api/types"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// release is the kustomize that this package's objects equal. Kustomize's
// library takes its version from the program that holds it.
const release = "v5.8.1"

// originAnnotation is what buildMetadata's originAnnotations sets.
const originAnnotation = "config.kubernetes.io/origin"

// label sets the labels that are parameters, on the built object. Kustomize's own
// transformer would share one node between a label that is already there and
// the selectors that it was copied to, and change both; a selector cannot be
// changed on a live Deployment.
func label(o object.Object, labels map[string]string) {
	metadata, ok := o.Fields["metadata"].(map[string]any)
	if !ok || len(labels) == 0 {
		return
	}
	own, ok := metadata["labels"].(map[string]any)
	if !ok {
		own = map[string]any{}
		metadata["labels"] = own
	}
	for name, value := range labels {
		own[name] = value
	}
}

// asBuilt corrects the metadata that tells how an object was built, where the
// kustomization asks for it with buildMetadata: it is to tell what kustomize
// build would tell, and not how this package goes about it.
func (b *build) asBuilt(o object.Object) {
	asked := b.survey.top.spec.BuildMetadata
	metadata, _ := o.Fields["metadata"].(map[string]any)
	if slices.Contains(asked, types.ManagedByLabelOption) {
		labels, _ := metadata["labels"].(map[string]any)
		if labels[konfig.ManagedbyLabelKey] == "kustomize-"+provenance.GetProvenance().Semver() {
			labels[konfig.ManagedbyLabelKey] = "kustomize-" + release
		}
	}
	if slices.Contains(asked, types.OriginAnnotations) {
		annotations, _ := metadata["annotations"].(map[string]any)
		if origin, ok := annotations[originAnnotation].(string); ok {
			annotations[originAnnotation] = b.chartOrigin(origin)
		}
	}
}

// chartOrigin turns the origin of a chart's object, a generated file, into the
// generator that kustomize would name.
func (b *build) chartOrigin(origin string) string {
	file, ok := strings.CutPrefix(strings.TrimSpace(origin), "path: ")
	if !ok || path.Base(path.Dir(file)) != chartsDir {
		return origin
	}
	dir := path.Dir(path.Dir(file))
	k, ok := b.survey.opened[path.Join(b.req.Path, dir)]
	if !ok {
		return origin
	}
	return "configuredIn: " + path.Join(dir, path.Base(k.file)) +
		"\nconfiguredBy:\n  apiVersion: builtin\n  kind: " + chartGenerator + "\n"
}
