package main

import (
	"context"
	"maps"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/policy/reload"
)

// policiesOf is what judges in a pipeline, and nothing where there is no gate.
func policiesOf(pipeline *plugin.Pipeline) reload.State {
	if pipeline != nil {
		if gate, ok := pipeline.Gate.(*reload.Gate); ok {
			return gate.State()
		}
	}
	return reload.State{}
}

// judged keeps an event for each environment that other policies judge than
// before, and one where looking for new policies begins or ceases to fail.
func (r *recorder) judged(ctx context.Context, before, after reload.State) {
	if r == nil {
		return
	}
	for _, environment := range slices.Sorted(maps.Keys(after.Environments)) {
		former, digest := before.Environments[environment], after.Environments[environment]
		if former == digest {
			continue
		}
		event := audit.Event{
			Type: audit.Policies, Outcome: "OK", Environment: environment, Inputs: maps.Clone(after.Sources),
			Message: "the policies of " + environment + " are loaded",
		}
		if event.Inputs == nil {
			event.Inputs = map[string]string{}
		}
		event.Inputs["policies"] = digest
		if former != "" {
			event.Inputs["policies before"] = former
			event.Message = "the policies of " + environment + " have changed"
		}
		r.keep(ctx, event)
	}
	switch {
	case before.LastError == after.LastError:
	case after.LastError != "":
		r.happened(ctx, audit.Policies, after.LastError, "the policies cannot be refreshed and stay as they were")
	default:
		r.happened(ctx, audit.Policies, "", "the policies can be refreshed again")
	}
}
