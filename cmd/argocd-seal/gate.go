package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
	"github.com/argocd-seal/argocd-seal-plugin/policy/builtin"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/promotion"
	"github.com/argocd-seal/argocd-seal-plugin/policy/promotion/codeowners"
	"github.com/argocd-seal/argocd-seal-plugin/policy/reload"
	"github.com/argocd-seal/argocd-seal-plugin/policy/remote"
)

// gating says how policies are loaded.
type gating struct {
	// skip leaves the gate out.
	skip bool
	// offline takes remote bundles from the cache alone, and leaves images
	// unverified.
	offline bool
	// unverified leaves images unverified.
	unverified bool
	log        logrus.FieldLogger
	// looked is told of changes, see [reload.Config].
	looked func(ctx context.Context, before, after reload.State)
}

// newGate loads the policies of all environments, and nothing that none of them
// names. Where no environment has policies there is no gate. imageDigests name
// what environments demand of images.
func newGate(ctx context.Context, settings *config.SealConfig, how gating, imageDigests map[string]string) (*reload.Gate, error) {
	named := map[string]bool{}
	asked := false
	for _, environment := range settings.Environments {
		asked = asked || environment.Asked()
		for _, name := range environment.Policy.Sources {
			named[name] = true
		}
	}
	if !asked {
		return nil, nil
	}
	made := reload.Config{
		Build: func(sources map[string]bundle.Source) (policy.Config, error) {
			return gateConfig(settings, sources, imageDigests)
		},
		Fetch:    remote.Options{Timeout: settings.Policy.Timeout.Duration(), CacheDir: settings.Policy.CacheDir, Offline: how.offline},
		Interval: settings.Policy.Interval.Duration(),
		Looked:   how.looked,
		Log:      how.log,
	}
	for _, source := range settings.Policy.Sources {
		if named[source.Name] {
			made.Sources = append(made.Sources, source.Remote())
		}
	}
	return reload.New(ctx, made)
}

// gateConfig is what the gate is made of, given what the sources hold.
func gateConfig(settings *config.SealConfig, sources map[string]bundle.Source, imageDigests map[string]string) (policy.Config, error) {
	judged := policy.Config{Environments: map[string]policy.Environment{}}
	var faults fault.List
	for i, environment := range settings.Environments {
		if !environment.Asked() {
			continue
		}
		made, err := gateEnvironment(environment, settings.Policy.Sources, sources)
		for _, one := range fault.Of(err) {
			faults = append(faults, one.At("", fmt.Sprintf("environments[%d].policy", i)))
		}
		made.Images = imageDigests[environment.Name]
		judged.Environments[environment.Name] = made
	}
	if settings.Waivers != "" {
		judged.Waivers = filepath.Base(settings.Waivers)
		judged.WaiversFS = os.DirFS(filepath.Dir(settings.Waivers))
	}
	return judged, faults.OrNil()
}

// gateEnvironment is what the gate asks of one environment.
func gateEnvironment(settings config.Environment, described []config.PolicySource, sources map[string]bundle.Source) (policy.Environment, error) {
	asked := settings.Policy
	environment := policy.Environment{
		Level: builtin.Level(asked.Level), Parameters: asked.Parameters,
		Schema: policy.Decision(asked.Schema), Enforcement: policy.Decision(asked.Enforcement),
	}
	if from := settings.Promotion; from.From != "" {
		environment.Promotion = &promotion.Rule{Host: codeowners.Host(from.Codeowners), RequireOwners: from.RequireOwners, Owners: from.Owners}
	}
	var err error
	if environment.Gatekeeper, err = bundle.Locals(asked.Gatekeeper); err != nil {
		return environment, err
	}
	if environment.AdmissionPolicies, err = bundle.Locals(asked.AdmissionPolicies); err != nil {
		return environment, err
	}
	if environment.Kyverno, err = bundle.Locals(asked.Kyverno); err != nil {
		return environment, err
	}
	for _, own := range asked.Bundles {
		data, err := bundle.Locals(own.Data)
		if err != nil {
			return environment, err
		}
		directory := bundle.Dir(own.Directory)
		environment.Bundles = append(environment.Bundles, policy.Bundle{
			Name: filepath.Base(own.Directory), Policies: []bundle.Source{directory}, Data: append(data, directory),
			Namespaces: own.Namespaces, Version: bundle.Version(own.Version), Combine: own.Combine,
		})
	}
	for _, remote := range described {
		if !slices.Contains(asked.Sources, remote.Name) {
			continue
		}
		source := []bundle.Source{sources[remote.Name]}
		environment.Bundles = append(environment.Bundles, policy.Bundle{
			Name: remote.Name, Policies: source, Data: source,
			Namespaces: remote.Namespaces, Version: bundle.Version(remote.Version), Combine: remote.Combine,
		})
	}
	return environment, nil
}

// keepPolicies looks for new policies until stop is called, which waits for the
// last look to end.
func keepPolicies(ctx context.Context, gate plugin.Gate) (stop func()) {
	changing, ok := gate.(*reload.Gate)
	if !ok {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = changing.Run(ctx) // it ends with ctx only, and logs what fails
	}()
	return func() { cancel(); <-done }
}
