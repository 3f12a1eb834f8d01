package secrets

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
)

// collect finds every reference of every object.
func (p *plan) collect() {
	for index, o := range p.request.Objects {
		annotations, err := reference.ParseAnnotations(o.Annotations())
		if err != nil {
			p.located(err, o, "")
			continue
		}
		if annotations.RemoveMissing && o.Kind() != "Secret" && o.Kind() != "ConfigMap" {
			p.fail(o.Fault(fault.RefSyntax, "metadata.annotations[avp.kubernetes.io/remove-missing]", "only a Secret or a ConfigMap can leave out missing keys").
				WithFix("remove the annotation"))
			continue
		}
		walker := &walker{plan: p, index: index, object: o, annotations: annotations}
		if isSecret(o) {
			walker.secret()
		} else {
			walker.variables = variablesOf(o)
			walker.walk(o.Fields, "", nil)
		}
	}
	if most := limit(p.stage.Limits.References, defaultReferences); len(p.ordered) > most {
		p.fail(fault.New(fault.Limit, "there are %d references, the limit is %d", len(p.ordered), most).
			WithFix("split the application"))
	}
}

func isSecret(o object.Object) bool { return o.Kind() == "Secret" && o.APIVersion() == "v1" }

// walker goes through one object.
type walker struct {
	plan        *plan
	index       int
	object      object.Object
	annotations reference.Annotations
	variables   map[string]lift
}

// find looks for references in a text and registers them.
func (w *walker) find(text, field string) reference.Template {
	template, lookalikes, err := reference.Find(text, w.annotations)
	if err != nil {
		w.plan.located(err, w.object, field)
	}
	for _, name := range lookalikes {
		w.plan.warnings = append(w.plan.warnings, w.object.Fault(fault.RefSyntax, field,
			"%q has letters of another alphabet and stays a text", fault.Clean(name, 40)))
	}
	for _, ref := range template.References() {
		s := &site{ref: ref, object: w.object, field: field}
		s.optional = w.annotations.RemoveMissing && ref.Dialect == reference.Generic
		w.plan.sites[ref] = s
		w.plan.ordered = append(w.plan.ordered, s)
	}
	return template
}

// walk looks at every text outside of a Secret's data. Keys cannot be replaced.
func (w *walker) walk(node any, field string, path []any) {
	switch node := node.(type) {
	case string:
		w.text(node, field, path)
	case map[string]any:
		for _, key := range sortedKeys(node) {
			below := join(field, key)
			if template, _, err := reference.Find(key, w.annotations); template != nil || err != nil {
				w.plan.fail(w.object.Fault(fault.RefPosition, below, "a reference cannot be a key").WithFix("write the key out"))
				continue
			}
			w.walk(node[key], below, append(slices.Clip(path), key))
		}
	case []any:
		for i, item := range node {
			w.walk(item, fmt.Sprintf("%s[%d]", field, i), append(slices.Clip(path), i))
		}
	}
}

func (w *walker) text(text, field string, path []any) {
	template := w.find(text, field)
	if template == nil {
		return
	}
	inline := &inlinePlan{index: w.index, field: field, path: path, template: template}
	if variable, ok := w.variables[field]; ok && template.Whole() != nil && !template.Whole().Imports() {
		inline.variable = &variable
	}
	w.plan.inlines = append(w.plan.inlines, inline)
}

// secret cuts a Secret into entries and looks at its other fields as at any
// object's.
func (w *walker) secret() {
	planned := &secretPlan{index: w.index, Secret: inject.Secret{Object: w.object, APIVersions: w.plan.request.APIVersions}}
	before, hasReferences := len(w.plan.faults), false
	for _, field := range []string{"data", "stringData"} {
		switch content := w.object.Fields[field].(type) {
		case string:
			if template := w.find(content, field); template != nil {
				hasReferences = true
				w.imports(planned, template, field)
			}
		case map[string]any:
			for _, key := range sortedKeys(content) {
				entry, ok := w.entry(field, key, content[key])
				if !ok {
					continue
				}
				hasReferences = hasReferences || entry.template.References() != nil
				planned.replace(entry)
			}
		}
	}
	// A malformed reference is meant as one: the Secret is not a plain one.
	hasReferences = hasReferences || len(w.plan.faults) > before
	rest := make(map[string]any, len(w.object.Fields))
	for field, content := range w.object.Fields {
		if field != "data" && field != "stringData" {
			rest[field] = content
		}
	}
	w.walk(rest, "", nil)
	if hasReferences {
		w.plan.secrets = append(w.plan.secrets, planned)
	} else if len(planned.entries) > 0 {
		w.plan.plainSecret(planned)
	}
}

// imports takes a data or stringData field that is one reference to a path.
func (w *walker) imports(planned *secretPlan, template reference.Template, field string) {
	ref := template.Whole()
	if ref == nil || ref.Key != "" {
		w.plan.fail(w.object.Fault(fault.RefPosition, field, "%s takes a map of keys, or one reference to a whole path", field).
			WithFix("write <vault:MOUNT/PATH> or <aws-sm:NAME> without a key"))
		return
	}
	planned.imports = append(planned.imports, w.plan.sites[ref])
}

// entry reads one key of data or stringData.
func (w *walker) entry(field, key string, content any) (entryPlan, bool) {
	at := join(field, key)
	text, isText := content.(string)
	if content != nil && !isText {
		w.plan.fail(w.object.Fault(fault.ObjectShape, at, "the value is not a text").WithFix("put it in quotes"))
		return entryPlan{}, false
	}
	entry := entryPlan{key: key, field: at, inData: field == "data", literal: []byte(text)}
	if entry.inData {
		decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		if err == nil {
			entry.literal, text = decoded, string(decoded)
		}
		if utf8.ValidString(text) {
			entry.template = w.find(text, at)
		}
		switch {
		case err == nil:
		case entry.template != nil:
			entry.decode = w.decodes(&entry)
		default:
			w.plan.fail(w.object.Fault(fault.ObjectShape, at, "the value is not base64, as data needs").WithFix("write it under stringData"))
			return entryPlan{}, false
		}
	} else {
		entry.template = w.find(text, at)
	}
	for _, ref := range entry.template.References() {
		if ref.Imports() {
			w.plan.fail(w.object.Fault(fault.RefPosition, at, "a reference to a whole path cannot be one key").WithFix("name a key: <vault:%s#KEY>", ref.Path))
			return entryPlan{}, false
		}
	}
	if err := inject.CheckKey(key); err != nil {
		w.plan.located(err, w.object, at)
		return entryPlan{}, false
	}
	return entry, true
}

// decodes tells how references that stand under data without base64 are meant.
// With argocd-vault-plugin the result is what data holds, so it is base64. A
// native one stands for the value itself; | base64encode at its end, which says
// the same in Kubernetes' words, changes nothing.
func (w *walker) decodes(entry *entryPlan) bool {
	for _, ref := range entry.template.References() {
		if ref.InAPIForm() {
			return true
		}
	}
	whole := entry.template.Whole()
	return whole != nil && len(whole.Modifiers) > 0 && whole.Modifiers[len(whole.Modifiers)-1].Name == "base64encode"
}

// replace adds an entry; stringData comes after data and wins, as in the API.
func (s *secretPlan) replace(entry entryPlan) {
	s.entries = slices.DeleteFunc(s.entries, func(e entryPlan) bool { return e.key == entry.key })
	s.entries = append(s.entries, entry)
}

// plainSecret decides on a Secret whose data stands in the repository.
func (p *plan) plainSecret(planned *secretPlan) {
	switch p.environment.PlainSecrets {
	case PlainPass:
	case PlainSeal:
		p.secrets = append(p.secrets, planned)
	default:
		p.fail(planned.Object.Fault(fault.PlainSecret, "", "the Secret has data and no references").
			WithFix("put the data in Vault and refer to it with <vault:MOUNT/PATH#KEY>"))
	}
}

func join(field, key string) string {
	if strings.ContainsAny(key, "./[]") {
		return field + "[" + key + "]"
	}
	return strings.TrimPrefix(field+"."+key, ".")
}

func sortedKeys(fields map[string]any) []string {
	keys := make([]string, 0, len(fields))
	for key := range fields {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
