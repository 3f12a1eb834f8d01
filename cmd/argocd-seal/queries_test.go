package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/follow"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/rotation"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
	"github.com/argocd-seal/argocd-seal-plugin/render/worker"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

var (
	// metricName finds the plugin's metrics in a query; those of recording rules
	// stand behind a colon.
	metricName = regexp.MustCompile(`(?:^|[^:a-z_])(argocd_seal_[a-z0-9_]+)`)
	// chosen finds a metric, or what a recording rule made of it, with the labels
	// that a query chooses by.
	chosen = regexp.MustCompile(`(argocd_seal_[a-z0-9_]+)(?::[a-z0-9_]+)?\{([^}]*)\}`)
	match  = regexp.MustCompile(`([a-z_]+)(=~|=|!=|!~)"([^"]*)"`)
	// grouped finds the labels of a sum or of a comparison of two sums.
	grouped = regexp.MustCompile(`\b(?:by|on)\s*\(([^)]*)\)`)
)

// labelValues are all values of the labels that have few, whether they occurred or
// not.
var labelValues = func() map[string][]string {
	known := map[string][]string{
		"check": {"workers", "policies"}, "result": {"hit", "miss", "written", "failed", "exported"},
		"state": {"busy", "waiting", "starting"}, "reason": worker.Reasons(), "operation": vault.Operations(), "outcome": vault.Outcomes(),
	}
	for _, code := range fault.Codes() {
		known["code"] = append(known["code"], string(code.Code))
	}
	for _, problem := range rotation.Problems() {
		known["problem"] = append(known["problem"], string(problem))
	}
	for _, stage := range follow.Stages() {
		known["stage"] = append(known["stage"], string(stage))
	}
	for _, kind := range inject.Kinds() {
		known["kind"] = append(known["kind"], string(kind))
	}
	for _, decision := range []verdict.Decision{verdict.Deny, verdict.Warn, verdict.Waived, verdict.Pass} {
		known["decision"] = append(known["decision"], string(decision))
	}
	return known
}()

// checkQuery expects that a query asks for metrics, labels and values that there
// are: another one is never true, which nobody sees. It returns how many metrics
// the query names.
func checkQuery(t *testing.T, where, query string, families map[string]*dto.MetricFamily) int {
	t.Helper()
	labels := []string{"job", "instance", "le"} // Prometheus adds the first two
	named := metricName.FindAllStringSubmatch(query, -1)
	for _, one := range append(named, chosen.FindAllStringSubmatch(query, -1)...) {
		family := familyOf(one[1], families)
		if family == nil {
			t.Errorf("%s asks for %s, which is not there", where, one[1])
			continue
		}
		for _, label := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, label.GetName())
		}
	}
	for _, one := range chosen.FindAllStringSubmatch(query, -1) {
		for _, pair := range match.FindAllStringSubmatch(one[2], -1) {
			if !slices.Contains(labels, pair[1]) {
				t.Errorf("%s asks for the label %s, which %s has not", where, pair[1], one[1])
			}
			for _, value := range strings.Split(pair[3], "|") {
				if !strings.HasPrefix(value, "$") && !slices.Contains(labelValues[pair[1]], value) {
					t.Errorf("%s asks for %s=%q, which never occurs", where, pair[1], value)
				}
			}
		}
	}
	for _, one := range grouped.FindAllStringSubmatch(query, -1) {
		for _, label := range regexp.MustCompile(`[a-z_]+`).FindAllString(one[1], -1) {
			if len(named) > 0 && !slices.Contains(labels, label) {
				t.Errorf("%s groups by %s, which no metric of it has", where, label)
			}
		}
	}
	return len(named)
}

// familyOf returns the metric that a series is a part of.
func familyOf(series string, families map[string]*dto.MetricFamily) *dto.MetricFamily {
	for _, part := range []string{"", "_bucket", "_count", "_sum"} {
		if base, ok := strings.CutSuffix(series, part); ok && len(families[base].GetMetric()) > 0 {
			return families[base]
		}
	}
	return nil
}
