package main

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/telemetry"
	"github.com/argocd-seal/argocd-seal-plugin/render/worker"
)

// configInterval is how often plugin.yaml and the files that it names are looked
// at. Kubernetes takes up to a minute to bring a change of a ConfigMap anyway.
const configInterval = 10 * time.Second

// live keeps what a service uses in line with plugin.yaml and the certificates,
// salts and authorities that it names. What is wrong changes nothing.
type live struct {
	options serveOptions
	pool    *worker.Pool
	service *plugin.Service
	log     *logrus.Logger
	// shown shows the parts of each configuration, besides subjects.
	shown    *telemetry.Telemetry
	subjects telemetry.Subjects
	recorder *recorder
	// rotating is nil where rotation is off.
	rotating *rotating

	file        *config.File
	fingerprint string
	pipeline    atomic.Pointer[plugin.Pipeline]
	close       func()
}

// certificates are those that are sealed with now.
func (l *live) certificates() []plugin.Certificate { return certificates(l.pipeline.Load()) }

// start puts the configuration to use for the first time.
func (l *live) start(ctx context.Context, file *config.File) error {
	fingerprint := config.Fingerprint(l.options.config, file)
	pipeline, closePipeline, err := l.build(ctx, file)
	if err != nil {
		return err
	}
	l.use(ctx, file, fingerprint, pipeline, closePipeline)
	return nil
}

// build makes all that requests need. close stops what runs for it.
func (l *live) build(ctx context.Context, file *config.File) (pipeline *plugin.Pipeline, close func(), err error) {
	pipeline, err = newPipeline(ctx, &file.Seal, l.pool, gating{offline: l.options.values.offline, log: l.log, looked: l.recorder.judged})
	if err != nil {
		return nil, nil, err
	}
	revoke, err := l.options.values.addSecrets(ctx, pipeline, &file.Seal)
	if err != nil {
		return nil, nil, err
	}
	stopPolicies := keepPolicies(ctx, pipeline.Gate)
	stopWatching := watch(ctx, l.shown, l.subjects, pipeline, &file.Seal)
	return pipeline, func() { stopWatching(); stopPolicies(); revoke() }, nil
}

// use hands the configuration to the service.
func (l *live) use(ctx context.Context, file *config.File, fingerprint string, pipeline *plugin.Pipeline, closePipeline func()) {
	l.file, l.fingerprint = file, fingerprint
	former := l.pipeline.Swap(pipeline)
	l.recorder.judged(ctx, policiesOf(former), policiesOf(pipeline))
	wait, closeFormer := l.service.Use(plugin.Settings{
		Pipeline:  pipeline,
		Discovery: plugin.Discovery{FileName: file.Plugin.Spec.Discover.FileName, Glob: file.Plugin.Spec.Discover.Find.Glob},
		Static:    staticParameters(file),
		Archive:   file.Seal.Render.Limits.Archive.Source(),
		Timeout:   file.Seal.Render.Timeout.Duration(),
	}), l.close
	l.close = closePipeline
	if closeFormer != nil {
		// Tokens are revoked once no request uses them any more.
		go func() { wait(); closeFormer() }()
	}
}

// run looks for changes until ctx ends.
func (l *live) run(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	refused := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		refused = l.refresh(ctx, refused)
	}
}

// refresh puts a change to use. It returns what it refused last, so that the
// same mistake is told once.
func (l *live) refresh(ctx context.Context, refused string) string {
	// Which files there are changes with plugin.yaml only, which is one of them.
	if config.Fingerprint(l.options.config, l.file) == l.fingerprint {
		return ""
	}
	fingerprint := ""
	file, err := config.Load(l.options.config)
	if err == nil {
		fingerprint = config.Fingerprint(l.options.config, file)
		err = l.change(ctx, file, fingerprint)
	}
	switch {
	case err == nil:
		return ""
	case ctx.Err() != nil:
		return refused
	}
	said := fingerprint + fault.Text(fault.Of(err))
	if said != refused {
		l.log.WithField("code", fault.CodeOf(err)).Error("the configuration stays as it was: " + fault.Text(fault.Of(err)))
		l.recorder.happened(ctx, audit.Config, fault.CodeOf(err), "the configuration stays as it was")
	}
	return said
}

// change puts another configuration in the place of the one that is used.
func (l *live) change(ctx context.Context, file *config.File, fingerprint string) error {
	pipeline, closePipeline, err := l.build(ctx, file)
	if err != nil {
		return err
	}
	if restart := config.NeedsRestart(l.file, file); len(restart) > 0 {
		l.log.WithField("fields", strings.Join(restart, ", ")).Warn("this part of the configuration takes effect at the next start")
	}
	l.use(ctx, file, fingerprint, pipeline, closePipeline)
	l.rotating.follow(ctx, file, pipeline)
	l.log.WithField("fingerprint", fingerprint).Info("the configuration has changed")
	l.recorder.happened(ctx, audit.Config, "", "the configuration has changed, fingerprint "+fingerprint)
	return nil
}
