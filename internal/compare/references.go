package compare

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
)

// references lists the fields whose references are not the same on both sides.
func (s sides) references(object string) []Reference {
	before, after := map[string]string{}, map[string]string{}
	collect(before, "", "", s.before, s.wasAnnotated)
	collect(after, "", "", s.after, s.annotated)
	fields := map[string]bool{}
	for field := range before {
		fields[field] = true
	}
	for field := range after {
		fields[field] = true
	}
	var found []Reference
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if before[field] != after[field] {
			found = append(found, Reference{Object: object, Field: field, Before: before[field], After: after[field]})
		}
	}
	return found
}

// collect finds the texts with references by their path.
func collect(into map[string]string, path, field string, node any, annotations reference.Annotations) {
	switch node := node.(type) {
	case map[string]any:
		for key, value := range node {
			collect(into, below(path, key), key, value, annotations)
		}
	case []any:
		keys, _, ok := keyed(field, node, nil)
		for i, value := range node {
			if ok {
				collect(into, item(path, keys[i]), "", value, annotations)
			} else {
				collect(into, item(path, i), "", value, annotations)
			}
		}
	case string:
		template, _, err := reference.Find(node, annotations)
		if err != nil || template == nil {
			return
		}
		var texts []string
		for _, ref := range template.References() {
			texts = append(texts, ref.Text)
		}
		into[path] = strings.Join(texts, " ")
	}
}

// notes says in words what becomes of references, and that data which is not
// shown differs. It marks the fields of which that says all.
func notes(status Status, references []Reference, fields []Field) []string {
	if status != Changed {
		return nil
	}
	var said []string
	spoken := map[string]bool{}
	for _, r := range references {
		spoken[r.Field] = true
		switch {
		case r.Before == "":
			said = append(said, fmt.Sprintf("%s is a reference now: %s", r.Field, r.After))
		case r.After == "":
			said = append(said, fmt.Sprintf("%s is no reference any more; it was %s", r.Field, r.Before))
		default:
			said = append(said, fmt.Sprintf("the reference of %s changes from %s to %s", r.Field, r.Before, r.After))
		}
	}
	for i, f := range fields {
		if fields[i].Said = spoken[f.Path]; fields[i].Said {
			continue
		}
		before := len(said)
		switch {
		case f.After == otherInClear:
			said = append(said, fmt.Sprintf("%s changes, in clear (not shown)", f.Path))
		case f.After == otherSealed:
			said = append(said, fmt.Sprintf("the ciphertext of %s changes", f.Path))
		case f.After == inClear && f.Status == Added:
			said = append(said, fmt.Sprintf("%s comes, in clear (not shown)", f.Path))
		case hasSuffix(f.After, otherAround):
			said = append(said, fmt.Sprintf("the text around the reference of %s changes (not shown)", f.Path))
		}
		fields[i].Said = len(said) > before
	}
	return said
}

func hasSuffix(value any, suffix string) bool {
	text, ok := value.(string)
	return ok && strings.HasSuffix(text, suffix)
}

func injectionNote(before, after string) string {
	switch {
	case before == "":
		return "it becomes a " + after + " now"
	case after == "":
		return "it becomes no " + before + " any more"
	default:
		return fmt.Sprintf("injection changes from %s to %s", before, after)
	}
}
