package supplychain

import (
	"context"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/image"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/registry"
)

// failure is an error of a registry that is not asked again at once.
type failure struct {
	err error
	at  time.Time
}

// look returns what is known of an image, and judges it. It asks the registry where
// nothing is known that is fresh, or where what is known would deny: that may have
// been mended. However many ask for one image, one asks the registry.
func (v *Verifier) look(ctx context.Context, name image.Name, r rule, judge func(evidence) []Finding) (evidence, []Finding, error) {
	by, err := v.signersOf(ctx, r)
	if err != nil {
		return evidence{}, nil, err
	}
	key := name.Full() + "@" + name.Digest + "\n" + r.digest + by.digest
	known, ok := v.cache.Get(key)
	age := v.now().Sub(known.at)
	if ok && age < v.config.Fresh {
		if findings := judge(known); len(findings) == 0 || age < retry {
			return known, findings, nil
		}
	}
	found, err := v.ask(ctx, key, name, r, by)
	if err == nil {
		return found, judge(found), nil
	}
	if ok && age < v.config.Keep && r.OnUnavailable == CachedOutage && registry.IsOutage(err) {
		return known, judge(known), nil
	}
	return evidence{}, nil, err
}

// ask gathers evidence when it is its turn. What is asked is not stopped by the end
// of one of those who wait for it; the registry's own time limit ends it.
func (v *Verifier) ask(ctx context.Context, key string, name image.Name, r rule, by signing) (evidence, error) {
	if failed, ok := v.failures.Get(key); ok && v.now().Sub(failed.at) < retry {
		return evidence{}, failed.err
	}
	if ctx.Err() != nil { // nobody waits for it any more
		return evidence{}, registry.Late(name.Registry)
	}
	answer := v.flights.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), longest)
		defer cancel()
		found, err := v.guarded(ctx, name, r, by)
		if err != nil {
			v.failures.Add(key, failure{err, v.now()})
			return evidence{}, err
		}
		v.cache.Add(key, found)
		v.failures.Remove(key)
		return found, nil
	})
	select {
	case got := <-answer:
		return got.Val.(evidence), got.Err
	case <-ctx.Done():
		return evidence{}, registry.Late(name.Registry)
	}
}

// guarded gathers evidence, and turns a panic into a fault: what is attached to an
// image is whatever was pushed, and a flight has no caller who could recover.
func (v *Verifier) guarded(ctx context.Context, name image.Name, r rule, by signing) (found evidence, err error) {
	defer func() {
		if recover() != nil {
			err = fault.New(fault.Internal, "the image %s cannot be looked at", fault.Clean(name.Full(), 200))
		}
	}()
	return v.gather(ctx, name, r, by)
}
