package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
	"github.com/argocd-seal/argocd-seal-plugin/policy/builtin"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
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
			Name: environment.Name, Judged: judge && environment.Policy.Asked(),
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
	for _, environment := range settings.Environments {
		if environment.Policy.Asked() {
			judged.Environments[environment.Name] = gateEnvironment(environment.Policy)
		}
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

func gateEnvironment(asked config.EnvironmentPolicy) policy.Environment {
	environment := policy.Environment{
		Level: builtin.Level(asked.Level), Schema: policy.Decision(asked.Schema), Enforcement: policy.Decision(asked.Enforcement),
	}
	for _, dir := range asked.Bundles {
		source := []bundle.Source{bundle.Dir(dir)}
		environment.Bundles = append(environment.Bundles, policy.Bundle{Name: filepath.Base(dir), Policies: source, Data: source})
	}
	return environment
}

// oneShot adapts the configuration to a process that renders once: there is
// nobody to wait for a spare worker.
func oneShot(settings config.SealConfig) config.SealConfig {
	settings.Render.Workers.Concurrency, settings.Render.Workers.Spares = 1, 1
	return settings
}
