package main

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/telemetry"
	"github.com/argocd-seal/argocd-seal-plugin/policy/reload"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

// probeInterval is how often Vault is asked whether the logins work.
const probeInterval = 30 * time.Second

// newTelemetry returns metrics, and traces where a collector is configured. stop
// sends the last spans.
func newTelemetry(ctx context.Context, settings config.Telemetry, log logrus.FieldLogger) (shown *telemetry.Telemetry, stop func(), err error) {
	readiness := telemetry.WithReadiness(telemetry.Mode(settings.Readiness), settings.StartupWait.Duration())
	otlp := settings.OTLP
	if otlp.Address == "" {
		return telemetry.New(version, readiness), func() {}, nil
	}
	traces, err := telemetry.Trace(ctx, telemetry.Collector{
		Address: otlp.Address, Insecure: otlp.Insecure, HeadersFile: otlp.HeadersFile, CAFile: otlp.CAFile, Attributes: otlp.Attributes,
	}, version, log)
	if err != nil {
		return nil, nil, err
	}
	return telemetry.New(version, readiness, telemetry.WithTraces(traces)), traces.Stop, nil
}

// watch has the telemetry show the parts of a pipeline, beside those that are
// there already, and asks Vault whether the logins work until stop is called.
func watch(ctx context.Context, shown *telemetry.Telemetry, subjects telemetry.Subjects, pipeline *plugin.Pipeline, settings *config.SealConfig) (stop func()) {
	stop = func() {}
	if gate, ok := pipeline.Gate.(*reload.Gate); ok {
		subjects.Policies = gate.State
		if settings.Policy.Interval > 0 {
			subjects.StaleAfter = settings.Policy.StaleAfter.Duration()
		}
	}
	if stage, ok := pipeline.Secrets.(*secrets.Stage); ok {
		subjects.Certificates = map[string]time.Time{}
		for _, certificate := range certificates(pipeline) {
			subjects.Certificates[certificate.Environment] = certificate.NotAfter
		}
		subjects.Caches = map[string]func() (hits, misses uint64){"sealing": sealing(stage)}
		if shared, ok := stage.Source.(*store.Shared); ok {
			subjects.Caches["values"] = shared.Use
			if client, ok := shared.Source().(*vault.Client); ok {
				client.Observe(shown.Vault)
				subjects.Vault = client.States
				stop = probe(ctx, client)
			}
		}
	}
	shown.Watch(subjects)
	return stop
}

// sealing adds up what the sealers of all environments took from memory.
func sealing(stage *secrets.Stage) func() (hits, misses uint64) {
	return func() (hits, misses uint64) {
		for _, environment := range stage.Environments {
			if environment.Sealer != nil {
				hit, missed := environment.Sealer.CacheUse()
				hits, misses = hits+hit, misses+missed
			}
		}
		return hits, misses
	}
}

func probe(ctx context.Context, client *vault.Client) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		client.Probe(ctx, probeInterval)
	}()
	return func() { cancel(); <-done }
}
