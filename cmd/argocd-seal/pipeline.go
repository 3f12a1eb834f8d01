package main

import (
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

// newPipeline connects the stages.
func newPipeline(settings config.Render, pool *worker.Pool) *plugin.Pipeline {
	return &plugin.Pipeline{Renderer: pool, Limits: settings.Request(), AllowEmpty: settings.AllowEmpty}
}

// oneShot adapts the configuration to a process that renders once: there is
// nobody to wait for a spare worker.
func oneShot(settings config.Render) config.Render {
	settings.Workers.Concurrency, settings.Workers.Spares = 1, 1
	return settings
}
