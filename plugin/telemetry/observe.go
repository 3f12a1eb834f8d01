package telemetry

import (
	"cmp"
	"context"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/plugin/follow"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

var _ follow.Observer = (*Telemetry)(nil)

// generateCall is the call that renders.
const generateCall = "GenerateManifest"

// Begin counts a request and starts its span.
func (t *Telemetry) Begin(ctx context.Context, request *follow.Request) (context.Context, func(time.Duration, error)) {
	ctx, endSpan := t.requestSpan(ctx, request)
	return ctx, func(took time.Duration, err error) {
		code := codeOf(err)
		t.metrics.requests.WithLabelValues(request.Call, code).Observe(seconds(took))
		if err != nil {
			t.metrics.errors.WithLabelValues(code).Inc()
		}
		if request.Call == generateCall {
			t.rendered(request, code)
		}
		endSpan(code, err)
	}
}

func (t *Telemetry) rendered(request *follow.Request, code string) {
	environment := cmp.Or(request.Environment, none)
	t.metrics.renders.WithLabelValues(environment, knownRenderers.name(cmp.Or(request.Renderer, none)), code).Inc()
	if code != "OK" {
		return
	}
	for kind, count := range request.Injections {
		t.metrics.injections.WithLabelValues(environment, kind).Add(float64(count))
	}
}

// Stage measures a stage and starts its span.
func (t *Telemetry) Stage(ctx context.Context, request *follow.Request, stage follow.Stage) (context.Context, func(time.Duration, error)) {
	ctx, endSpan := t.stageSpan(ctx, request, stage)
	return ctx, func(took time.Duration, err error) {
		t.metrics.stages.WithLabelValues(knownStages.name(string(stage))).Observe(seconds(took))
		endSpan(codeOf(err))
	}
}

// Judged counts a verdict and its outcomes.
func (t *Telemetry) Judged(request *follow.Request, judged verdict.Verdict) {
	t.metrics.verdicts.WithLabelValues(cmp.Or(request.Environment, none), string(judged.Severest())).Inc()
	for _, outcome := range judged.Outcomes {
		t.metrics.outcomes.WithLabelValues(t.rules.name(outcome.Rule), string(outcome.Decision)).Inc()
	}
}

// Vault counts one request to Vault; it is a [vault.Observe].
func (t *Telemetry) Vault(operation, outcome string, took time.Duration) {
	t.metrics.vault.WithLabelValues(knownOperations.name(operation), knownOutcomes.name(outcome)).Observe(seconds(took))
}

// Audited counts an event of the audit trail; err is why it was not written.
func (t *Telemetry) Audited(err error) {
	result := "written"
	if err != nil {
		result = "failed"
	}
	t.metrics.auditEvents.WithLabelValues(result).Inc()
}
