package rotation

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	// refreshAnnotation has Argo CD compare an Application anew; with the value
	// hard it renders without its caches, then removes the annotation.
	refreshAnnotation = "argocd.argoproj.io/refresh"
	hard              = "hard"
	// tokenAnnotation names what the last refresh was for. It is written together
	// with the other, so that a replica that takes over knows what was done.
	tokenAnnotation = "argocd-seal.io/refreshed-for"
	// grace is how long Argo CD may take from a render to its status.
	grace = 10 * time.Minute
)

var applications = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "applications"}

// relevant splits an application's renders into those that may be what runs, and
// those that cannot: of a source that the Application has no more, or of a
// revision that somebody only looked at. Where the Application does not say, a
// render counts.
func relevant(app *unstructured.Unstructured, renders []render, now time.Time) (running, stale []render) {
	sources, revisions := sourcesOf(app), revisionsOf(app)
	live := map[uint32]bool{}    // sources of which a render is of a revision that runs
	newest := map[uint32]int64{} // by source
	for _, one := range renders {
		newest[one.source] = max(newest[one.source], one.began)
		live[one.source] = live[one.source] || slices.Contains(revisions, one.revision)
	}
	for _, one := range renders {
		young := now.Sub(time.UnixMilli(one.began)) < grace
		switch {
		case len(sources) > 0 && !slices.Contains(sources, one.source):
			stale = append(stale, one)
		case slices.Contains(revisions, one.revision), one.began == newest[one.source] && (young || !live[one.source]):
			running = append(running, one)
		default:
			stale = append(stale, one)
		}
	}
	return running, stale
}

// sourcesOf is empty where the Application's sources cannot be told: those of the
// source hydrator are not where an Application is rendered from.
func sourcesOf(app *unstructured.Unstructured) []uint32 {
	if _, hydrated, _ := unstructured.NestedMap(app.Object, "spec", "sourceHydrator"); hydrated {
		return nil
	}
	list, _, _ := unstructured.NestedSlice(app.Object, "spec", "sources")
	if len(list) == 0 {
		if one, ok, _ := unstructured.NestedMap(app.Object, "spec", "source"); ok {
			list = append(list, one)
		}
	}
	var sources []uint32
	for _, one := range list {
		fields, _ := one.(map[string]any)
		repoURL, _ := fields["repoURL"].(string)
		path, _ := fields["path"].(string)
		sources = append(sources, sourceOf(repoURL, path))
	}
	return sources
}

// revisionsOf are those that the Application was compared with last.
func revisionsOf(app *unstructured.Unstructured) []uint32 {
	list, _, _ := unstructured.NestedStringSlice(app.Object, "status", "sync", "revisions")
	if one, ok, _ := unstructured.NestedString(app.Object, "status", "sync", "revision"); ok && one != "" {
		list = append(list, one)
	}
	revisions := make([]uint32, len(list))
	for i, one := range list {
		revisions[i] = hash(one)
	}
	return revisions
}
