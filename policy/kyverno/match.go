package kyverno

import (
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/shape"
)

// filters select objects: one of any, or all of all.
type filters struct {
	any, all []filter
}

// filter selects objects by every condition that it has.
type filter struct {
	kinds             []kind
	names, namespaces []string
	annotations       map[string]string
	labels            *selector
	namespaceLabels   *selector
	operations        []string
}

// kind is a pattern for the kind of an object.
type kind struct {
	written                           string
	group, version, kind, subresource string
}

// selector is a selector of labels, whose names and values may hold wildcards.
type selector struct {
	wild map[string]string
	rest labels.Selector
}

// subject is an object as filters see it.
type subject struct {
	object.Object
	namespace string
	// namespaces are the labels of those namespaces that are known.
	namespaces map[string]labels.Set
}

func newSubject(o object.Object, destination string, namespaces map[string]labels.Set) subject {
	namespace, _ := shape.Scope(o, destination)
	return subject{Object: o, namespace: namespace, namespaces: namespaces}
}

// matches reports whether the object is selected. Where nobody knows, the answer
// is unknown.
func (f filters) matches(s subject, unknown bool) bool {
	of := func(f filter) bool { return f.matches(s, unknown) }
	if len(f.any) > 0 {
		return slices.ContainsFunc(f.any, of)
	}
	return len(f.all) > 0 && !slices.ContainsFunc(f.all, func(f filter) bool { return !of(f) })
}

func (f filter) matches(s subject, unknown bool) bool {
	return (len(f.operations) == 0 || slices.Contains(f.operations, "CREATE")) &&
		(len(f.kinds) == 0 || slices.ContainsFunc(f.kinds, func(k kind) bool { return k.matches(s.Object) })) &&
		(len(f.names) == 0 || oneFits(f.names, s.generated())) &&
		(len(f.namespaces) == 0 || oneFits(f.namespaces, s.place())) &&
		f.matchesAnnotations(s.Annotations()) &&
		(f.labels == nil || f.labels.matches(s.Labels())) &&
		f.matchesNamespace(s, unknown)
}

func oneFits(patterns []string, text string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return fit(pattern, text) })
}

// generated returns the object's name, or the beginning of one that the cluster
// makes.
func (s subject) generated() string {
	if name := s.Name(); name != "" {
		return name
	}
	metadata, _ := s.Fields["metadata"].(map[string]any)
	name, _ := metadata["generateName"].(string)
	return name
}

// place returns the namespace that the object is in, and for a Namespace itself.
func (s subject) place() string {
	if s.Kind() == "Namespace" {
		return s.Name()
	}
	return s.namespace
}

func (f filter) matchesAnnotations(annotations map[string]string) bool {
	for name, value := range f.annotations {
		if !hasFitting(annotations, name, value) {
			return false
		}
	}
	return true
}

func hasFitting(texts map[string]string, name, value string) bool {
	for key, text := range texts {
		if fit(name, key) && fit(value, text) {
			return true
		}
	}
	return false
}

func (f filter) matchesNamespace(s subject, unknown bool) bool {
	switch {
	case f.namespaceLabels == nil:
		return true
	case s.Kind() == "Namespace":
		return false
	}
	of, known := s.namespaces[s.namespace]
	if !known && s.namespace != "" {
		return unknown
	}
	return f.namespaceLabels.matches(of)
}

func (k kind) matches(o object.Object) bool {
	_, version, found := strings.Cut(o.APIVersion(), "/")
	if !found {
		version = o.APIVersion()
	}
	return fit(k.group, o.Group()) && fit(k.version, version) && fit(k.kind, o.Kind()) && fit(k.subresource, "")
}

func (s selector) matches(of map[string]string) bool {
	for name, value := range s.wild {
		if !hasFitting(of, name, value) {
			return false
		}
	}
	return s.rest.Matches(labels.Set(of))
}

var versionName = regexp.MustCompile(`^(v[0-9]+((alpha|beta)[0-9]+)?|\*)$`)

// parseKind reads Kind, version/Kind and group/version/Kind, with a subresource
// behind a dot or a slash.
func parseKind(written string) (kind, bool) {
	k := kind{written: written, group: "*", version: "*"}
	parts := strings.Split(written, "/")
	last := len(parts) - 1
	if name, sub, found := strings.Cut(parts[last], "."); found {
		parts = append(parts[:last], name, sub)
	}
	switch {
	case len(parts) == 1:
		k.kind = parts[0]
	case len(parts) == 2 && written == "*/*":
		k.kind, k.subresource = "*", "*"
	case len(parts) == 2 && versionName.MatchString(parts[0]) && !(parts[0] == "*" && strings.ToLower(parts[1]) == parts[1]):
		k.version, k.kind = parts[0], parts[1]
	case len(parts) == 2:
		k.kind, k.subresource = parts[0], parts[1]
	case len(parts) == 3 && versionName.MatchString(parts[0]):
		k.version, k.kind, k.subresource = parts[0], parts[1], parts[2]
	case len(parts) == 3:
		k.group, k.version, k.kind = parts[0], parts[1], parts[2]
	case len(parts) == 4:
		k.group, k.version, k.kind, k.subresource = parts[0], parts[1], parts[2], parts[3]
	default:
		return k, false
	}
	return k, k.kind != ""
}

// users are the conditions on who asks.
var users = map[string]string{
	"subjects": noUsers, "roles": noUsers, "clusterRoles": noUsers, "userInfo": noUsers,
}

const noUsers = "remove it, or leave the rule to the cluster: nobody is known who would create the objects"

// readFilters reads match or exclude, also in the older form without any and all.
func readFilters(a at) filters {
	fields := a.fields([]string{"any", "all", "resources"}, users)
	var f filters
	for _, item := range fields["any"].list() {
		f.any = append(f.any, readFilter(item))
	}
	for _, item := range fields["all"].list() {
		f.all = append(f.all, readFilter(item))
	}
	if resources, ok := fields["resources"]; ok {
		f.all = append(f.all, readResources(resources))
	}
	forms := 0
	for _, name := range []string{"any", "all", "resources"} {
		if _, ok := fields[name]; ok {
			forms++
		}
	}
	if forms > 1 {
		a.refuse("write several rules", "any, all and resources stand side by side, of which one would count")
	}
	return f
}

func readFilter(a at) filter {
	resources, ok := a.fields([]string{"resources"}, users)["resources"]
	if !ok {
		a.refuse("name kinds under resources", "selects nothing")
		return filter{}
	}
	return readResources(resources)
}

func readResources(a at) filter {
	fields := a.fields([]string{"kinds", "name", "names", "namespaces", "annotations", "selector", "namespaceSelector", "operations"}, nil)
	var f filter
	if len(fields) == 0 {
		a.refuse("name kinds", "selects nothing")
	}
	for _, item := range fields["kinds"].list() {
		k, ok := parseKind(item.text())
		if !ok {
			item.refuse("write Kind, version/Kind or group/version/Kind", "%q is not a kind", fault.Clean(k.written, 60))
		}
		f.kinds = append(f.kinds, k)
	}
	f.names, f.namespaces = fields["names"].texts(), fields["namespaces"].texts()
	if name, ok := fields["name"]; ok {
		f.names = append(f.names, name.text())
	}
	if _, both := fields["names"]; both && fields["name"].reader != nil {
		fields["name"].refuse("write it among names", "name and names stand side by side")
	}
	if annotations, ok := fields["annotations"]; ok {
		f.annotations = annotations.textMap()
	}
	f.labels, f.namespaceLabels = readSelector(fields["selector"]), readSelector(fields["namespaceSelector"])
	f.operations = fields["operations"].texts()
	for i, operation := range f.operations {
		if !slices.Contains([]string{"CREATE", "UPDATE", "DELETE", "CONNECT"}, operation) {
			fields["operations"].in(i, nil).refuse("use CREATE, UPDATE, DELETE or CONNECT", "%q is not an operation", fault.Clean(operation, 40))
		}
	}
	return f
}

func readSelector(a at) *selector {
	if a.value == nil {
		return nil
	}
	var spec metav1.LabelSelector
	mapping, ok := a.value.(map[string]any)
	if !ok {
		a.refuse("", "is not a mapping")
		return nil
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(mapping, &spec, true); err != nil {
		a.refuse("", "%s", fault.Clean(err.Error(), 200))
		return nil
	}
	s := selector{wild: map[string]string{}}
	for name, value := range spec.MatchLabels {
		if own(name).wild() || own(value).wild() {
			s.wild[name] = value
			delete(spec.MatchLabels, name)
		}
	}
	rest, err := metav1.LabelSelectorAsSelector(&spec)
	if err != nil {
		a.refuse("", "%s", fault.Clean(err.Error(), 200))
		return nil
	}
	s.rest = rest
	return &s
}
