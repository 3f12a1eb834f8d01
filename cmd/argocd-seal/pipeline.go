package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
	"github.com/argocd-seal/argocd-seal-plugin/policy/builtin"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/promotion"
	"github.com/argocd-seal/argocd-seal-plugin/policy/promotion/codeowners"
	"github.com/argocd-seal/argocd-seal-plugin/render/worker"
)

// newPool starts the workers that the configuration asks for.
func newPool(settings config.Render, log logrus.FieldLogger) (*worker.Pool, error) {
	return worker.NewPool(worker.Config{
		Args:        []string{workerCommand},
		Spares:      settings.Workers.Spares,
		Concurrency: settings.Workers.Concurrency,
		Queue:       settings.Workers.Queue,
		MemoryBytes: int64(settings.Workers.Memory),
		CPU:         settings.Workers.CPU.Duration(),
		Timeout:     settings.Timeout.Duration(),
		OutputBytes: int64(settings.Limits.OutputBytes),
		Require:     settings.Sandbox.Require,
		Logger:      log,
	})
}

// newPipeline connects the stages up to the last one that is wanted, without
// the secrets stage. What a stage cannot load is a fault.
func newPipeline(ctx context.Context, settings *config.SealConfig, pool *worker.Pool, judge bool) (*plugin.Pipeline, error) {
	pipeline := &plugin.Pipeline{Renderer: pool, Limits: settings.Render.Request(), AllowEmpty: settings.Render.AllowEmpty}
	for _, environment := range settings.Environments {
		pipeline.Environments = append(pipeline.Environments, plugin.Environment{
			Name: environment.Name, Judged: judge && environment.Asked(), PromotedFrom: environment.Promotion.From,
			Projects: environment.Match.Projects, Apps: environment.Match.Apps, Namespaces: environment.Match.Namespaces,
			RepoURLs: environment.Match.RepoURLs, Paths: environment.Match.Paths,
		})
	}
	if !judge {
		return pipeline, nil
	}
	return pipeline, addGate(ctx, pipeline, settings)
}

// addGate compiles the policies of all environments.
func addGate(ctx context.Context, pipeline *plugin.Pipeline, settings *config.SealConfig) error {
	judged := policy.Config{Environments: map[string]policy.Environment{}}
	var faults fault.List
	for i, environment := range settings.Environments {
		if !environment.Asked() {
			continue
		}
		made, err := gateEnvironment(environment)
		for _, one := range fault.Of(err) {
			faults = append(faults, one.At("", fmt.Sprintf("environments[%d].policy", i)))
		}
		judged.Environments[environment.Name] = made
	}
	if len(faults) > 0 {
		return faults
	}
	if len(judged.Environments) == 0 {
		return nil
	}
	if settings.Waivers != "" {
		judged.Waivers = filepath.Base(settings.Waivers)
		judged.WaiversFS = os.DirFS(filepath.Dir(settings.Waivers))
	}
	gate, err := policy.New(ctx, judged)
	if err != nil {
		return err
	}
	pipeline.Gate = gate
	return nil
}

// gateEnvironment is what the gate asks of one environment.
func gateEnvironment(settings config.Environment) (policy.Environment, error) {
	asked := settings.Policy
	environment := policy.Environment{
		Level: builtin.Level(asked.Level), Parameters: asked.Parameters, Enforcement: policy.Decision(asked.Enforcement),
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
	return environment, nil
}

// oneShot adapts the configuration to a process that renders once: there is
// nobody to wait for a spare worker.
func oneShot(settings config.SealConfig) config.SealConfig {
	settings.Render.Workers.Concurrency, settings.Render.Workers.Spares = 1, 1
	return settings
}
