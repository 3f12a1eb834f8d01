package image

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// Field is where objects of another kind name an image outside of any container.
type Field struct {
	group, kind string
	steps       []step
	text        string
}

// step is one part of a path: a key, a key whose value is a list of which every
// item counts, or any key.
type step struct {
	key  string
	each bool
}

// maxSteps bounds a path.
const maxSteps = 20

// NewField reads a path such as spec.image or spec.tasks[*].image; * as a key
// stands for every key. An empty group is the core group.
func NewField(group, kind, path string) (Field, *fault.Error) {
	f := Field{group: group, kind: kind, text: path}
	for part := range strings.SplitSeq(path, ".") {
		key, each := strings.CutSuffix(part, "[*]")
		if key == "" || strings.ContainsAny(key, "[]") {
			return f, fault.New(fault.Config, "%q is not a path", fault.Clean(path, 200)).WithFix("write it as spec.image, or as spec.tasks[*].image for lists")
		}
		f.steps = append(f.steps, step{key, each})
	}
	if kind == "" || len(f.steps) > maxSteps {
		return f, fault.New(fault.Config, "the path %q needs a kind and at most %d parts", fault.Clean(path, 200), maxSteps)
	}
	return f, nil
}

// String is the field as plugin.yaml has it.
func (f Field) String() string { return f.group + "/" + f.kind + " " + f.text }

func (f Field) visit(o object.Object, visit visitor) {
	if o.Kind() == f.kind && o.Group() == f.group {
		follow(o.Fields, "", f.steps, visit)
	}
}

func follow(value any, at string, steps []step, visit visitor) {
	fields, ok := value.(map[string]any)
	if !ok {
		return
	}
	keys := []string{steps[0].key}
	if steps[0].key == "*" {
		keys = slices.Sorted(maps.Keys(fields))
	}
	for _, key := range keys {
		within := join(at, key)
		if !steps[0].each {
			reach(fields[key], within, steps[1:], func(text string) { fields[key] = text }, visit)
			continue
		}
		items, _ := fields[key].([]any)
		for i := range items {
			reach(items[i], fmt.Sprintf("%s[%d]", within, i), steps[1:], func(text string) { items[i] = text }, visit)
		}
	}
}

// reach goes on below a value, or visits it where the path ends.
func reach(value any, at string, steps []step, replace func(string), visit visitor) {
	if len(steps) > 0 {
		follow(value, at, steps, visit)
	} else if text, ok := value.(string); ok {
		visit(at, text, replace)
	}
}
