package report_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/period"
	"github.com/argocd-seal/argocd-seal-plugin/audit/query"
	"github.com/argocd-seal/argocd-seal-plugin/audit/report"
)

// november returns the renders of the sample's November, read by encoding/json.
func november(t *testing.T) []audit.Record {
	t.Helper()
	file, err := os.Open(sample)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	var renders []audit.Record
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var one audit.Record
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			t.Fatal(err)
		}
		if one.Type == audit.Render && one.Time.Month() == 11 {
			renders = append(renders, one)
		}
	}
	return renders
}

func count(renders []audit.Record, is func(audit.Record) bool) string {
	n := 0
	for _, one := range renders {
		if is(one) {
			n++
		}
	}
	return fmt.Sprint(n)
}

func denied(r audit.Record) bool { return r.Verdict != nil && r.Verdict.Decision == "deny" }
func failed(r audit.Record) bool { return r.Outcome != "OK" && !denied(r) }
func passed(r audit.Record) bool { return r.Outcome == "OK" }

func reportOfNovember(t *testing.T) page {
	t.Helper()
	november, err := period.Parse("november", now)
	if err != nil {
		t.Fatal(err)
	}
	return made(t, query.Question{}, report.Options{Period: november}, "", sample)
}

// The numbers are those of the trail, counted here in another way.
func TestNumbersAreThoseOfTheTrail(t *testing.T) {
	page, renders := reportOfNovember(t), november(t)
	every := func(audit.Record) bool { return true }
	for says, want := range map[string]string{
		"renders": count(renders, every), "denied": count(renders, denied), "failed": count(renders, failed),
	} {
		if got, _ := page.tile(says); got != want || got == "0" {
			t.Errorf("the page counts %s %s, the trail has %s", got, says, want)
		}
	}
	days := page.rows("Renders as a table")
	if len(days) != 26 {
		t.Errorf("the chart has %d days, want 1 to 26 November", len(days))
	}
	for i, row := range days {
		on := func(is func(audit.Record) bool) string {
			return count(renders, func(r audit.Record) bool { return r.Time.Day() == i+1 && is(r) })
		}
		want := []string{fmt.Sprintf("%d November 2026", i+1), on(every), on(passed), on(denied), on(failed)}
		if diff := cmp.Diff(want, row[:5]); diff != "" {
			t.Errorf("(-trail +page):\n%s", diff)
		}
	}
	for _, row := range page.rows("Environments") {
		in := func(is func(audit.Record) bool) string {
			return count(renders, func(r audit.Record) bool { return r.Environment == row[0] && is(r) })
		}
		if want := []string{in(every), in(denied), in(failed)}; !slices.Equal(want, []string{row[2], row[4], row[5]}) {
			t.Errorf("%s has %v on the page, and %v in the trail", row[0], row, want)
		}
	}
	rules := page.rows("Denials by rule")
	for _, row := range rules {
		rule, _, _ := strings.Cut(row[0], " ")
		if want := count(renders, func(r audit.Record) bool { return denied(r) && slices.Contains(r.Verdict.Denied, rule) }); row[1] != want {
			t.Errorf("%s denied %s on the page, and %s in the trail", rule, row[1], want)
		}
	}
	if len(rules) != 8 {
		t.Errorf("%d rules denied: %v", len(rules), rules)
	}
}

// What cannot be counted in one line is written down here, from the story of the
// sample.
func TestThePageTellsTheStory(t *testing.T) {
	page := reportOfNovember(t)
	for _, test := range []struct {
		label string
		want  [][]string
	}{
		{"Denials by project", [][]string{
			{"shop-production", "4", "", "64"}, {"platform-production", "1", "", "45"},
		}},
		{"Waivers", [][]string{
			{"pod-host-network DaemonSet ingress/controller ingress-production", "team-platform", "until the load balancer is replaced", "2026-11-06", "expired", "7 last 2026-11-06"},
			{"pod-read-only-root StatefulSet shop/search shop-search-production", "team-shop", "the index is written beside the program until release 9", "2026-12-04", "7, soon", "19 last 2026-11-26"},
			{"pod-host-path DaemonSet monitoring/node-exporter monitoring-production", "team-platform", "the exporter reads the host's metrics", "2027-03-31", "124", "20 last 2026-11-26"},
			{"workload-probes CronJob payments/reports payments-reports-production", "team-payments", "a job that runs once a day needs no probe", "2027-04-30", "154", "21 last 2026-11-25"},
		}},
		{"Failures by code", [][]string{
			{"E_VAULT Vault could not be asked", "8", "", "2026-11-12",
				"monitoring-production, monitoring-staging, payments-api-production, payments-api-staging, shop-checkout-production, shop-checkout-staging, shop-web-production, shop-web-staging"},
			{"E_FORBIDDEN the application may not use this reference", "2", "", "2026-11-13", "payments-api-production, payments-api-staging"},
			{"E_KUSTOMIZE kustomize cannot build", "2", "", "2026-11-06", "payments-reports-production, payments-reports-staging"},
			{"E_SCHEMA values do not meet the chart's schema", "2", "", "2026-11-19", "ingress-production, ingress-staging"},
		}},
	} {
		if diff := cmp.Diff(test.want, page.rows(test.label)); diff != "" {
			t.Errorf("%s (-want +page):\n%s", test.label, diff)
		}
	}
	secrets := page.rows("Secrets")
	for _, want := range [][]string{
		// First in use long before November, and still where the version is pinned.
		{"kv/payments/db", "6", "behind 7", "32", "", "2026-10-26", "2026-11-25", "payments-reports-production"},
		{"kv/payments/db", "7", "in use", "9", "", "2026-11-17", "2026-11-26", "payments-api-production, payments-api-staging, payments-db-production, payments-db-staging, payments-reports-staging"},
	} {
		if !slices.ContainsFunc(secrets, func(row []string) bool { return slices.Equal(row, want) }) {
			t.Errorf("the page has no secret %v:\n%v", want, secrets)
		}
	}
	if number, adds := page.tile("waivers used"); number != "4" || adds != "2 expired or soon" {
		t.Errorf("%s waivers used, %s", number, adds)
	}
	if number, adds := page.tile("days in use"); number != "32" || adds != "is the oldest secret; 1 old version in use" {
		t.Errorf("%s days in use, %s", number, adds)
	}
}
