package plugin

import (
	"cmp"
	"context"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
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
	output, request, err := p.preview(ctx, job)
	if stage, ok := p.Secrets.(previewer); ok && err == nil && request != nil {
		injected, faults := stage.Preview(*request)
		output.Injected = injected
		output.Warnings = append(output.Warnings, faults...)
	}
	return output, err
}

// PreviewSealed does as [Pipeline.Preview] and goes on to the objects as they would
// leave, for a secrets stage that resolves on a person's own machine. A reference
// that cannot be resolved is an error here.
func (p *Pipeline) PreviewSealed(ctx context.Context, job Job) (Output, error) {
	output, request, err := p.preview(ctx, job)
	if err != nil || request == nil {
		return output, err
	}
	request.Identity.Namespace = cmp.Or(request.Identity.Namespace, secrets.PreviewNamespace)
	resolved, err := p.Secrets.Apply(ctx, *request)
	if err != nil {
		return Output{}, err
	}
	object.Sort(resolved.Objects)
	output.Objects, output.Injected = resolved.Objects, resolved.Injections
	output.Warnings = append(output.Warnings, resolved.Warnings...)
	return output, nil
}

// preview renders and judges, and returns what to ask of the secrets stage; nil
// where nothing is resolved.
func (p *Pipeline) preview(ctx context.Context, job Job) (Output, *secrets.Request, error) {
	choices, err := ApplyParameters(job.Parameters)
	if err != nil {
		return Output{}, nil, err
	}
	output, environment, err := p.render(ctx, job, choices.Parameters)
	if err != nil {
		return Output{}, nil, err
	}
	if environment.Judged {
		input, err := p.gateInput(ctx, job, environment, output.Objects)
		if err != nil {
			return Output{}, nil, err
		}
		if output.Verdict, err = p.gate().Evaluate(ctx, input); err != nil {
			return Output{}, nil, err
		}
	}
	if !environment.Resolved {
		return output, nil, nil
	}
	return output, &secrets.Request{
		Identity: secrets.Identity{
			Project: job.Identity.Project, App: job.Identity.App, Namespace: job.Identity.Namespace,
			RepoURL: job.Identity.RepoURL, Revision: job.Identity.Revision,
		},
		Environment: environment.Name, Injection: choices.Injection, Objects: output.Objects, APIVersions: job.APIVersions,
	}, nil
}
