package query_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/audit/query"
)

// The three questions that the trail is kept for, as people ask them.
func TestPeopleGetAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		question query.Question
		by       string
		want     string
	}{
		"who changed the database configuration last Tuesday": {
			question: query.Question{Paths: []string{"apps/database"}, Changed: true, On: "last tuesday"},
			want: `
TIME (UTC)           APP                     ENVIRONMENT  REVISION    AUTHOR                            OUTCOME  CHANGED BY  WHAT
2026-11-24 09:21:49  payments-db-production  production   0126f10643  Grace Hopper <grace@example.com>  pass     commit      Allow 400 connections for the sale
2026-11-24 13:38:31  payments-db-staging     staging      c8ebc0b267  Ada Lovelace <ada@example.com>    pass     commit      Log statements that take longer than a second
2026-11-24 13:44:56  payments-db-production  production   c8ebc0b267  Ada Lovelace <ada@example.com>    pass     commit      Log statements that take longer than a second

3 of 457 events
`,
		},
		"which apps used kv/payments/db version 7": {
			question: query.Question{Secrets: []string{"kv/payments/db@7"}},
			by:       "app",
			want: `
APP                       EVENTS  FIRST (UTC)          LAST
payments-api-production   11      2026-11-17 22:01:10  2026-11-26 13:54:48
payments-api-staging      11      2026-11-17 22:01:09  2026-11-26 13:48:22
payments-db-production    7       2026-11-17 22:01:05  2026-11-25 06:00:13
payments-reports-staging  7       2026-11-17 22:01:14  2026-11-25 06:03:14
payments-db-staging       6       2026-11-17 22:01:04  2026-11-25 06:00:00

42 of 457 events
`,
		},
		"what was denied in production this month": {
			question: query.Question{Decisions: []string{"deny"}, Environments: []string{"production"}, Since: "this month"},
			want: `
TIME (UTC)           APP                       ENVIRONMENT  REVISION    AUTHOR                                  OUTCOME  WHAT
2026-11-04 11:28:10  shop-search-production    production   70c896ce20  Karen Spärck Jones <karen@example.com>  deny     network-policy-missing, workload-resources: Move the index to its own volume
2026-11-11 13:23:32  shop-web-production       production   d3b45b318f  Karen Spärck Jones <karen@example.com>  deny     pod-privilege-escalation, pod-root: Run the thumbnailer as root to read old files
2026-11-16 11:18:58  monitoring-production     production   3988cc9316  Alan Turing <alan@example.com>          deny     pod-host-path: Mount the container runtime's socket
2026-11-18 09:28:00  shop-checkout-production  production   980bf2927f  Edith Clarke <edith@example.com>        deny     ingress-tls, service-exposed: Expose the checkout to the partner
2026-11-25 10:28:24  shop-web-production       production   a9a2ba4e5c  Edith Clarke <edith@example.com>        deny     image-digest: Ship the banner of the sale

5 of 457 events
`,
		},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			got, stats := ask(t, test.question, query.Options{By: test.by}, "", sample)
			if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if stats.Bad > 0 || len(stats.Unfinished) > 0 {
				t.Errorf("the sample is not whole: %+v", stats)
			}
		})
	}
}
