package compare

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
)

// The texts in the place of what is not shown.
const (
	inClear      = "[in clear, not shown]"
	otherInClear = "[in clear, another value, not shown]"
	otherAround  = " [the text around changes, not shown]"
	around       = "***"
	sealed       = "[ciphertext]"
	otherSealed  = "[other ciphertext]"
	notShown     = "[not shown]"
)

// lastApplied is where kubectl keeps a copy of an object, data included.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// sides are the two trees of one object as they may be shown, the lists of the
// second in the order of the first; nil where there is no object. What is hidden
// in them has been compared already: where two hidden texts differ, so do the
// texts in their place.
type sides struct {
	before, after           map[string]any
	wasAnnotated, annotated reference.Annotations
}

// show hides what must not be shown, and puts lists in one order.
func show(p pair) sides {
	var s sides
	var former, later contents
	if p.before != nil {
		s.before, former, s.wasAnnotated = view(p.before)
	}
	if p.after != nil {
		s.after, later, s.annotated = view(p.after)
	}
	put(s.before, former, contents{})
	put(s.after, later, former)
	s.after = ciphertexts(s.after, s.before)
	s.before = ciphertexts(s.before, nil)
	if s.before != nil && s.after != nil {
		s.after, _ = align("", s.before, s.after).(map[string]any)
	}
	return s
}

// content is one key of a Secret. raw never leaves this file.
type content struct{ raw, shown string }

// contents is what a Secret holds: its data by key, and by name the fields at its
// top that no Secret has, such as a misspelt stringData.
type contents struct{ data, others map[string]content }

// known are the fields of a Secret that hold none of its data.
var known = []string{"apiVersion", "kind", "metadata", "type", "immutable"}

// view returns an object's tree without a Secret's data, and that data apart. The
// tree is the object's own but for the top levels of a Secret.
func view(o *object.Object) (map[string]any, contents, reference.Annotations) {
	annotations, err := reference.ParseAnnotations(o.Annotations())
	if err != nil {
		annotations = reference.Annotations{}
	}
	if o.Kind() != "Secret" || o.Group() != "" {
		return o.Fields, contents{}, annotations
	}
	shown, others := map[string]any{}, map[string]content{}
	for field, value := range o.Fields {
		switch {
		case slices.Contains(known, field):
			shown[field] = value
		case field != "data" && field != "stringData":
			others[field] = content{raw: encode(value), shown: inClear}
		}
	}
	if metadata, ok := shown["metadata"].(map[string]any); ok {
		shown["metadata"] = withoutCopy(metadata)
	}
	return shown, contents{dataOf(o, annotations), others}, annotations
}

// withoutCopy hides the copy of the object that kubectl keeps in it.
func withoutCopy(metadata map[string]any) map[string]any {
	annotations, _ := metadata["annotations"].(map[string]any)
	if _, ok := annotations[lastApplied]; !ok {
		return metadata
	}
	clean, shown := maps.Clone(metadata), maps.Clone(annotations)
	shown[lastApplied] = notShown
	clean["annotations"] = shown
	return clean
}

// wholeData is the key of data that is one reference to a whole path.
const wholeData = "*"

// dataOf reads the keys of a Secret as the API does: those of stringData win.
func dataOf(o *object.Object, annotations reference.Annotations) map[string]content {
	found := map[string]content{}
	for _, field := range []string{"data", "stringData"} {
		switch data := o.Fields[field].(type) {
		case string:
			found[wholeData] = hide(data, annotations)
		case map[string]any:
			for key, value := range data {
				text, ok := value.(string)
				if !ok {
					found[key] = content{raw: encode(value), shown: inClear}
					continue
				}
				if field == "data" {
					text = decoded(text)
				}
				found[key] = hide(text, annotations)
			}
		}
	}
	return found
}

// decoded is the text that base64 stands for, and the text itself where it is
// none: a reference may stand under data as it is.
func decoded(text string) string {
	plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return text
	}
	return string(plain)
}

// hide keeps the references of a text and hides the rest.
func hide(text string, annotations reference.Annotations) content {
	hidden := content{raw: text, shown: inClear}
	if !utf8.ValidString(text) {
		return hidden
	}
	template, _, err := reference.Find(text, annotations)
	if err != nil || template == nil {
		return hidden
	}
	var b strings.Builder
	for _, part := range template {
		if part.Ref != nil {
			b.WriteString(part.Ref.Text)
		} else if part.Literal != "" {
			b.WriteString(around)
		}
	}
	hidden.shown = b.String()
	return hidden
}

// put adds what a Secret holds to its tree, as it may be shown.
func put(tree map[string]any, held, former contents) {
	if tree == nil {
		return
	}
	maps.Copy(tree, texts(held.others, former.others))
	if len(held.data) == 0 {
		return
	}
	shown := texts(held.data, former.data)
	if whole, ok := shown[wholeData]; ok && len(shown) == 1 {
		tree["data"] = whole
		return
	}
	tree["data"] = shown
}

// texts are what is shown of contents. Where former has one that differs and looks
// the same, they say so.
func texts(held, former map[string]content) map[string]any {
	shown := map[string]any{}
	for key, one := range held {
		text := one.shown
		if was, ok := former[key]; ok && was.raw != one.raw && was.shown == one.shown {
			if text == inClear {
				text = otherInClear
			} else {
				text += otherAround
			}
		}
		shown[key] = text
	}
	return shown
}

// ciphertexts shortens what a SealedSecret holds, of which nobody can read more
// than whether it is the same as before.
func ciphertexts(tree, former map[string]any) map[string]any {
	spec, _ := tree["spec"].(map[string]any)
	held, ok := spec["encryptedData"].(map[string]any)
	if !ok || tree["kind"] != "SealedSecret" {
		return tree
	}
	formerSpec, _ := former["spec"].(map[string]any)
	was, _ := formerSpec["encryptedData"].(map[string]any)
	shown := map[string]any{}
	for key, text := range held {
		shown[key] = sealed
		if before, ok := was[key]; ok && before != text {
			shown[key] = otherSealed
		}
	}
	spec = maps.Clone(spec)
	spec["encryptedData"] = shown
	tree = maps.Clone(tree)
	tree["spec"] = spec
	return tree
}
