package migrate

import (
	"encoding/base64"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/same"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
)

// maxVisits bounds the scalars of one document, each counted once for every
// alias that leads to it.
const maxVisits = 500_000

// documentSites finds the placeholders of a document.
func (p *planner) documentSites(d *document) {
	if d.annotations.Ignore {
		return
	}
	w := &walker{planner: p, document: d, seen: map[*yaml.Node]*site{}}
	if d.object != nil {
		w.variables = variables(*d.object)
		if d.annotations.RemoveMissing && d.object.Kind() != "Secret" && d.object.Kind() != "ConfigMap" {
			p.find(d.file, d.node.Line, annotationPrefix+"remove-missing", &avp.Obstacle{Code: avp.ObstacleMissing,
				Message: "only a Secret or a ConfigMap can leave out missing keys; argocd-vault-plugin refuses it too", Fix: "remove the annotation"})
			return
		}
	} else {
		d.annotations.KV = p.kv("")
	}
	w.walk(d.node, "")
	if w.visits > maxVisits {
		p.find(d.file, d.node.Line, d.file.name, &avp.Obstacle{Code: CodeYAML, Message: fmt.Sprintf("the document expands to more than %d scalars", maxVisits), Fix: "use fewer aliases"})
	}
}

// variables are the fields of an object that are the whole value of a variable
// of a container.
func variables(o object.Object) map[string]bool {
	pod, ok := inject.PodOf(o)
	if !ok {
		return nil
	}
	found := map[string]bool{}
	for _, container := range pod.Containers() {
		env, _ := container.Fields["env"].([]any)
		for i := range env {
			found[fmt.Sprintf("%s.env[%d].value", container.Path, i)] = true
		}
	}
	return found
}

// walker goes through one document.
type walker struct {
	planner   *planner
	document  *document
	variables map[string]bool
	// seen are the sites by their scalar: an anchor's is met once for each alias.
	seen   map[*yaml.Node]*site
	visits int
}

func (w *walker) walk(node *yaml.Node, field string) {
	if w.visits++; w.visits > maxVisits {
		return
	}
	switch node.Kind {
	case yaml.AliasNode:
		w.walk(node.Alias, field)
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			below := same.Join(field, node.Content[i].Value)
			if node.Content[i].Value == "<<" && node.Content[i].Style == 0 {
				below = field
			}
			w.walk(node.Content[i+1], below)
		}
	case yaml.SequenceNode:
		for i, item := range node.Content {
			if field == "" {
				w.walk(item, fmt.Sprintf("[%d]", i))
			} else {
				w.walk(item, fmt.Sprintf("%s[%d]", field, i))
			}
		}
	case yaml.ScalarNode:
		w.scalar(node, field)
	}
}

func (w *walker) scalar(node *yaml.Node, field string) {
	d := w.document
	if strings.HasPrefix(field, "metadata.annotations["+annotationPrefix) || node.Tag == "!!binary" {
		return
	}
	text, where := node.Value, w.place(field)
	if where == placeData {
		if decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text)); err == nil {
			text, where = string(decoded), placeBase64
		}
	}
	if where == placeText {
		w.inStringData(node, field)
	}
	template, _, err := reference.Find(text, d.annotations.Annotations)
	if err != nil && (strings.Contains(text, "<path:") || d.annotations.Path != "") {
		for _, one := range fault.Of(err) {
			w.planner.find(d.file, node.Line, field, &avp.Obstacle{Code: avp.ObstacleSyntax, Message: one.Message, Fix: one.Fix})
		}
		d.keep = true
	}
	if !placeholders(template) {
		return
	}
	if first := w.seen[node]; first != nil {
		if first.place != where {
			first.mix()
		}
		return
	}
	s := &site{document: d, node: node, place: where, field: field, template: template, annotations: d.annotations}
	w.seen[node] = s
	w.planner.addSite(d.file, d, s)
}

// inStringData lists base64 of placeholders where only argocd-vault-plugin looks
// for it.
func (w *walker) inStringData(node *yaml.Node, field string) {
	decoded, err := base64.StdEncoding.DecodeString(node.Value)
	if err != nil {
		return
	}
	if template, _, err := reference.Find(string(decoded), w.document.annotations.Annotations); err == nil && placeholders(template) {
		w.document.keep = true
		w.planner.find(w.document.file, node.Line, field, &avp.Obstacle{Code: CodeBase64, Message: "argocd-vault-plugin looks into base64 under stringData too; here, what stands there is the value itself",
			Fix: "write it under data, and migrate again"})
	}
}

// mix says of a text that several aliases use that it means different things.
func (s *site) mix() {
	for _, h := range s.holders {
		h.obstacle = &avp.Obstacle{Code: CodeMixed, Message: "the text is used in several places, which a reference means different things in", Fix: "write the text out in each place instead of an alias"}
	}
}

func placeholders(template reference.Template) bool {
	for _, ref := range template.References() {
		if ref.InAPIForm() {
			return true
		}
	}
	return false
}

// isFree tells of an object that is not applied as it stands: only rendering
// shows where its texts end.
func isFree(o *object.Object) bool {
	return strings.HasSuffix(o.Group(), "kustomize.config.k8s.io") || o.Group() == "builtin" || o.Group() == "config.kubernetes.io"
}

// place tells how a field of the document is used.
func (w *walker) place(field string) place {
	o := w.document.object
	switch {
	case o == nil || isFree(o) || valuesField(w.document, field):
		return placeFree
	case same.IsSecret(*o) && strings.HasPrefix(field, "stringData"):
		return placeText
	case same.IsSecret(*o) && strings.HasPrefix(field, "data"):
		return placeData
	case w.variables[field]:
		return placeVariable
	default:
		return placeElsewhere
	}
}
