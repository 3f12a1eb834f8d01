package kyverno

import (
	"slices"
	"strings"
)

// controllersAnnotation chooses the kinds that rules about Pods are extended to.
const controllersAnnotation = "pod-policies.kyverno.io/autogen-controllers"

const (
	cronJob         = "CronJob"
	generatedPrefix = "autogen-"
)

// controllers are the kinds that hold the template of a Pod.
var controllers = []string{cronJob, "DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"}

// controllersOf returns the kinds that the rules of a policy are extended to. As
// in Kyverno there are none as soon as one rule selects by name, labels or
// annotations, or Pods together with other kinds.
func controllersOf(a at, annotations map[string]string, rules []rule) []string {
	about := false
	for _, r := range rules {
		for _, f := range slices.Concat(r.match.any, r.match.all, r.exclude.any, r.exclude.all) {
			if len(f.names) > 0 || f.labels != nil || f.annotations != nil || (len(f.kinds) > 1 && slices.ContainsFunc(f.kinds, kind.isPod)) {
				return nil
			}
			about = about || slices.ContainsFunc(f.kinds, func(k kind) bool { return k.written == "Pod" || slices.Contains(controllers, k.written) })
		}
	}
	if !about {
		return nil
	}
	chosen, ok := annotations[controllersAnnotation]
	if !ok {
		return controllers
	}
	var kinds []string
	for _, name := range strings.Split(chosen, ",") {
		switch {
		case slices.Contains(controllers, name):
			kinds = append(kinds, name)
		case name != "none" && name != "":
			a.in("metadata", nil).in("annotations", nil).in(controllersAnnotation, nil).
				refuse("use none, or some of "+strings.Join(controllers, ",")+" without spaces", "%q is not a kind that holds Pods", name)
		}
	}
	return kinds
}

func (k kind) isPod() bool { return k.kind == "Pod" }

// extended returns the rules that judge the templates of Pods as a rule judges
// Pods: read is given the rule's fields in the form for a kind of template.
func (r rule) extended(fields map[string]any, kinds []string, read func(map[string]any) rule) []rule {
	matched, excluded := r.match.kinds(), r.exclude.kinds()
	if strings.HasPrefix(r.name, generatedPrefix) || !slices.ContainsFunc(matched, kind.isPod) ||
		(len(excluded) > 0 && !slices.ContainsFunc(excluded, kind.isPod)) {
		return nil
	}
	var rules []rule
	direct := slices.DeleteFunc(slices.Clone(kinds), func(name string) bool { return name == cronJob })
	if len(direct) > 0 {
		inner := read(shifted(fields, "template", "spec.template."))
		inner.match, inner.exclude = r.match.about(direct, false), r.exclude.about(direct, false)
		rules = append(rules, inner)
	}
	if slices.Contains(kinds, cronJob) {
		inner := read(shifted(shifted(fields, "template", ""), "jobTemplate", "spec.jobTemplate.spec.template."))
		inner.match, inner.exclude = r.match.about([]string{cronJob}, true), r.exclude.about([]string{cronJob}, true)
		rules = append(rules, inner)
	}
	return rules
}

func (f filters) kinds() []kind {
	var kinds []kind
	for _, one := range slices.Concat(f.any, f.all) {
		kinds = append(kinds, one.kinds...)
	}
	return kinds
}

// about returns the filters with other kinds in place of Pod, or of all kinds.
func (f filters) about(names []string, all bool) filters {
	kinds := make([]kind, len(names))
	for i, name := range names {
		kinds[i] = kind{written: name, group: "*", version: "*", kind: name}
	}
	with := func(list []filter) []filter {
		list = slices.Clone(list)
		for i := range list {
			if all || slices.ContainsFunc(list[i].kinds, kind.isPod) {
				list[i].kinds = kinds
			}
		}
		return list
	}
	return filters{any: with(f.any), all: with(f.all)}
}

// shifted copies the fields of a rule: patterns are put below spec.KEY, and
// expressions ask about PREFIX in place of the Pod.
func shifted(fields map[string]any, key, prefix string) map[string]any {
	copied := respelled(fields, prefix).(map[string]any)
	validate, _ := copied["validate"].(map[string]any)
	below := func(pattern any) any { return map[string]any{"spec": map[string]any{key: pattern}} }
	if pattern, ok := validate["pattern"]; ok && pattern != nil {
		validate["pattern"] = below(pattern)
	}
	if patterns, ok := validate["anyPattern"].([]any); ok {
		for i := range patterns {
			patterns[i] = below(patterns[i])
		}
	}
	return copied
}

// respelled copies a value with other paths in its texts. Like Kyverno it does
// so wherever they stand.
func respelled(v any, prefix string) any {
	switch v := v.(type) {
	case string:
		if prefix == "" {
			return v
		}
		for _, root := range []string{"request.object.", "request.oldObject."} {
			v = strings.ReplaceAll(v, root+"spec", root+prefix+"spec")
			v = strings.ReplaceAll(v, root+"metadata", root+prefix+"metadata")
		}
		return v
	case map[string]any:
		fields := make(map[string]any, len(v))
		for name, field := range v {
			fields[name] = respelled(field, prefix)
		}
		return fields
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = respelled(item, prefix)
		}
		return list
	default:
		return v
	}
}
