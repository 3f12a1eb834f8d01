package catalog

import (
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/kyverno"
	"github.com/argocd-seal/argocd-seal-plugin/policy/shape"
)

// kyvernoName stands for ClusterPolicies, where a directory would.
const kyvernoName = "kyverno"

// Kyverno adds the rules of files with ClusterPolicies; without files none.
func (c *Catalog) Kyverno(files []string) error {
	if len(files) == 0 {
		return nil
	}
	sources, err := bundle.Locals(files)
	if err != nil {
		return err
	}
	set, err := kyverno.Load(sources)
	if err != nil {
		return err
	}
	for _, d := range set.Describe() {
		c.rules = append(c.rules, Rule{
			ID: d.ID, Bundle: kyvernoName, Severity: d.Severity, Title: d.Title, Decision: d.Decision,
			Why: strings.Join(strings.Fields(d.Why), " "), Input: shape.Object, File: d.File, Line: d.Line,
		})
	}
	return nil
}
