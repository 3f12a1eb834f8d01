package query_test

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/audit/query"
)

// BenchmarkQuery asks a question of the sample again and again. A line of it has
// 1,300 bytes.
func BenchmarkQuery(b *testing.B) {
	content, err := os.ReadFile(sample)
	if err != nil {
		b.Fatal(err)
	}
	for name, q := range map[string]query.Question{
		"denied":  {Decisions: []string{"deny"}, Environments: []string{"production"}},
		"secret":  {Secrets: []string{"kv/payments/db@7"}},
		"changed": {Changed: true},
	} {
		b.Run(name, func(b *testing.B) {
			filter, err := query.Compile(q, now)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(content)))
			events := 0
			for b.Loop() {
				streams, err := query.Open([]string{"-"}, bytes.NewReader(content))
				if err != nil {
					b.Fatal(err)
				}
				stats, err := query.Answer(b.Context(), io.Discard, streams, filter, query.Options{Format: query.JSON})
				if err != nil {
					b.Fatal(err)
				}
				events += stats.Events
			}
			b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
