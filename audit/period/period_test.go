package period_test

import (
	"strings"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit/period"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	location, err := time.LoadLocation(name)
	if err != nil {
		t.Skipf("there is no zone %s here", name)
	}
	return location
}

func TestParse(t *testing.T) {
	// A Wednesday.
	now := time.Date(2026, 11, 25, 14, 35, 10, 500, time.UTC)
	for text, want := range map[string]string{
		"2026-11-03T15:04:05Z":         "2026-11-03T15:04:05Z 2026-11-03T15:04:06Z",
		"2026-11-03T15:04:05+02:00":    "2026-11-03T13:04:05Z 2026-11-03T13:04:06Z",
		"2026-11-03T15:04:05.5Z":       "2026-11-03T15:04:05.5Z 2026-11-03T15:04:05.500000001Z",
		"2026-11-03 15:04:05":          "2026-11-03T15:04:05Z 2026-11-03T15:04:06Z",
		"2026-11-03 15:04":             "2026-11-03T15:04:00Z 2026-11-03T15:05:00Z",
		"2026-11-03T15:04Z":            "2026-11-03T15:04:00Z 2026-11-03T15:05:00Z",
		" 2026-11-03 ":                 "2026-11-03T00:00:00Z 2026-11-04T00:00:00Z",
		"2026-12":                      "2026-12-01T00:00:00Z 2027-01-01T00:00:00Z",
		"2026":                         "2026-01-01T00:00:00Z 2027-01-01T00:00:00Z",
		"November 2025":                "2025-11-01T00:00:00Z 2025-12-01T00:00:00Z",
		"november":                     "2026-11-01T00:00:00Z 2026-12-01T00:00:00Z",
		"dec":                          "2025-12-01T00:00:00Z 2026-01-01T00:00:00Z",
		"now":                          "2026-11-25T14:35:10.0000005Z 2026-11-25T14:35:10.0000005Z",
		"Today":                        "2026-11-25T00:00:00Z 2026-11-26T00:00:00Z",
		"yesterday":                    "2026-11-24T00:00:00Z 2026-11-25T00:00:00Z",
		"last  Tuesday":                "2026-11-24T00:00:00Z 2026-11-25T00:00:00Z",
		"tue":                          "2026-11-24T00:00:00Z 2026-11-25T00:00:00Z",
		"wednesday":                    "2026-11-25T00:00:00Z 2026-11-26T00:00:00Z",
		"last wednesday":               "2026-11-18T00:00:00Z 2026-11-19T00:00:00Z",
		"thursday":                     "2026-11-19T00:00:00Z 2026-11-20T00:00:00Z",
		"this minute":                  "2026-11-25T14:35:00Z 2026-11-25T14:36:00Z",
		"last hour":                    "2026-11-25T13:00:00Z 2026-11-25T14:00:00Z",
		"this week":                    "2026-11-23T00:00:00Z 2026-11-30T00:00:00Z",
		"last week":                    "2026-11-16T00:00:00Z 2026-11-23T00:00:00Z",
		"this month":                   "2026-11-01T00:00:00Z 2026-12-01T00:00:00Z",
		"last month":                   "2026-10-01T00:00:00Z 2026-11-01T00:00:00Z",
		"this quarter":                 "2026-10-01T00:00:00Z 2027-01-01T00:00:00Z",
		"last quarter":                 "2026-07-01T00:00:00Z 2026-10-01T00:00:00Z",
		"last year":                    "2025-01-01T00:00:00Z 2026-01-01T00:00:00Z",
		"2h":                           "2026-11-25T12:35:10.0000005Z 2026-11-25T12:35:10.0000005Z",
		"90 minutes ago":               "2026-11-25T13:05:10.0000005Z 2026-11-25T13:05:10.0000005Z",
		"7d":                           "2026-11-18T14:35:10.0000005Z 2026-11-18T14:35:10.0000005Z",
		"2w":                           "2026-11-11T14:35:10.0000005Z 2026-11-11T14:35:10.0000005Z",
		"3 days ago":                   "2026-11-22T00:00:00Z 2026-11-23T00:00:00Z",
		"2 weeks ago":                  "2026-11-11T00:00:00Z 2026-11-12T00:00:00Z",
		"1 month ago":                  "2026-10-25T00:00:00Z 2026-10-26T00:00:00Z",
		"2 years ago":                  "2024-11-25T00:00:00Z 2024-11-26T00:00:00Z",
		"last 7 days":                  "2026-11-18T14:35:10.0000005Z 2026-11-25T14:35:10.0000005Z",
		"last 3 months":                "2026-08-25T00:00:00Z 2026-11-25T14:35:10.0000005Z",
		"last 24h":                     "2026-11-24T14:35:10.0000005Z 2026-11-25T14:35:10.0000005Z",
		"":                             "",
		"soon":                         "",
		"2026-13-01":                   "",
		"2026-02-30":                   "",
		"11/03/2026":                   "",
		"03.11.2026":                   "",
		"3 months":                     "",
		"3mo":                          "",
		"-2h":                          "",
		"last tuesday morning":         "",
		"this tuesday":                 "",
		"next week":                    "",
		"12345 days ago":               "",
		"ago":                          "",
		"last":                         "",
		"november 20266":               "",
		"2026-11-03\x1b[31m":           "",
		strings.Repeat("yesterday", 9): "",
	} {
		got, err := period.Parse(text, now)
		if want == "" {
			if fault.CodeOf(err) != fault.Parameter || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("Parse(%q) = %v, %v; want E_PARAMETER", text, got, err)
			}
			continue
		}
		shown := got.From.UTC().Format(time.RFC3339Nano) + " " + got.Until.UTC().Format(time.RFC3339Nano)
		if err != nil || shown != want {
			t.Errorf("Parse(%q) = %s, %v; want %s", text, shown, err, want)
		}
	}
}

// Days are those of the person who asks, also where the clocks change.
func TestDaysAreThoseOfTheZone(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	now := time.Date(2026, 10, 26, 0, 30, 0, 0, berlin)
	got, err := period.Parse("yesterday", now)
	if err != nil || got.Until.Sub(got.From) != 25*time.Hour || got.Until.Hour() != 0 {
		t.Errorf("yesterday is %v (%v), want the 25 hours of 25 October", got, err)
	}
	kolkata := zone(t, "Asia/Kolkata")
	got, err = period.Parse("this hour", time.Date(2026, 1, 1, 10, 15, 1, 7, kolkata))
	if err != nil || !got.From.Equal(time.Date(2026, 1, 1, 10, 0, 0, 0, kolkata)) {
		t.Errorf("this hour begins at %v (%v), want 10:00", got.From, err)
	}
}

func TestMonthsAgoStayInTheMonth(t *testing.T) {
	got, err := period.Parse("1 month ago", time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC))
	if want := time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC); err != nil || !got.From.Equal(want) {
		t.Errorf("got %v (%v), want %v", got.From, err, want)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"last 9999 years", "9999w", "last tuesday", "9999", "2026-11-03T15:04:05.123456789+14:00"} {
		f.Add(text)
	}
	now := time.Date(2026, 11, 25, 14, 35, 10, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := period.Parse(text, now); err == nil && got.Until.Before(got.From) {
			t.Errorf("Parse(%q) ends before it begins: %v", text, got)
		}
	})
}
