package object

import (
	"cmp"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// maxListDepth is how deep lists of lists are flattened.
const maxListDepth = 8

// Flatten replaces every list by its items, recursively. As for Argo CD, which
// would do the same after us and out of sight of the policies, whatever has an
// array "items" is a list, whatever its kind says; an empty or null list
// vanishes.
func Flatten(objects []Object) ([]Object, error) {
	return flatten(nil, objects, 0)
}

func flatten(leaves, objects []Object, depth int) ([]Object, error) {
	for _, o := range objects {
		items, isList := o.Fields["items"].([]any)
		if !isList {
			if !isNullList(o) {
				leaves = append(leaves, o)
			}
			continue
		}
		if depth >= maxListDepth {
			return nil, o.Fault(fault.ObjectShape, "items", "lists are nested more than %d deep", maxListDepth)
		}
		children := make([]Object, 0, len(items))
		for _, item := range items {
			fields, ok := item.(map[string]any)
			if !ok {
				return nil, o.Fault(fault.ObjectShape, "items", "an item is %s, not an object", Describe(item))
			}
			children = append(children, Object{Fields: fields, File: o.File, Line: o.Line})
		}
		var err error
		if leaves, err = flatten(leaves, children, depth+1); err != nil {
			return nil, err
		}
	}
	return leaves, nil
}

func isNullList(o Object) bool {
	_, hasSpec := o.Fields["spec"]
	_, hasStatus := o.Fields["status"]
	items, hasItems := o.Fields["items"]
	return hasItems && items == nil && !hasSpec && !hasStatus
}

// Check finds objects that Kubernetes could not take: without apiVersion, kind
// or a usable name. All of them are reported at once.
func Check(objects []Object) error {
	var faults fault.List
	for _, o := range objects {
		if problem := shapeProblem(o); problem != nil {
			faults = append(faults, problem)
		}
	}
	return faults.OrNil()
}

func shapeProblem(o Object) *fault.Error {
	for _, field := range []string{"apiVersion", "kind"} {
		if value, ok := o.Fields[field].(string); !ok || value == "" || !printable(value) {
			return o.Fault(fault.ObjectShape, field, "%s must be a string, it is %s", field, describeField(o.Fields, field)).
				WithFix("every document needs apiVersion, kind and metadata.name; exclude the file if it is not a manifest")
		}
	}
	metadata, ok := o.Fields["metadata"].(map[string]any)
	if !ok {
		return o.Fault(fault.ObjectShape, "metadata", "metadata must be a mapping, it is %s", describeField(o.Fields, "metadata"))
	}
	if _, generated := metadata["generateName"].(string); generated && metadata["name"] == nil {
		return nil
	}
	name, ok := metadata["name"].(string)
	if !ok {
		return o.Fault(fault.ObjectShape, "metadata.name", "metadata.name must be a string, it is %s", describeField(metadata, "name"))
	}
	if !validName(name) {
		return o.Fault(fault.ObjectShape, "metadata.name", "metadata.name is not a name that Kubernetes takes")
	}
	if namespace, set := metadata["namespace"]; set && namespace != nil {
		if value, ok := namespace.(string); !ok || value != "" && !validName(value) {
			return o.Fault(fault.ObjectShape, "metadata.namespace", "metadata.namespace is not a name that Kubernetes takes")
		}
	}
	return nil
}

func describeField(fields map[string]any, key string) string {
	if value, set := fields[key]; !set {
		return "missing"
	} else if value == "" {
		return "empty"
	} else {
		return Describe(value)
	}
}

// maxNameBytes is the longest name that Kubernetes takes for any kind.
const maxNameBytes = 253

// validName is Kubernetes' rule for a name as a segment of a URL, the widest
// that any kind allows: RBAC names hold colons.
func validName(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > maxNameBytes {
		return false
	}
	return printable(name) && !strings.ContainsAny(name, "/%")
}

// printable tells whether text is made of visible ASCII characters.
func printable(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] >= 0x7f {
			return false
		}
	}
	return true
}

// Sort puts objects in the order in which they are emitted: namespaces and
// custom resource definitions first, since others need them, then by group,
// kind, namespace and name. Objects that are equal in all of these keep their
// order.
func Sort(objects []Object) {
	slices.SortStableFunc(objects, func(a, b Object) int {
		return cmp.Or(
			cmp.Compare(rank(a), rank(b)),
			cmp.Compare(a.Group(), b.Group()), cmp.Compare(a.Kind(), b.Kind()),
			cmp.Compare(a.Namespace(), b.Namespace()), cmp.Compare(a.Name(), b.Name()),
			cmp.Compare(a.APIVersion(), b.APIVersion()))
	})
}

func rank(o Object) int {
	switch o.Kind() {
	case "Namespace":
		return 0
	case "CustomResourceDefinition":
		return 1
	default:
		return 2
	}
}

// Duplicates warns of objects that stand more than once. Argo CD applies the
// last one and warns as well.
func Duplicates(objects []Object) []*fault.Error {
	type identity struct{ group, kind, namespace, name string }
	seen := make(map[identity]Object, len(objects))
	var warnings []*fault.Error
	for _, o := range objects {
		if o.Name() == "" {
			continue
		}
		id := identity{o.Group(), o.Kind(), o.Namespace(), o.Name()}
		if first, twice := seen[id]; twice {
			warnings = append(warnings, o.Fault(fault.ObjectDup, "", "the object stands twice, first in %s", first.File))
			continue
		}
		seen[id] = o
	}
	return warnings
}
