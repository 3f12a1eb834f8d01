package supplychain

import (
	"context"
	"maps"
	"slices"
)

// Health is whether one thing that verification needs is there.
type Health struct {
	// Registry or Signer is its name.
	Registry, Signer string
	// Err is nil where it is there.
	Err error
}

// Health asks every registry that is listed, with its login, and looks for the
// keys of every signer. It is for people who set things up.
func (v *Verifier) Health(ctx context.Context) []Health {
	var all []Health
	registries := v.config.Registries.Ping(ctx)
	for _, host := range slices.Sorted(maps.Keys(registries)) {
		all = append(all, Health{Registry: host, Err: registries[host]})
	}
	for _, signer := range v.config.Signers {
		one := Health{Signer: signer.Name}
		if signer.Cosign != nil {
			_, one.Err = signer.Cosign.Signer(ctx)
		}
		all = append(all, one)
	}
	return all
}
