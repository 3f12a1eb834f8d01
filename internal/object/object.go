// Package object is the one form in which a rendered Kubernetes object passes
// from stage to stage: a JSON tree, decoded once. The tree that policies judge
// is the tree that is emitted.
package object

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Object is one Kubernetes object. Fields holds only map[string]any, []any,
// string, bool, json.Number and nil. A stage that changes an object changes a
// copy made with [Object.Clone] unless it owns the object.
type Object struct {
	Fields map[string]any
	// File is the path in the source that the object came from, and Line the
	// line it starts at; empty and 0 where an engine cannot tell.
	File string
	Line int
}

// APIVersion returns the object's apiVersion.
func (o Object) APIVersion() string { return text(o.Fields["apiVersion"]) }

// Kind returns the object's kind.
func (o Object) Kind() string { return text(o.Fields["kind"]) }

// Group returns the API group, empty for the core group.
func (o Object) Group() string {
	group, _, found := strings.Cut(o.APIVersion(), "/")
	if !found {
		return ""
	}
	return group
}

// Name returns metadata.name.
func (o Object) Name() string { return text(o.metadata()["name"]) }

// Namespace returns metadata.namespace.
func (o Object) Namespace() string { return text(o.metadata()["namespace"]) }

// Annotations returns metadata.annotations whose values are strings; nil where
// there are none. Changing the result does not change the object.
func (o Object) Annotations() map[string]string { return stringMap(o.metadata()["annotations"]) }

// Labels returns metadata.labels, as [Object.Annotations] does.
func (o Object) Labels() map[string]string { return stringMap(o.metadata()["labels"]) }

// String names the object for people: "Deployment prod/web", "ClusterRole admin".
func (o Object) String() string {
	name := o.Name()
	if name == "" {
		name = text(o.metadata()["generateName"])
	}
	if namespace := o.Namespace(); namespace != "" {
		name = namespace + "/" + name
	}
	return strings.TrimSpace(o.Kind() + " " + name)
}

// Fault returns a fault located at the object and a field of it.
func (o Object) Fault(code fault.Code, field, format string, args ...any) *fault.Error {
	return fault.New(code, format, args...).In(o.File, o.Line).At(o.String(), field)
}

// Clone returns a deep copy.
func (o Object) Clone() Object {
	copied := o
	copied.Fields = cloneValue(o.Fields).(map[string]any)
	return copied
}

// AppendJSON appends the object to buf as one line of compact JSON with sorted
// keys and without HTML escapes: the form in which it is emitted. Argo CD
// splits what a plugin returns at document separators, and a line of JSON has
// none, whatever its strings hold.
func (o Object) AppendJSON(buf []byte) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(o.Fields); err != nil {
		return nil, o.Fault(fault.Internal, "", "the object cannot be encoded")
	}
	return append(buf, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...), nil
}

func (o Object) metadata() map[string]any {
	metadata, _ := o.Fields["metadata"].(map[string]any)
	return metadata
}

func text(value any) string {
	s, _ := value.(string)
	return s
}

func stringMap(value any) map[string]string {
	fields, _ := value.(map[string]any)
	if len(fields) == 0 {
		return nil
	}
	strings := make(map[string]string, len(fields))
	for key, value := range fields {
		if s, ok := value.(string); ok {
			strings[key] = s
		}
	}
	return strings
}

func cloneValue(value any) any {
	switch value := value.(type) {
	case map[string]any:
		copied := make(map[string]any, len(value))
		for key, field := range value {
			copied[key] = cloneValue(field)
		}
		return copied
	case []any:
		copied := make([]any, len(value))
		for i, item := range value {
			copied[i] = cloneValue(item)
		}
		return copied
	default:
		return value
	}
}
