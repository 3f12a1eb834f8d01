package migrate

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/same"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
)

// trace is the mount of the references that show where a placeholder ends.
const trace = "argocd-seal-migrate"

// landing is a place that a traced placeholder has come to.
type landing struct {
	place  place
	whole  bool
	native *reference.Reference
	object object.Object
	field  string
}

// trace renders the applications with a name of its own for each placeholder
// whose place is not known, and returns where each was found.
func (p *planner) trace(ctx context.Context, runs []run) (map[string][]landing, error) {
	count := 0
	for _, f := range p.files {
		for _, s := range f.sites {
			for _, h := range s.holders {
				if s.place == placeFree && h.obstacle == nil && f.inScope {
					count++
					h.id = fmt.Sprintf("t%d", count)
				}
			}
		}
	}
	if count == 0 {
		return nil, nil
	}
	found := map[string][]landing{}
	marked := func(f *file) []byte { return p.replaced(f, (*holder).traced, false) }
	rendered, err := p.render(ctx, marked, runs)
	if err != nil {
		return nil, err
	}
	for _, result := range rendered {
		// Where an application fails, its placeholders are not found and stay.
		for _, o := range result.objects {
			for id, places := range landings(o) {
				found[id] = append(found[id], places...)
			}
		}
	}
	return found, nil
}

// strays lists placeholders that an application renders and that stand in no
// file as such: their path is set by a kustomization, or a template puts them
// together.
func (p *planner) strays(runs []run) {
	known := map[string]bool{}
	for _, f := range p.files {
		for _, s := range f.sites {
			for _, h := range s.holders {
				known[h.ref.Text] = true
			}
		}
	}
	for _, one := range runs {
		if !source.Within(p.Scope, one.dir) {
			continue
		}
		for _, o := range one.before {
			for field, text := range p.reader.Placeholders(o) {
				if known[text] || o.Group() == "argoproj.io" {
					continue
				}
				p.findings = append(p.findings, newFinding(one.file(p.Tree), 0, text, &avp.Obstacle{
					Code:    CodeUnseen,
					Message: fmt.Sprintf("it is put together where %s renders %s of %s: a kustomization sets its path, or a template writes it", one.dir, field, o),
					Fix:     "write the reference by hand; until then the placeholder works as it is",
				}))
			}
		}
	}
}

// traced is the placeholder with a path of its own.
func (h *holder) traced() string {
	if h.id == "" {
		return h.ref.Text
	}
	return fmt.Sprintf("<vault:%s/%s#%s%s>", trace, h.id, h.native.Key, h.native.Text[len("<vault:")+len(h.native.Path)+1+len(h.native.Key):len(h.native.Text)-1])
}

// landings finds traced references in an object.
func landings(o object.Object) map[string][]landing {
	found := map[string][]landing{}
	if o.Group() == "argoproj.io" {
		return nil // its values end in what the Application renders
	}
	envs := variables(o)
	var walk func(node any, field string)
	walk = func(node any, field string) {
		switch node := node.(type) {
		case map[string]any:
			for key, below := range node {
				walk(below, same.Join(field, key))
			}
		case []any:
			for i, item := range node {
				walk(item, fmt.Sprintf("%s[%d]", field, i))
			}
		case string:
			if !strings.Contains(node, "<") && !same.IsSecret(o) {
				return
			}
			text, where := node, placeElsewhere
			switch {
			case same.IsSecret(o) && strings.HasPrefix(field, "stringData"):
				where = placeText
			case same.IsSecret(o) && strings.HasPrefix(field, "data"):
				where = placeData
				if decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(node)); err == nil {
					text, where = string(decoded), placeBase64
				}
			case envs[field]:
				where = placeVariable
			}
			template, _, err := reference.Find(text, reference.Annotations{})
			if err != nil {
				return
			}
			for _, ref := range template.References() {
				if id, ok := strings.CutPrefix(ref.Path, trace+"/"); ok {
					found[id] = append(found[id], landing{where, template.Whole() != nil, ref, o, field})
				}
			}
		}
	}
	walk(o.Fields, "")
	return found
}

// land decides on a placeholder by the places that it came to.
func (h *holder) land(landings []landing, rendered bool) {
	if len(landings) == 0 {
		message := "no application of the repository that renders uses it, so that it cannot be seen where the value ends"
		if !rendered {
			message = "it cannot be seen where the value ends without rendering"
		}
		h.obstacle = &avp.Obstacle{Code: CodeUnseen, Message: message, Fix: "write the reference by hand; until then the placeholder works as it is"}
		return
	}
	plain, decoded := false, false
	for _, l := range landings {
		switch {
		case l.place == placeElsewhere:
			h.obstacle = elsewhere(&l.object, l.field, false)
		case l.place == placeVariable && !l.whole:
			h.obstacle = elsewhere(&l.object, l.field, true)
		case l.place == placeData && !l.whole:
			h.obstacle = &avp.Obstacle{Code: CodeBase64, Message: fmt.Sprintf("%s of %s is put together from values that are base64 themselves", l.field, l.object.String()),
				Fix: "write it under stringData, with the values as they are"}
		case l.place == placeData && !avp.EndsEncoded(l.native):
			decoded = true
		default:
			plain = true
		}
		if h.obstacle != nil {
			return
		}
	}
	if plain && decoded {
		h.obstacle = &avp.Obstacle{Code: CodeMixed, Message: "it ends under data as base64 and elsewhere as it is, which a reference means different things in", Fix: "use two values"}
		return
	}
	h.decode = decoded
}
