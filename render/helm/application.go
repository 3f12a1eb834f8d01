package helm

import (
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render"
)

// Application renders the chart in the request's directory with the request's
// parameters, as [Render] does, and returns the manifests as text, for a stage
// that reads YAML.
func Application(req render.Request) ([]Manifest, []*fault.Error, error) {
	return Template(req.Source, req.Root, optionsOf(req))
}

// Stream joins manifests to one YAML stream, each below a comment that names
// its template, as "helm template" prints them.
func Stream(manifests []Manifest) []byte {
	var b strings.Builder
	for _, manifest := range manifests {
		b.WriteString("---\n# Source: ")
		b.WriteString(manifest.Template)
		b.WriteByte('\n')
		b.WriteString(strings.TrimSuffix(manifest.Text, "\n"))
		b.WriteByte('\n')
	}
	return []byte(b.String())
}
