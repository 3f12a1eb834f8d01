// Package same tells whether objects with argocd-vault-plugin's placeholders and
// objects with native references come to the same values, without asking Vault
// for one. Each text is brought into a form in which only the meaning counts:
// which key of which path and version goes where, through which modifiers.
package same

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
)

// Reader reads placeholders as argocd-vault-plugin was set up.
type Reader struct {
	Mounts avp.Mounts
	// KV is the engine's version for objects that do not say one.
	KV string
}

// Difference is a text that means something else than before.
type Difference struct {
	Object, Field string
	// Text is what stands there now; empty where the field is gone.
	Text string
}

// Annotations are an object's, as far as they matter for placeholders.
type Annotations struct {
	reference.Annotations
	KV string
}

// Annotations reads those of an object. What cannot be read counts as none.
func (r Reader) Annotations(annotations map[string]string) (Annotations, error) {
	parsed, err := reference.ParseAnnotations(annotations)
	return Annotations{parsed, cmp.Or(annotations["avp.kubernetes.io/kv-version"], r.KV, avp.KV2)}, err
}

// Compare returns where objects differ in meaning. Objects are paired by group,
// kind, namespace and name; those that kustomize named after their content are
// paired by the rest of their name.
func (r Reader) Compare(before, after []object.Object) []Difference {
	var differences []Difference
	pairs, renamed, lonely := pair(before, after)
	for _, o := range lonely {
		differences = append(differences, Difference{Object: o.String()})
	}
	for _, p := range pairs {
		old, now := r.leaves(p[0]), r.leaves(p[1])
		for field, leaf := range old {
			for from, to := range renamed {
				leaf.meaning = strings.ReplaceAll(leaf.meaning, from, to)
			}
			if found, ok := now[field]; !ok || found.meaning != leaf.meaning {
				differences = append(differences, Difference{p[1].String(), field, found.text})
			}
		}
		for field, leaf := range now {
			if _, ok := old[field]; !ok {
				differences = append(differences, Difference{p[1].String(), field, leaf.text})
			}
		}
	}
	slices.SortFunc(differences, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Object, b.Object), cmp.Compare(a.Field, b.Field))
	})
	return differences
}

func pair(before, after []object.Object) (pairs [][2]object.Object, renamed map[string]string, lonely []object.Object) {
	identity := func(o object.Object) string {
		return strings.Join([]string{o.Group(), o.Kind(), o.Namespace(), o.Name()}, "\x00")
	}
	rest := slices.Clone(after)
	renamed = map[string]string{}
	match := func(old object.Object, key func(object.Object) string) bool {
		at := slices.IndexFunc(rest, func(o object.Object) bool { return key(o) == key(old) })
		if at < 0 {
			return false
		}
		if rest[at].Name() != old.Name() {
			renamed[old.Name()] = rest[at].Name()
		}
		pairs = append(pairs, [2]object.Object{old, rest[at]})
		rest = slices.Delete(rest, at, at+1)
		return true
	}
	var unmatched []object.Object
	for _, old := range before {
		if !match(old, identity) {
			unmatched = append(unmatched, old)
		}
	}
	for _, old := range unmatched {
		if !match(old, func(o object.Object) string { return object.WithoutHash(identity(o)) }) {
			lonely = append(lonely, old)
		}
	}
	return pairs, renamed, append(lonely, rest...)
}

// leaf is one text of an object.
type leaf struct{ text, meaning string }

// leaves returns an object's texts by their field. The annotations that speak to
// argocd-vault-plugin alone are left out.
func (r Reader) leaves(o object.Object) map[string]leaf {
	found := map[string]leaf{}
	annotations, err := r.Annotations(o.Annotations())
	if err != nil {
		annotations = Annotations{KV: annotations.KV}
	}
	var walk func(node any, field string)
	walk = func(node any, field string) {
		switch node := node.(type) {
		case map[string]any:
			if len(node) == 0 && field != "metadata.annotations" {
				found[field] = leaf{meaning: "{}"}
			}
			for key, child := range node {
				if field == "metadata.annotations" && strings.HasPrefix(key, "avp.kubernetes.io/") {
					continue
				}
				walk(child, Join(field, key))
			}
		case []any:
			if len(node) == 0 {
				found[field] = leaf{meaning: "[]"}
			}
			for i, child := range node {
				walk(child, fmt.Sprintf("%s[%d]", field, i))
			}
		case string:
			found[field] = leaf{node, r.meaning(o, annotations, field, node)}
		default:
			encoded, _ := json.Marshal(node) // numbers, true, false and null have always a form
			found[field] = leaf{meaning: string(encoded)}
		}
	}
	walk(o.Fields, "")
	return found
}

// Placeholders returns the placeholders of an object by their field, one for each
// field that has any.
func (r Reader) Placeholders(o object.Object) map[string]string {
	annotations, err := r.Annotations(o.Annotations())
	if err != nil || annotations.Ignore || annotations.RemoveMissing && o.Kind() != "Secret" && o.Kind() != "ConfigMap" {
		return nil
	}
	found := map[string]string{}
	for field, one := range r.leaves(o) {
		texts := []string{one.text}
		if decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(one.text)); err == nil && IsSecret(o) {
			texts = append(texts, string(decoded))
		}
		for _, text := range texts {
			template, _, _ := reference.Find(text, annotations.Annotations)
			for _, ref := range template.References() {
				if ref.InAPIForm() {
					found[field] = ref.Text
				}
			}
		}
	}
	return found
}

// Join names a field below another.
func Join(field, key string) string {
	if strings.ContainsAny(key, "./[]") {
		return field + "[" + key + "]"
	}
	return strings.TrimPrefix(field+"."+key, ".")
}

// IsSecret tells whether an object is a Secret, whose data are special.
func IsSecret(o object.Object) bool { return o.Kind() == "Secret" && o.APIVersion() == "v1" }

func (r Reader) meaning(o object.Object, annotations Annotations, field, text string) string {
	if IsSecret(o) && (strings.HasPrefix(field, "data.") || strings.HasPrefix(field, "data[")) {
		return r.InData(annotations, text)
	}
	return r.Text(annotations, text)
}

// Text returns the meaning of a text that is what it is.
func (r Reader) Text(annotations Annotations, text string) string {
	template, _, err := reference.Find(text, annotations.Annotations)
	if err != nil || template == nil {
		return "text:" + text
	}
	return r.template(annotations, template, false)
}

// InData returns the meaning of a text under data of a Secret.
func (r Reader) InData(annotations Annotations, text string) string {
	if decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text)); err == nil {
		return "base64 of " + r.Text(annotations, string(decoded))
	}
	template, _, err := reference.Find(text, annotations.Annotations)
	if err != nil || template == nil {
		return "raw:" + text
	}
	native := !slices.ContainsFunc(template.References(), func(ref *reference.Reference) bool { return ref.InAPIForm() })
	whole := template.Whole()
	switch {
	case native && whole != nil && avp.EndsEncoded(whole):
		return "base64 of " + r.template(annotations, template, true)
	case native:
		return "base64 of " + r.template(annotations, template, false)
	case whole != nil:
		return "base64 of " + r.template(annotations, template, true)
	default:
		return "put together from base64: " + r.template(annotations, template, false)
	}
}

// template spells a text with references. Decode adds a step that decodes the
// value, which undoes an encoding in front of it.
func (r Reader) template(annotations Annotations, template reference.Template, decode bool) string {
	var b strings.Builder
	for _, part := range template {
		if part.Ref == nil {
			fmt.Fprintf(&b, "%q ", part.Literal)
			continue
		}
		b.WriteString(r.reference(annotations, part.Ref, decode) + " ")
	}
	return b.String()
}

func (r Reader) reference(annotations Annotations, ref *reference.Reference, decode bool) string {
	if ref.Points() {
		return "pointer " + ref.Text
	}
	path, version := ref.Path, ref.Version
	if ref.InAPIForm() {
		logical, obstacle := r.Mounts.Logical(ref.Path, annotations.KV)
		if obstacle != nil {
			return "placeholder " + ref.Text
		}
		path = logical
		if annotations.KV == avp.KV1 {
			version = 0
		}
	}
	var steps []string
	for _, modifier := range ref.Modifiers {
		steps = append(steps, strings.TrimSpace(modifier.Name+" "+modifier.Args))
	}
	if decode {
		steps = append(steps, "base64decode")
	}
	if n := len(steps); n > 1 && steps[n-1] == "base64decode" && steps[n-2] == "base64encode" {
		steps = steps[:n-2]
	}
	optional := ""
	if annotations.RemoveMissing && ref.Dialect == reference.Generic {
		optional = "?"
	}
	return fmt.Sprintf("<%s#%s@%d%s|%s>", path, ref.Key, version, optional, strings.Join(steps, "|"))
}
