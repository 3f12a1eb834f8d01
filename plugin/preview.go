package plugin

import (
	"context"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
)

// previewer is a resolver that tells what it would do without asking Vault.
type previewer interface {
	Preview(request secrets.Request) ([]secrets.Injected, fault.List)
}

var _ previewer = (*secrets.Stage)(nil)

// Preview renders a job and tells what would become of it, as far as that shows
// without a value of Vault's: the objects with their references, what the gate
// says of them, and the injections. What the gate denies is in the verdict and no
// error; what is wrong with references is among the warnings, since it is what
// Run would refuse.
func (p *Pipeline) Preview(ctx context.Context, job Job) (Output, error) {
	choices, err := ApplyParameters(job.Parameters)
	if err != nil {
		return Output{}, err
	}
	output, environment, err := p.render(ctx, job, choices.Parameters)
	if err != nil {
		return Output{}, err
	}
	if environment.Judged {
		input, err := p.gateInput(ctx, job, environment, output.Objects)
		if err != nil {
			return Output{}, err
		}
		if output.Verdict, err = p.gate().Evaluate(ctx, input); err != nil {
			return Output{}, err
		}
	}
	if stage, ok := p.Secrets.(previewer); ok && environment.Resolved {
		injected, faults := stage.Preview(secrets.Request{
			Identity: secrets.Identity{
				Project: job.Identity.Project, App: job.Identity.App, Namespace: job.Identity.Namespace,
				RepoURL: job.Identity.RepoURL, Revision: job.Identity.Revision,
			},
			Environment: environment.Name, Injection: choices.Injection, Objects: output.Objects, APIVersions: job.APIVersions,
		})
		output.Injected = injected
		output.Warnings = append(output.Warnings, faults...)
	}
	return output, nil
}
