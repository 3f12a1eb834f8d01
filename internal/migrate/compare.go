package migrate

import (
	"encoding/base64"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/yamledit"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// The obstacles of files whose edits do not come out as they should. They are a
// net below the code, not a way of working.
var (
	notEditable  = &avp.Obstacle{Code: CodeFolded, Message: "the file cannot be edited without changing more than the placeholder", Fix: "write the reference by hand"}
	otherMeaning = &avp.Obstacle{Code: CodeMeaning, Message: "as a native reference it would come to another value", Fix: "write the reference by hand and compare"}
)

// judge returns what is wrong with an edited file, nil where it says what it
// should: the same documents with the same texts, but for those of the sites,
// which have their new ones.
func (p *planner) judge(f *file, after []byte, text func(*holder) string) *avp.Obstacle {
	if f.text == nil {
		return nil
	}
	edited, err := yamledit.Parse(f.name, after)
	if err != nil || len(edited.Documents) != len(f.text.Documents) {
		return notEditable
	}
	expected := map[*yaml.Node]string{}
	for _, s := range f.sites {
		filled := s.filled(text)
		if s.place == placeBase64 {
			old := strings.TrimSpace(s.node.Value)
			filled = strings.Replace(s.node.Value, old, base64.StdEncoding.EncodeToString([]byte(filled)), 1)
			if filled == s.node.Value {
				continue
			}
		}
		expected[s.node] = filled
	}
	for i, root := range f.text.Documents {
		if !sameNodes(root, edited.Documents[i], expected, 0) {
			return notEditable
		}
	}
	if !p.sameMeaning(f, after) {
		return otherMeaning
	}
	return nil
}

// sameNodes compares two documents, but for annotations of argocd-vault-plugin
// that are gone.
func sameNodes(old, now *yaml.Node, expected map[*yaml.Node]string, depth int) bool {
	if old.Kind != now.Kind || depth > object.MaxDepth || old.Anchor != now.Anchor {
		return false
	}
	if old.Kind == yaml.ScalarNode {
		want, ok := expected[old]
		if !ok {
			want = old.Value
		}
		return want == now.Value && old.Tag == now.Tag && old.Style == now.Style
	}
	rest := now.Content
	for i := 0; i < len(old.Content); i++ {
		if old.Kind == yaml.MappingNode && i%2 == 0 && gone(old, i, rest) {
			i++
			continue
		}
		if len(rest) == 0 || !sameNodes(old.Content[i], rest[0], expected, depth+1) {
			return false
		}
		rest = rest[1:]
	}
	return len(rest) == 0
}

// gone tells whether an entry has been removed, and may be: an annotation of
// argocd-vault-plugin, or annotations that held no others.
func gone(old *yaml.Node, i int, rest []*yaml.Node) bool {
	key := old.Content[i].Value
	if len(rest) > 0 && rest[0].Value == key {
		return false
	}
	if strings.HasPrefix(key, annotationPrefix) {
		return true
	}
	value := old.Content[i+1]
	if key != "annotations" || value.Kind != yaml.MappingNode {
		return false
	}
	for at := 0; at < len(value.Content); at += 2 {
		if !strings.HasPrefix(value.Content[at].Value, annotationPrefix) {
			return false
		}
	}
	return true
}

// sameMeaning compares the objects of a file by what their references mean.
func (p *planner) sameMeaning(f *file, after []byte) bool {
	old, err := object.Decode(f.name, f.data)
	if err != nil {
		return true // not only objects, and compared node by node
	}
	now, err := object.Decode(f.name, after)
	if err != nil {
		return false
	}
	old, err = object.Flatten(old)
	if err != nil {
		return true
	}
	if now, err = object.Flatten(now); err != nil {
		return false
	}
	for _, d := range f.documents {
		// A patch means what the annotations of its base make of it.
		if d.inherits != nil {
			return true
		}
	}
	return f.free() || len(p.reader.Compare(old, now)) == 0
}

// free tells whether the file holds what only rendering can judge.
func (f *file) free() bool {
	for _, s := range f.sites {
		if s.place == placeFree {
			return true
		}
	}
	return false
}
