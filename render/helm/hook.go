package helm

import (
	"maps"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/release"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// hookKind is what a hook annotation means for rendering.
type hookKind int

const (
	hookNone hookKind = iota
	hookEvent
	hookTest
	// hookDropped is a hook of Helm 2 that Helm 3 leaves out.
	hookDropped
)

// hookEvents are the events of Helm 3, and a name of Helm 2 that it still takes.
var hookEvents = map[string]hookKind{
	string(release.HookPreInstall):   hookEvent,
	string(release.HookPostInstall):  hookEvent,
	string(release.HookPreDelete):    hookEvent,
	string(release.HookPostDelete):   hookEvent,
	string(release.HookPreUpgrade):   hookEvent,
	string(release.HookPostUpgrade):  hookEvent,
	string(release.HookPreRollback):  hookEvent,
	string(release.HookPostRollback): hookEvent,
	string(release.HookTest):         hookTest,
	"test-success":                   hookTest,
}

// retiredEvents are events of Helm 2 that charts for both still name; charts
// have their definitions in crds/ as well.
var retiredEvents = []string{"crd-install", "test-failure"}

// hookOf reads the hook annotation of an object. Helm leaves an object out,
// silently, when it does not know one of the events. Here a retired event
// leaves it out with a warning and any other unknown event is a fault.
func hookOf(o object.Object) (hookKind, *fault.Error) {
	metadata, _ := o.Fields["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	raw, ok := annotations[release.HookAnnotation]
	if !ok {
		return hookNone, nil
	}
	// A value that is no string names no event either.
	value, _ := raw.(string)
	kind := hookEvent
	for event := range strings.SplitSeq(value, ",") {
		event = strings.ToLower(strings.TrimSpace(event))
		known, ok := hookEvents[event]
		field := "metadata.annotations[" + release.HookAnnotation + "]"
		switch {
		case slices.Contains(retiredEvents, event):
			return hookDropped, o.Fault(fault.Hook, field, "Helm 3 has no hook %s and leaves the object out", event)
		case !ok:
			return hookEvent, o.Fault(fault.Hook, field, "Helm knows no hook %q and would leave the object out", fault.Clean(event, 64)).
				Like(event, slices.Sorted(maps.Keys(hookEvents))).
				WithFix("use one of pre-install, post-install, pre-upgrade, post-upgrade, pre-delete, post-delete, pre-rollback, post-rollback, test")
		}
		kind = max(kind, known)
	}
	return kind, nil
}
