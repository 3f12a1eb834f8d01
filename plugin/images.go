package plugin

import (
	"context"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/follow"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain"
)

// Images verifies the images of a render, and writes digests in the place of tags
// where an environment lets it. It is safe for concurrent use and stops at the
// context's end. What is wrong with an image is for the gate to say; after an
// error nothing may leave.
type Images interface {
	Verify(ctx context.Context, request supplychain.Request) (*supplychain.Result, error)
}

// verify asks about the images of an environment that demands something of them.
// It changes the objects before anything judges them: what was verified is what
// leaves.
func (p *Pipeline) verify(ctx context.Context, job Job, environment Environment, objects []object.Object) (result *supplychain.Result, err error) {
	if !environment.Verified || p.Images == nil {
		return nil, nil
	}
	err = follow.Do(ctx, follow.Images, func(ctx context.Context) (err error) {
		result, err = p.Images.Verify(ctx, supplychain.Request{Environment: environment.Name, Objects: objects, RepoURL: job.Identity.RepoURL})
		return err
	})
	return result, err
}
