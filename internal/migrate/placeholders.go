package migrate

import (
	"fmt"
	"path"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/same"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/render/kustomize"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
)

// place says how a text is used, as far as it matters for a reference in it.
type place int

// The places. Of a free one only rendering can tell.
const (
	placeElsewhere place = iota
	placeFree
	placeText     // stringData of a Secret
	placeVariable // the value of a container's variable
	placeData     // data of a Secret, as it is
	placeBase64   // data of a Secret, in base64
)

// site is one text with placeholders.
type site struct {
	document *document // nil in a file that is no YAML
	file     *file
	node     *yaml.Node // nil in a file that is no YAML
	start    int        // where the text begins in such a file
	place    place
	field    string
	template reference.Template
	// annotations are those that the placeholders are read with.
	annotations same.Annotations
	holders     []*holder
}

// holder is one placeholder of a site.
type holder struct {
	site *site
	ref  *reference.Reference
	// native is what takes its place, nil where it stays.
	native *reference.Reference
	// decode adds a step that decodes the value from base64.
	decode   bool
	obstacle *avp.Obstacle
	id       string
}

// moves tells whether the placeholder is replaced.
func (h *holder) moves() bool { return h.obstacle == nil && h.native != nil }

// after is the text that takes the placeholder's place.
func (h *holder) after() string {
	if !h.moves() {
		return h.ref.Text
	}
	if h.decode {
		if decoded, err := avp.Decoded(h.native); err == nil {
			return decoded.Text
		}
	}
	return h.native.Text
}

// learnMounts notes the mounts of all paths that leave no doubt.
func (p *planner) learnMounts() {
	inline := regexp.MustCompile(`<path:\s*([^#<>\s]+)\s*#`)
	annotated := regexp.MustCompile(`avp\.kubernetes\.io/path["']?\s*:\s*["']?([^\s"'#,}]+)`)
	for _, f := range p.files {
		for _, expression := range []*regexp.Regexp{inline, annotated} {
			for _, match := range expression.FindAllSubmatch(f.data, -1) {
				p.reader.Mounts.Learn(string(match[1]))
			}
		}
	}
}

// findPlaceholders reads the placeholders of all files.
func (p *planner) findPlaceholders() {
	p.inherit()
	for _, f := range p.files {
		if f.text == nil {
			p.textSites(f)
			continue
		}
		for _, d := range f.documents {
			p.documentSites(d)
		}
	}
	backend, other := p.settings.Backend()
	for _, f := range p.files {
		for _, s := range f.sites {
			for _, h := range s.holders {
				p.resolve(h)
				if other {
					h.obstacle = &avp.Obstacle{Code: CodeBackend, Message: fmt.Sprintf("the backend is %s (%s:%d), and only Vault's KV engines can move", backend.Value, backend.File, backend.Line),
						Fix: avp.Elsewhere(backend.Value, "the secret", "it")}
				}
			}
		}
	}
}

// inherit gives documents without a path the annotations of what they patch: an
// object of their kind and name in a base of their kustomization.
func (p *planner) inherit() {
	type identity struct{ kind, name string }
	annotated := map[identity][]*document{}
	for _, f := range p.files {
		for _, d := range f.documents {
			if d.object == nil {
				continue
			}
			parsed, err := p.reader.Annotations(d.object.Annotations())
			if err != nil {
				one := fault.Of(err)[0]
				p.find(f, d.node.Line, d.object.String(), &avp.Obstacle{Code: avp.ObstacleSyntax, Message: one.Message, Fix: one.Fix})
				parsed.Ignore = true
			}
			d.annotations = parsed
			if d.annotated() {
				annotated[identity{d.object.Kind(), d.object.Name()}] = append(annotated[identity{d.object.Kind(), d.object.Name()}], d)
			}
		}
	}
	for _, f := range p.files {
		for _, d := range f.documents {
			if d.object == nil || d.annotated() || d.annotations.Ignore {
				continue
			}
			if base := p.baseOf(d, annotated[identity{d.object.Kind(), d.object.Name()}]); base != nil {
				d.inherits, d.annotations = base, base.annotations
				base.heirs = append(base.heirs, d)
			}
		}
	}
}

// baseOf returns the one document among candidates that the nearest kustomization
// of a document renders together with it.
func (p *planner) baseOf(d *document, candidates []*document) *document {
	for dir := path.Dir(d.file.name); ; dir = path.Dir(dir) {
		var found *document
		if kustomize.IsKustomization(p.Tree, dir) {
			for _, candidate := range candidates {
				if !slices.Contains(p.reached(dir), p.owner(candidate.file.name)) {
					continue
				}
				if found != nil {
					return nil
				}
				found = candidate
			}
		}
		if found != nil || dir == "." {
			return found
		}
	}
}

func (p *planner) kv(annotation string) string {
	switch {
	case annotation != "":
		return annotation
	case p.reader.KV != "":
		return p.reader.KV
	default:
		return avp.KV2
	}
}

// addSite keeps a site with a holder for each of its placeholders.
func (p *planner) addSite(f *file, d *document, s *site) {
	s.file = f
	for _, ref := range s.template.References() {
		if ref.InAPIForm() {
			s.holders = append(s.holders, &holder{site: s, ref: ref})
		}
	}
	f.sites = append(f.sites, s)
	if d != nil {
		d.sites = append(d.sites, s)
	}
}

// resolve decides what is decided by the placeholder and its place alone.
func (p *planner) resolve(h *holder) {
	if h.obstacle != nil {
		return
	}
	s := h.site
	native, obstacle := p.reader.Mounts.Native(h.ref, p.kv(s.annotations.KV))
	switch {
	case obstacle != nil:
		h.obstacle = obstacle
	case s.document != nil && s.document.listed && (h.ref.Dialect == reference.Generic || s.place == placeBase64):
		h.obstacle = &avp.Obstacle{Code: CodeList, Message: "argocd-vault-plugin sees neither annotations nor kinds inside of a List, unless kustomize takes it apart first",
			Fix: "write the items as documents of their own, and migrate again"}
	case s.annotations.RemoveMissing && h.ref.Dialect == reference.Generic:
		h.obstacle = &avp.Obstacle{Code: avp.ObstacleMissing, Message: "remove-missing leaves out entries whose key is missing, and a native reference is never left out",
			Fix: "remove the entries that are missing, then the annotation; until then the placeholder works as it is"}
	case s.place == placeElsewhere:
		h.obstacle = elsewhere(s.document.object, s.field, false)
	case s.place == placeVariable && s.template.Whole() == nil:
		h.obstacle = elsewhere(s.document.object, s.field, true)
	case s.place == placeData && s.template.Whole() == nil:
		h.obstacle = &avp.Obstacle{Code: CodeBase64, Message: "the text is put together from values that are base64 themselves, under data",
			Fix: "write it under stringData, with the values as they are"}
	}
	h.native = native
	h.decode = s.place == placeData && native != nil && !avp.EndsEncoded(native)
}

// elsewhere says why a reference cannot stand at a field.
func elsewhere(o *object.Object, field string, variable bool) *avp.Obstacle {
	if variable {
		return &avp.Obstacle{Code: CodePosition, Message: fmt.Sprintf("it is a part of the variable %s of %s, and only a whole value can become a reference", field, o),
			Fix: "put the text into stringData of a Secret, and let the variable take it from there"}
	}
	message := fmt.Sprintf("%s of %s is stored and shown in clear", field, o)
	return &avp.Obstacle{Code: CodePosition, Message: message,
		Fix: "move it into a Secret; if it is no secret, the platform lists the path under nonSecret, and the placeholder works as it is"}
}
