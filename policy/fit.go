package policy

import (
	"fmt"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/builtin"
	"github.com/argocd-seal/argocd-seal-plugin/policy/schema"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// addSchema decides whether objects are checked against their schemas.
func (env *environment) addSchema(name string, config Environment) error {
	switch config.Schema {
	case "":
		levels := builtin.Levels()
		if slices.Index(levels, config.Level) >= slices.Index(levels, builtin.Enhanced) {
			env.schema = verdict.Deny
		}
	case verdict.Deny, verdict.Warn:
		env.schema = config.Schema
	case SchemaOff:
	default:
		return fault.New(fault.Config, "environment %q has the schema check %q", name, string(config.Schema)).WithFix("use deny, warn or off")
	}
	if env.schema != "" {
		env.digest += fmt.Sprintf("schema %s %s\n", env.schema, schema.Digest())
	}
	return nil
}

// schemaOutcomes turns what an object's schema refuses into outcomes.
func (env *environment) schemaOutcomes(kubernetes string, findings []schema.Finding) []Outcome {
	all := make([]Outcome, len(findings))
	for i, finding := range findings {
		message := finding.Message
		if i == schema.MaxFindings-1 {
			message = "and perhaps more, the last shown: " + message
		}
		all[i] = Outcome{
			Rule: schema.Rule, Bundle: "kubernetes " + kubernetes, Title: "objects fit the API of their cluster", Severity: "high",
			Decision: env.schema, Code: fault.Policy, Field: fault.Clean(finding.Field, verdict.MaxMessageBytes),
			Message: fault.Clean(message, verdict.MaxMessageBytes), Fix: fault.Clean(finding.Fix, verdict.MaxMessageBytes),
			Reference: "https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation",
		}
	}
	return all
}
