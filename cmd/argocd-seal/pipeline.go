package main

import (
	"context"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
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
func newPipeline(ctx context.Context, settings *config.SealConfig, pool *worker.Pool, judged gating) (*plugin.Pipeline, error) {
	pipeline := &plugin.Pipeline{Renderer: pool, Limits: settings.Render.Request(), AllowEmpty: settings.Render.AllowEmpty, Quote: settings.Render.QuoteErrors}
	for _, environment := range settings.Environments {
		pipeline.Environments = append(pipeline.Environments, plugin.Environment{
			Name: environment.Name, Judged: !judged.skip && environment.Asked(), PromotedFrom: environment.Promotion.From,
			Verified: environment.Images.Asked(),
			Projects: environment.Match.Projects, Apps: environment.Match.Apps, Namespaces: environment.Match.Namespaces,
			RepoURLs: environment.Match.RepoURLs, Paths: environment.Match.Paths,
		})
	}
	if judged.skip {
		return pipeline, nil
	}
	digests, err := addImages(pipeline, settings, judged)
	if err != nil {
		return pipeline, err
	}
	gate, err := newGate(ctx, settings, judged, digests)
	if gate != nil {
		pipeline.Gate = gate
	}
	return pipeline, err
}

// oneShot adapts the configuration to a process that renders once: there is
// nobody to wait for a spare worker.
func oneShot(settings config.SealConfig) config.SealConfig {
	settings.Render.Workers.Concurrency, settings.Render.Workers.Spares = 1, 1
	return settings
}
