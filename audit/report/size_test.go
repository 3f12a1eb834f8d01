package report_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html/atom"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/period"
	"github.com/argocd-seal/argocd-seal-plugin/audit/query"
	"github.com/argocd-seal/argocd-seal-plugin/audit/report"
)

func TestAnEmptyTrailIsAPage(t *testing.T) {
	for name, stdin := range map[string]string{
		"no event": "", "no render": written(t, audit.Event{Type: audit.Checkpoint, Outcome: "OK"}),
	} {
		page := made(t, query.Question{}, report.Options{}, stdin)
		if number, adds := page.tile("renders"); number != "0" || adds != "of 0 applications" {
			t.Errorf("%s: %s renders %s", name, number, adds)
		}
		if number, adds := page.tile("days in use"); number != "0" || adds != "no secret was used" {
			t.Errorf("%s: %s days in use %s", name, number, adds)
		}
		for _, says := range []string{"Nothing was rendered.", "No policy denied anything.", "No waiver was used.", "No secret was used.", "Nothing failed.", "Nothing changed.", "Nothing happened to it."} {
			if !strings.Contains(page.text, says) {
				t.Errorf("%s: the page does not say %q", name, says)
			}
		}
		if len(all(page.root, atom.Figure)) > 0 || strings.Contains(page.text, "NaN") || strings.Contains(page.text, "0001") {
			t.Errorf("%s: the page shows what is not there", name)
		}
	}
	if page := made(t, query.Question{}, report.Options{}, ""); !strings.Contains(page.text, "no events") {
		t.Error("the page has a period without events")
	}
}

func TestOneEventIsAPage(t *testing.T) {
	page := made(t, query.Question{}, report.Options{}, written(t, audit.Event{
		Type: audit.Render, App: "web", Environment: "production", Outcome: "OK", Output: "1", Time: now,
		References: []audit.Reference{{Mount: "kv", Path: "db", Version: 3}},
	}))
	if number, adds := page.tile("renders"); number != "1" || adds != "of 1 application" {
		t.Errorf("%s renders %s", number, adds)
	}
	if rows := page.rows("Renders as a table"); len(rows) != 1 || strings.Join(rows[0], "|") != "27 November 2026|1|1|0|0|1" {
		t.Errorf("the chart has %v", rows)
	}
	if rows := page.rows("Secrets"); len(rows) != 1 || strings.Join(rows[0], "|") != "kv/db|3|in use|0||2026-11-27|2026-11-27|web" {
		t.Errorf("the secrets are %v", rows)
	}
	if number, adds := page.tile("days in use"); number != "0" || adds != "is the oldest secret; all are the newest" {
		t.Errorf("%s days in use, %s", number, adds)
	}
}

// many events name as many things as they can: everything that is listed is
// bounded, and says what it leaves out.
func TestThePageIsBounded(t *testing.T) {
	const events = 100_000
	var b strings.Builder
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range events {
		at := start.Add(time.Duration(i) * 15 * time.Minute).Format(time.RFC3339)
		name := fmt.Sprintf("%s-%d", strings.Repeat("x", 200), i)
		switch i % 4 {
		case 0:
			fmt.Fprintf(&b, `{"version":1,"time":%q,"type":"render","app":%q,"project":%[2]q,"environment":%[2]q,"author":%[2]q,"subject":%[2]q,"outcome":"OK","output":%[2]q,"references":[{"mount":"kv","path":%[2]q,"secretVersion":1}],"verdict":{"decision":"waived","waived":[{"rule":%[2]q,"owner":"a","reason":%[2]q,"expires":"2026-11-28"}]}}`, at, name)
		case 1:
			fmt.Fprintf(&b, `{"version":1,"time":%q,"type":"render","app":"web","project":%q,"outcome":"E_POLICY","verdict":{"decision":"deny","denied":[%[2]q]}}`, at, name)
		case 2:
			fmt.Fprintf(&b, `{"version":1,"time":%q,"type":"render","app":"web","outcome":%q,"codes":[%[2]q]}`, at, name)
		default:
			fmt.Fprintf(&b, `{"version":1,"time":%q,"type":"config","outcome":"OK","message":%q}`, at, name)
		}
		b.WriteByte('\n')
	}
	page := made(t, query.Question{}, report.Options{}, b.String())
	if size := len(page.text); size > 4<<20 {
		t.Errorf("the page has %d bytes", size)
	}
	for says, want := range map[string]string{"renders": "75000", "denied": "25000", "failed": "25000", "changes": "25000", "waivers used": "5000"} {
		if got, _ := page.tile(says); got != want {
			t.Errorf("%s %s, want %s", got, says, want)
		}
	}
	for label, most := range map[string]int{
		"Denials by rule": 300, "Waivers": 300, "Secrets": 300, "Failures by code": 300, "Environments": 300, "Renders as a table": 92, "Events of the plugin": 200,
	} {
		if rows := page.rows(label); len(rows) == 0 || len(rows) > most {
			t.Errorf("%s has %d rows, want at most %d", label, len(rows), most)
		}
	}
	for _, says := range []string{"4700 more rows left out.", "20000 events counted for nothing here", "24000 older changes left out", "of more than 500 applications"} {
		if !strings.Contains(textOf(page.root), says) {
			t.Errorf("the page does not say that it leaves out: %q", says)
		}
	}
}

// chart builds the page of one render at each of some times.
func chart(t *testing.T, location *time.Location, times ...string) [][]string {
	t.Helper()
	var events []audit.Event
	for _, text := range times {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, audit.Event{Type: audit.Render, App: "web", Outcome: "OK", Time: at})
	}
	return made(t, query.Question{}, report.Options{Location: location}, written(t, events...)).rows("Renders as a table")
}

func TestDaysAreThoseOfTheZone(t *testing.T) {
	east := time.FixedZone("UTC+5:45", 5*3600+45*60)
	rows := chart(t, east, "2026-11-26T18:14:59Z", "2026-11-26T18:15:00Z", "2026-11-28T12:00:00Z")
	if got := fmt.Sprint(rows); got != "[[26 November 2026 1 1 0 0 0] [27 November 2026 1 1 0 0 0] [28 November 2026 1 1 0 0 0]]" {
		t.Errorf("got %s", got)
	}
	// A year that ends on a Thursday: its week begins in it.
	rows = chart(t, time.UTC, "2026-10-01T00:00:00Z", "2027-01-03T23:59:59Z")
	if len(rows) != 14 || rows[0][0] != "28 September 2026" || rows[13][0] != "28 December 2026" || rows[13][1] != "1" {
		t.Errorf("the weeks are %v", rows)
	}
	rows = chart(t, time.UTC, "2024-01-31T00:00:00Z", "2026-02-28T23:59:59Z")
	if len(rows) != 26 || rows[0][0] != "1 January 2024" || rows[25][0] != "1 February 2026" {
		t.Errorf("the months are %v", rows)
	}
	rows = chart(t, time.UTC, "1999-01-31T00:00:00Z", "2026-02-28T23:59:59Z")
	if len(rows) > 92 || rows[len(rows)-1][0] != "1 February 2026" {
		t.Errorf("%d months, the last is %v", len(rows), rows[len(rows)-1])
	}
}

// A day where the clocks change has 25 hours, and the next one begins after it.
func TestADayMayHave25Hours(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("there are no zones here")
	}
	rows := chart(t, berlin, "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z")
	if got := fmt.Sprint(rows); got != "[[25 October 2026 2 2 0 0 0] [26 October 2026 1 1 0 0 0]]" {
		t.Errorf("got %s", got)
	}
}

// What was before the period counts for ages and not for figures; what is after
// it counts for nothing.
func TestThePeriodIsKept(t *testing.T) {
	at := func(day int) time.Time { return time.Date(2026, 11, day, 12, 0, 0, 0, time.UTC) }
	use := func(day, version int, output string) audit.Event {
		return audit.Event{Type: audit.Render, App: "web", Outcome: "OK", Output: output, Time: at(day), References: []audit.Reference{{Mount: "kv", Path: "db", Version: version}}}
	}
	week, err := period.Parse("last week", at(26))
	if err != nil {
		t.Fatal(err)
	}
	page := made(t, query.Question{}, report.Options{Period: week, AsOf: at(26)}, written(t, use(2, 1, "a"), use(10, 1, "a"), use(17, 1, "a"), use(24, 2, "b")))
	if !strings.Contains(page.text, "16 November 2026 to 22 November 2026") {
		t.Error("the page does not name the week")
	}
	if number, _ := page.tile("renders"); number != "1" {
		t.Errorf("%s renders, want the one of the week", number)
	}
	// The same output as before the week is no change.
	if number, _ := page.tile("changes"); number != "0" {
		t.Errorf("%s changes", number)
	}
	if rows := page.rows("Secrets"); len(rows) != 1 || strings.Join(rows[0], "|") != "kv/db|1|in use|24||2026-11-02|2026-11-17|web" {
		t.Errorf("the secrets are %v", rows)
	}
}

func TestDaysLeftOfAWaiver(t *testing.T) {
	for expires, want := range map[string]string{
		"2026-11-26": "expired", "2026-11-27": "0, soon", "2026-11-28": "1, soon", "2026-12-10": "13, soon", "2026-12-11": "14", "2027-11-27": "365", "soon": "unknown", "": "unknown",
	} {
		page := made(t, query.Question{}, report.Options{}, written(t, audit.Event{
			Type: audit.Render, App: "web", Outcome: "OK", Time: now,
			Verdict: &audit.Verdict{Decision: "waived", Waived: []audit.Waiver{{Rule: "pod-root", Owner: "shop", Reason: "old", Expires: expires}}},
		}))
		if rows := page.rows("Waivers"); len(rows) != 1 || rows[0][4] != want {
			t.Errorf("a waiver until %q: %v, want %s", expires, rows, want)
		}
	}
}
