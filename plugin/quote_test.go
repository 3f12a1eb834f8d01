package plugin

import (
	"encoding/json"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// An overlay changes what a base says. The base's line must not be shown as if it
// said what was judged.
func TestALineMustSayWhatIsRendered(t *testing.T) {
	fields := map[string]any{"kind": "Pod", "metadata": map[string]any{"name": "web", "annotations": map[string]any{"a.b/c": "d"}},
		"spec": map[string]any{"on": true, "count": json.Number("3"), "containers": []any{map[string]any{"image": "web:2"}}}}
	objects := rendered{{Fields: map[string]any{"kind": "Pod"}}, object.Object{Fields: fields, File: "a.yaml", Line: 4}}
	for _, test := range []struct {
		field, line string
		want        bool
	}{
		{"spec.containers[0].image", "image: web:1", false},
		{"spec.containers[0].image", "image: 'web:2'", true},
		{"spec.containers[1].image", "image: web:1", true},
		{"spec.containers", "containers:", true},
		{"spec.count", "count: 2", false},
		{"spec.on", "on: true", true},
		{"metadata.annotations[a.b/c]", "a.b/c: x", false},
		{"metadata.annotations[a.b/c]", "a.b/c: d", true},
		{"spec..[", "x", true},
	} {
		one := fault.New(fault.Policy, "wrong").In("a.yaml", 4).At("Pod web", test.field)
		if got := objects.holds(one, test.line); got != test.want {
			t.Errorf("%s in %q: %t, want %t", test.field, test.line, got, test.want)
		}
	}
	if !objects.holds(fault.New(fault.Policy, "wrong").In("b.yaml", 4).At("Pod web", "spec.count"), "x") {
		t.Error("a fault about another object has no line")
	}
}
