package migrate

import (
	"bytes"
	"regexp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/same"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
)

// textSites finds the placeholders with a path in a file that is no YAML. None
// reaches over the end of a line.
func (p *planner) textSites(f *file) {
	at := 0
	for line := range bytes.Lines(f.data) {
		if bytes.Contains(line, []byte("<path:")) {
			p.lineSites(f, string(line), at)
		}
		at += len(line)
	}
	p.genericTemplate(f)
}

func (p *planner) lineSites(f *file, line string, start int) {
	template, _, err := reference.Find(line, reference.Annotations{})
	for _, one := range fault.Of(err) {
		p.find(f, 1+bytes.Count(f.data[:start], []byte("\n")), pathPlaceholder.FindString(line), &avp.Obstacle{Code: avp.ObstacleSyntax, Message: one.Message, Fix: one.Fix})
	}
	for _, part := range template {
		if part.Ref == nil {
			start += len(part.Literal)
			continue
		}
		if part.Ref.Dialect == reference.Path {
			p.addSite(f, nil, &site{start: start, place: placeFree, template: reference.Template{part}, annotations: same.Annotations{KV: p.kv("")}})
		}
		start += len(part.Ref.Text)
	}
}

// pathPlaceholder is what is meant as a placeholder with a path.
var pathPlaceholder = regexp.MustCompile(`<path:[^>]*>?`)

// genericTemplate reports a template that has an annotation with a path: which of
// its texts in angle brackets are placeholders, only its author knows.
func (p *planner) genericTemplate(f *file) {
	at := bytes.Index(f.data, []byte(annotationPath))
	if at < 0 {
		return
	}
	line := 1 + bytes.Count(f.data[:at], []byte("\n"))
	p.find(f, line, annotationPath, &avp.Obstacle{Code: CodeGeneric, Message: "a template sets the path of placeholders such as <KEY>, and a template cannot be read as an object",
		Fix: "write the placeholders as <vault:MOUNT/PATH#KEY> and remove the annotation; until then they work as they are"})
}
