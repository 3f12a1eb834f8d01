package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/argocd-seal/argocd-seal-plugin/plugin/rotation"
)

// rotationReadings are the metrics of rotation. Where it is off there are none.
func (t *Telemetry) rotationReadings() readings {
	r := newReadings(func(show show) {
		now, on := t.subjects.Load().rotation()
		if !on {
			return
		}
		show("rotation_leading", truth(now.Leading))
		show("rotation_applications", float64(now.Applications))
		show("rotation_secrets", float64(now.Secrets))
		show("rotation_waiting", float64(now.Waiting))
		for _, problem := range rotation.Problems() {
			show("rotation_findings", float64(now.Problems[problem]), string(problem))
		}
		show("rotation_vault_requests_total", float64(now.VaultRequests-now.VaultFailures), "ok")
		show("rotation_vault_requests_total", float64(now.VaultFailures), "failed")
		show("rotation_refreshes_total", float64(now.Refreshes), "asked")
		show("rotation_refreshes_total", float64(now.Pending), "pending")
		show("rotation_refreshes_total", float64(now.KubernetesFailures), "failed")
	})
	r.gauge("rotation_leading", "Whether this replica watches Vault and refreshes for all of them: 1 or 0.")
	r.gauge("rotation_applications", "Applications in this replica's memory: all on the leader, elsewhere those not shared yet.")
	r.gauge("rotation_secrets", "Secrets in use that the leader asks Vault about.")
	r.gauge("rotation_waiting", "Applications that are behind and wait for their refresh.")
	r.gauge("rotation_findings", "Problems of secrets in use, as the leader found them in its last round.", "problem")
	r.counter("rotation_vault_requests_total", "Questions of rotation to Vault, by whether it answered.", "result")
	r.counter("rotation_refreshes_total",
		"Applications asked to refresh, those that had been asked already, and those that the API server did not change.", "result")
	return r
}

// rotation is false where nothing rotates.
func (s *Subjects) rotation() (stats rotation.Stats, on bool) {
	if s.Rotation == nil {
		return rotation.Stats{}, false
	}
	return s.Rotation()
}

// lag is the histogram that rotation keeps by itself.
type lag struct {
	description *prometheus.Desc
	read        func() (rotation.Stats, bool)
}

func (t *Telemetry) rotationLag() lag {
	return lag{
		description: prometheus.NewDesc(prefix+"rotation_lag_seconds",
			"Time from a new version in Vault until an application that uses it was asked to refresh.", nil, nil),
		read: func() (rotation.Stats, bool) { return t.subjects.Load().rotation() },
	}
}

// Describe implements [prometheus.Collector].
func (l lag) Describe(to chan<- *prometheus.Desc) { to <- l.description }

// Collect implements [prometheus.Collector].
func (l lag) Collect(to chan<- prometheus.Metric) {
	now, on := l.read()
	if !on {
		return
	}
	buckets, count := map[float64]uint64{}, uint64(0)
	for i, within := range now.Lag {
		count += uint64(within) //nolint:gosec // a count is never negative
		if i < len(rotation.LagBounds) {
			buckets[seconds(rotation.LagBounds[i])] = count
		}
	}
	to <- prometheus.MustNewConstHistogram(l.description, count, seconds(now.LagSum), buckets)
}
