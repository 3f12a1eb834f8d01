package plugin

import (
	"context"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/follow"
	"github.com/argocd-seal/argocd-seal-plugin/policy/promotion"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// promotion renders the directory that the application is promoted from, of the
// same revision. It gets none of the application's parameters: whoever writes
// the Application could have it ship any image by them. It returns nil for an
// environment that is promoted from nowhere.
func (p *Pipeline) promotion(ctx context.Context, job Job, environment Environment) (*promotion.Request, error) {
	if environment.PromotedFrom == "" || !environment.Judged {
		return nil, nil
	}
	from, ok := source.Join(job.Path, environment.PromotedFrom)
	switch {
	case !ok || !job.Source.HasDir(from):
		return nil, fault.New(fault.Path, "the environment %s promotes images from %s of %s, which is not in the source",
			environment.Name, environment.PromotedFrom, fault.Clean(job.Path, 200)).
			WithFix("add the directory, or the annotation argocd.argoproj.io/manifest-generate-paths if it leaves it out")
	case from == job.Path:
		return nil, fault.New(fault.Path, "%s would be promoted from itself", fault.Clean(job.Path, 200)).
			WithFix("correct promotion.from of the environment %s", environment.Name)
	}
	request := &promotion.Request{Path: job.Path, From: from, Files: job.Source.Files(job.Path)}
	// The root of what Argo CD sent is the repository's only where the path from
	// there is the whole path. Elsewhere a file at the root is anybody's.
	if cleanPath(job.Identity.Path) == job.Path {
		request.File = job.Source.File
	}
	var result render.Result
	err := follow.Do(ctx, follow.Promotion, func(ctx context.Context) (err error) {
		if result, err = p.Renderer.Render(ctx, p.request(job, from, render.Parameters{})); err != nil {
			return err
		}
		return p.inspect(result.Objects)
	})
	if err != nil {
		return nil, inSource(err, from)
	}
	request.Source = result.Objects
	return request, nil
}

// inSource says that faults are those of the other directory: nobody expects
// them in an application that renders.
func inSource(err error, from string) error {
	var faults fault.List
	for _, one := range fault.Of(err) {
		said := *one
		said.Message = "images are promoted from " + from + ", which cannot be rendered: " + said.Message
		faults = append(faults, &said)
	}
	return faults
}
