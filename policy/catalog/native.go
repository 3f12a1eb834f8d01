package catalog

import (
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/promotion"
	"github.com/argocd-seal/argocd-seal-plugin/policy/schema"
	"github.com/argocd-seal/argocd-seal-plugin/policy/shape"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// pluginName stands for the rules that are no policies in Rego, where a directory
// would.
const pluginName = "plugin"

// Native adds the rules that the plugin itself knows: what environments ask with
// the fields schema, images and promotion.
func (c *Catalog) Native() {
	owners := bundle.Reference{Title: "CODEOWNERS", URL: "https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners"}
	for _, rule := range append(imageRules(), []Rule{
		{
			ID: schema.Rule, Severity: "high", Title: "Object does not fit its schema", Input: shape.Object,
			Why: "An unknown field is dropped by the API server without a word, or by server-side apply with an error in the middle of a sync. " +
				"Objects are checked against the OpenAPI of the cluster's Kubernetes version and the CRDs of the render. " +
				"Environments ask for it with policy.schema; the levels from enhanced-security on include it.",
			Fix: "Correct the field that the message names; kubectl explain shows what the kind knows.",
			References: []bundle.Reference{{
				Title: "Kubernetes: server side field validation", URL: "https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation",
			}},
			Example: "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replica: 3\n",
		},
		{
			ID: promotion.RuleDigest, Severity: "high", Title: "Promoted image is not pinned by digest", Input: shape.Render,
			Why: "Whether the source of a promotion ships the same image can be seen by its digest only: a tag may have moved. Environments ask for it with promotion.from.",
			Fix: "Write the image as name@sha256:..., as the source does.",
		},
		{
			ID: promotion.RuleSource, Severity: "high", Title: "Image is not shipped by the source of the promotion", Input: shape.Render,
			Why: "What runs in an environment has run in the one before it. Environments ask for it with promotion.from.",
			Fix: "Ship the digest in the source's directory first, then promote it.",
		},
		{
			ID: promotion.RuleOwners, Severity: "high", Title: "Change needs nobody's approval", Input: shape.Render, References: []bundle.Reference{owners},
			Why: "A protected branch asks the owners of a file for their approval; where CODEOWNERS names nobody for the directory, or can itself be changed by anybody, nobody is asked. " +
				"Environments ask for it with promotion.requireOwners or promotion.owners.",
			Fix: "Give the directory and CODEOWNERS itself an owner.",
		},
	}...) {
		rule.Bundle, rule.Decision = pluginName, verdict.Deny
		c.rules = append(c.rules, rule)
	}
}
