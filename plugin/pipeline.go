package plugin

import (
	"context"
	"io/fs"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/follow"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
)

// Renderer turns a source into objects. It is safe for concurrent use, stops
// at the context's end, and returns faults.
type Renderer interface {
	Render(ctx context.Context, req render.Request) (render.Result, error)
}

// Gate judges objects. It is safe for concurrent use and stops at the context's
// end. An error means that there is no verdict, so that nothing may leave.
type Gate interface {
	Evaluate(ctx context.Context, input policy.Input) (policy.Verdict, error)
}

// changing is a gate whose policies change while requests run. A request asks
// one snapshot throughout, so that both of its looks are by the same policies.
type changing interface{ Snapshot() *policy.Gate }

// Resolver turns references into injections. It is safe for concurrent use and
// stops at the context's end. After an error nothing may leave.
type Resolver interface {
	Apply(ctx context.Context, request secrets.Request) (secrets.Result, error)
}

// Job is one application to render: what serve, generate and render have in
// common once they have read their input.
type Job struct {
	Identity Identity
	Source   *source.Tree
	// Path is the application's directory below the root of Source.
	Path        string
	KubeVersion string
	APIVersions []string
	Parameters  []Parameter
	// Environment names an environment where a person may choose one; empty for
	// requests of Argo CD.
	Environment string
}

// Output is what a job became. Objects are in the order of emission. Beside an
// error there are no objects, and the rest tells how far the job came.
type Output struct {
	Kind        render.Kind
	Environment string
	Objects     []object.Object
	// Verdict is the gate's last one; it is empty where nothing was judged.
	Verdict policy.Verdict
	// Images is what was found about images; nil where nothing is demanded of them.
	Images *supplychain.Result
	// Injected are the objects that were replaced or filled, and Used what was
	// read for them.
	Injected []secrets.Injected
	Used     []secrets.Usage
	// Certificate is the fingerprint of what sealed, if something was.
	Certificate string
	Warnings    []*fault.Error
}

// Pipeline runs a request through its stages, in one direction. Any failure
// gives faults and no output. It is safe for concurrent use.
type Pipeline struct {
	Renderer Renderer
	Limits   render.Limits
	// Environments are in the order in which they are tried. Gate judges those
	// that say so; it may be nil where none does.
	Environments []Environment
	Gate         Gate
	// Images verifies those of the environments that say so. Where it is nil,
	// ImagesUnverified must be set, and a notice says so.
	Images           Images
	ImagesUnverified bool
	// Secrets resolves for the environments that say so; it may be nil where none
	// does.
	Secrets Resolver
	// Quote has faults show the lines of the source that they speak of.
	Quote bool
	// AllowEmpty lets an application render nothing. Argo CD would delete all
	// that such an application had, so the default is a fault.
	AllowEmpty bool
}

// Run takes a job through all stages.
func (p *Pipeline) Run(ctx context.Context, job Job) (Output, error) {
	output, err := p.run(ctx, job)
	if err != nil {
		err = p.quoted(job, output.Objects, err)
		output.Objects = nil
	}
	return output, err
}

func (p *Pipeline) run(ctx context.Context, job Job) (Output, error) {
	choices, err := ApplyParameters(job.Parameters)
	if err != nil {
		return Output{}, err
	}
	output, environment, err := p.render(ctx, job, choices.Parameters)
	if err != nil {
		return output, err
	}
	if choices.Injection != "" && !environment.Resolved {
		return output, fault.New(fault.Injection, "the parameter injection has no effect: the environment resolves no references").
			WithFix("leave the parameter out, or ask the platform team to set an injection for the environment")
	}
	gate := p.gate()
	input, err := p.gateInput(ctx, job, environment, output.Objects)
	if err != nil {
		return output, err
	}
	output.Images = input.Images
	if environment.Judged {
		if err := output.judge(ctx, gate, input); err != nil {
			return output, err
		}
		output.Warnings = append(output.Warnings, output.Verdict.Warnings()...)
	}
	if environment.Resolved {
		err = p.resolve(ctx, job, environment, choices.Injection, second{gate, input}, &output)
	}
	return output, err
}

// Check renders a job and returns what the gate says of it, without resolving
// anything. A job that nothing judges has an empty verdict.
func (p *Pipeline) Check(ctx context.Context, job Job) (policy.Verdict, error) {
	verdict, objects, err := p.check(ctx, job)
	p.quoteOutcomes(job, objects, verdict)
	return verdict, p.quoted(job, objects, err)
}

func (p *Pipeline) check(ctx context.Context, job Job) (policy.Verdict, []object.Object, error) {
	choices, err := ApplyParameters(job.Parameters)
	if err != nil {
		return policy.Verdict{}, nil, err
	}
	output, environment, err := p.render(ctx, job, choices.Parameters)
	if err != nil || !environment.Judged {
		return policy.Verdict{}, nil, err
	}
	input, err := p.gateInput(ctx, job, environment, output.Objects)
	if err != nil {
		return policy.Verdict{}, nil, err
	}
	verdict, err := p.gate().Evaluate(ctx, input)
	return verdict, output.Objects, err
}

// gate returns the gate for one request.
func (p *Pipeline) gate() Gate {
	if gate, ok := p.Gate.(changing); ok {
		return gate.Snapshot()
	}
	return p.Gate
}

// gateInput collects what the gate judges by.
func (p *Pipeline) gateInput(ctx context.Context, job Job, environment Environment, objects []object.Object) (policy.Input, error) {
	images, err := p.verify(ctx, job, environment, objects)
	if err != nil {
		return policy.Input{}, err
	}
	promotion, err := p.promotion(ctx, job, environment)
	return policy.Input{
		Objects: objects, Environment: environment.Name, KubeVersion: job.KubeVersion, Namespace: job.Identity.Namespace,
		Promotion: promotion, Images: images, ImagesUnverified: p.ImagesUnverified,
	}, err
}

// render finds the job's environment and renders.
func (p *Pipeline) render(ctx context.Context, job Job, options render.Parameters) (Output, Environment, error) {
	if err := job.Identity.named(); err != nil {
		return Output{}, Environment{}, err
	}
	if !fs.ValidPath(job.Path) || !job.Source.HasDir(job.Path) {
		return Output{}, Environment{}, fault.New(fault.Path, "the application's directory %q is not in the source", fault.Clean(job.Path, 200)).
			WithFix("correct spec.source.path, or the manifest-generate-paths annotation if it leaves the directory out")
	}
	environment, err := environmentOf(p.Environments, job.Identity, job.Environment)
	if err != nil {
		return Output{}, Environment{}, err
	}
	output := Output{Environment: environment.Name}
	record := follow.Of(ctx)
	record.Environment = environment.Name
	var result render.Result
	err = follow.Do(ctx, follow.Render, func(ctx context.Context) (err error) {
		result, err = p.Renderer.Render(ctx, p.request(job, job.Path, options))
		record.Renderer, record.Objects = string(result.Kind), len(result.Objects)
		return err
	})
	if err != nil {
		return output, environment, err
	}
	output.Kind, output.Objects, output.Warnings = result.Kind, result.Objects, result.Warnings
	if err := p.inspect(result.Objects); err != nil {
		return output, environment, err
	}
	if job.Environment == "" {
		err = keepWithin(p.Environments, environment, job.Identity, result.Objects)
	}
	return output, environment, err
}

// request asks for one directory of the job's source.
func (p *Pipeline) request(job Job, path string, parameters render.Parameters) render.Request {
	return render.Request{
		Tenant:      job.Identity.tenant(),
		Source:      job.Source,
		Path:        path,
		Root:        ".",
		AppName:     job.Identity.App,
		Namespace:   job.Identity.Namespace,
		KubeVersion: job.KubeVersion,
		APIVersions: job.APIVersions,
		Parameters:  parameters,
		Limits:      p.Limits,
	}
}

// second is what the gate's second look takes from its first: the same policies,
// and the input but for the objects.
type second struct {
	gate  Gate
	input policy.Input
}

// resolve replaces references by injections, and has the gate look at the
// objects again: policies may speak of the sealed form as well. What it warned
// of at the first look is not repeated.
func (p *Pipeline) resolve(ctx context.Context, job Job, environment Environment, injection inject.Kind, look second, output *Output) error {
	id := job.Identity
	request := secrets.Request{
		Identity: secrets.Identity{
			Project: id.Project, App: id.App, Namespace: id.Namespace, RepoURL: id.RepoURL, Revision: id.Revision,
		},
		Environment: environment.Name,
		Injection:   injection,
		Objects:     output.Objects,
		APIVersions: job.APIVersions,
	}
	var resolved secrets.Result
	err := follow.Do(ctx, follow.Resolve, func(ctx context.Context) (err error) {
		resolved, err = p.Secrets.Apply(ctx, request)
		return err
	})
	if err != nil {
		return err
	}
	if environment.Judged && len(resolved.Injections) > 0 {
		look.input.Objects, look.input.Sealed = resolved.Objects, true
		if err := output.judge(ctx, look.gate, look.input); err != nil {
			return err
		}
	}
	follow.Of(ctx).Injected(resolved.Injections)
	object.Sort(resolved.Objects)
	output.Objects, output.Injected, output.Used = resolved.Objects, resolved.Injections, resolved.Used
	output.Certificate = resolved.Certificate
	output.Warnings = append(output.Warnings, resolved.Warnings...)
	return nil
}

// judge asks the gate. What it denies is an error.
func (o *Output) judge(ctx context.Context, gate Gate, input policy.Input) error {
	stage := follow.Gate
	if input.Sealed {
		stage = follow.SealedGate
	}
	return follow.Do(ctx, stage, func(ctx context.Context) error {
		verdict, err := gate.Evaluate(ctx, input)
		if err != nil {
			return err
		}
		o.Verdict = verdict
		follow.Of(ctx).Judged(verdict)
		return verdict.Faults().OrNil()
	})
}

// inspect repeats on this side what the worker promised: the worker has met
// untrusted files, and the stages to come rely on the shape.
func (p *Pipeline) inspect(objects []object.Object) error {
	if len(objects) == 0 && !p.AllowEmpty {
		return fault.New(fault.Empty, "the application rendered no object").
			WithFix("check the path and the conditions in templates; render.allowEmpty permits it")
	}
	return object.Check(objects)
}

// Manifests gives each object as one line of compact JSON, the form in which
// Argo CD gets them.
func (o Output) Manifests() ([]string, error) {
	manifests := make([]string, len(o.Objects))
	for i, object := range o.Objects {
		line, err := object.AppendJSON(nil)
		if err != nil {
			return nil, err
		}
		manifests[i] = string(line)
	}
	return manifests, nil
}
