// Package period reads times as people write them. Whatever is written names a
// span, so that one word serves as the beginning and as the end of a question:
// "last tuesday" is a whole day, "this month" a month, "2026-11-03 15:04" a
// minute.
//
// A full parser of natural language guesses; a wrong guess in an audit is a
// wrong answer. So this is a small grammar, and what it does not know is an
// error:
//
//	2026-11-03T15:04:05Z   RFC 3339: that second, or fraction of it
//	2026-11-03 15:04       that minute; also with seconds, or T for the space
//	2026-11-03             that day
//	2026-11, 2026          that month, that year
//	november 2026, nov     that month; without a year the last one that began
//	now                    the moment
//	today, yesterday       that day
//	tuesday                the last one that began, which may be today
//	last tuesday           the last one before today
//	this week, last month  minute, hour, day, week, month, quarter or year of the
//	                       calendar; weeks begin on Monday
//	last 7 days            up to now, from seven times 24 hours ago
//	2h, 90m, 7d, 2w        the moment that long ago; also "2 hours ago"
//	3 days ago             that day; also weeks, months and years
package period

import (
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Period is a span of time. From belongs to it and Until does not; where both
// are equal it is a moment.
type Period struct{ From, Until time.Time }

// maxText bounds what is read: the longest form has some thirty characters.
const maxText = 64

// Parse reads a time as the package describes. Relative forms count from now,
// and what names no zone is of now's location. Letters may be upper or lower
// case. What cannot be read is a fault with the code E_PARAMETER.
func Parse(text string, now time.Time) (Period, error) {
	words := strings.Fields(strings.ToLower(text))
	if len(text) <= maxText && len(words) > 0 {
		for _, form := range []func([]string, time.Time) (Period, bool){written, named, calendar, ago, last} {
			if period, ok := form(words, now); ok {
				return period, nil
			}
		}
	}
	return Period{}, fault.New(fault.Parameter, "%q is not a time", fault.Clean(text, maxText)).
		WithFix("write 2026-11-03, 2026-11-03T15:04:05Z, 2h, yesterday, last tuesday or this month")
}

// layouts are the forms of digits, with the length of what each names.
var layouts = []struct {
	layout string
	next   func(time.Time) time.Time
}{
	{time.RFC3339, seconds},
	{"2006-01-02T15:04:05", seconds},
	{"2006-01-02 15:04:05", seconds},
	{"2006-01-02T15:04Z07:00", minutes},
	{"2006-01-02T15:04", minutes},
	{"2006-01-02 15:04", minutes},
	{"2006-01-02", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
	{"2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
	{"2006", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
}

func seconds(t time.Time) time.Time {
	// Parsing takes a fraction too; then the moment is as exact as it gets.
	if t.Nanosecond() != 0 {
		return t.Add(1)
	}
	return t.Add(time.Second)
}

func minutes(t time.Time) time.Time { return t.Add(time.Minute) }

func written(words []string, now time.Time) (Period, bool) {
	text := strings.ToUpper(strings.Join(words, " "))
	for _, form := range layouts {
		if from, err := time.ParseInLocation(form.layout, text, now.Location()); err == nil {
			return Period{From: from, Until: form.next(from)}, true
		}
	}
	return Period{}, false
}

// named reads single words and months.
func named(words []string, now time.Time) (Period, bool) {
	switch text := strings.Join(words, " "); text {
	case "now":
		return Period{From: now, Until: now}, true
	case "today":
		return unitDay.around(now, 0), true
	case "yesterday":
		return unitDay.around(now, -1), true
	}
	if day, ok := weekdays[words[len(words)-1]]; ok && (len(words) == 1 || len(words) == 2 && words[0] == "last") {
		back := (int(now.Weekday()) - int(day) + 7) % 7
		if back == 0 && len(words) == 2 {
			back = 7
		}
		return unitDay.around(now, -back), true
	}
	return namedMonth(words, now)
}

func namedMonth(words []string, now time.Time) (Period, bool) {
	month, ok := months[words[0]]
	if !ok || len(words) > 2 {
		return Period{}, false
	}
	year := now.Year()
	if len(words) == 2 {
		named, err := time.Parse("2006", words[1])
		if err != nil {
			return Period{}, false
		}
		year = named.Year()
	} else if month > now.Month() {
		year--
	}
	return unitMonth.around(time.Date(year, month, 1, 0, 0, 0, 0, now.Location()), 0), true
}
