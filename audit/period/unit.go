package period

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// unit is a length on the calendar.
type unit int

const (
	unitSecond unit = iota
	unitMinute
	unitHour
	unitDay
	unitWeek
	unitMonth
	unitQuarter
	unitYear
)

var units = map[string]unit{
	"s": unitSecond, "sec": unitSecond, "second": unitSecond,
	"m": unitMinute, "min": unitMinute, "minute": unitMinute,
	"h": unitHour, "hour": unitHour,
	"d": unitDay, "day": unitDay,
	"w": unitWeek, "week": unitWeek,
	"month": unitMonth, "quarter": unitQuarter, "year": unitYear,
}

var weekdays, months = map[string]time.Weekday{}, map[string]time.Month{}

func init() {
	for day := time.Sunday; day <= time.Saturday; day++ {
		name := strings.ToLower(day.String())
		weekdays[name], weekdays[name[:3]] = day, day
	}
	for month := time.January; month <= time.December; month++ {
		name := strings.ToLower(month.String())
		months[name], months[name[:3]] = month, month
	}
}

// around returns the unit of the calendar that t lies in, moved by a number of
// units. Days are those of t's location, so that one may have 23 or 25 hours.
func (u unit) around(t time.Time, offset int) Period {
	year, month, day := t.Date()
	at := func(year int, month time.Month, day int) time.Time {
		return time.Date(year, month, day, 0, 0, 0, 0, t.Location())
	}
	switch u {
	case unitYear:
		return Period{From: at(year+offset, 1, 1), Until: at(year+offset+1, 1, 1)}
	case unitQuarter:
		first := month - (month-1)%3 + time.Month(3*offset)
		return Period{From: at(year, first, 1), Until: at(year, first+3, 1)}
	case unitMonth:
		return Period{From: at(year, month+time.Month(offset), 1), Until: at(year, month+time.Month(offset)+1, 1)}
	case unitWeek:
		monday := day - (int(t.Weekday())+6)%7 + 7*offset
		return Period{From: at(year, month, monday), Until: at(year, month, monday+7)}
	case unitDay:
		return Period{From: at(year, month, day+offset), Until: at(year, month, day+offset+1)}
	default:
		// Not Truncate: zones lie half an hour apart too.
		_, minute, second := t.Clock()
		into := time.Duration(minute)*time.Minute + time.Duration(second)*time.Second + time.Duration(t.Nanosecond())
		length := u.length()
		from := t.Add(time.Duration(offset)*length - into%length)
		return Period{From: from, Until: from.Add(length)}
	}
}

// length is that of a unit that has the same length always; months, quarters
// and years have 0.
func (u unit) length() time.Duration {
	switch u {
	case unitSecond:
		return time.Second
	case unitMinute:
		return time.Minute
	case unitHour:
		return time.Hour
	case unitDay:
		return 24 * time.Hour
	case unitWeek:
		return 7 * 24 * time.Hour
	default:
		return 0
	}
}

// calendar reads "this week" and "last month".
func calendar(words []string, now time.Time) (Period, bool) {
	if len(words) != 2 {
		return Period{}, false
	}
	u, ok := units[words[1]]
	if !ok || len(words[1]) == 1 {
		return Period{}, false
	}
	switch words[0] {
	case "this":
		return u.around(now, 0), true
	case "last":
		return u.around(now, -1), true
	default:
		return Period{}, false
	}
}

// amount is a number with its unit. Four digits reach beyond any trail, and
// overflow nothing.
var amount = regexp.MustCompile(`^([0-9]{1,4}) ?([a-z]+)$`)

func count(words []string) (int, unit, bool) {
	parts := amount.FindStringSubmatch(strings.Join(words, " "))
	if parts == nil {
		return 0, 0, false
	}
	u, ok := units[parts[2]]
	if !ok {
		u, ok = units[strings.TrimSuffix(parts[2], "s")]
	}
	n, err := strconv.Atoi(parts[1])
	return n, u, ok && err == nil
}

// ago reads "2h", "2 hours ago" and "3 days ago".
func ago(words []string, now time.Time) (Period, bool) {
	short := len(words) == 1
	if !short {
		if words[len(words)-1] != "ago" {
			return Period{}, false
		}
		words = words[:len(words)-1]
	}
	n, u, ok := count(words)
	switch {
	case !ok:
		return Period{}, false
	case u.length() > 0 && (short || u < unitDay):
		moment := now.Add(-time.Duration(n) * u.length())
		return Period{From: moment, Until: moment}, true
	case short:
		return Period{}, false
	case u == unitDay || u == unitWeek:
		return unitDay.around(now, -n*int(u.length()/unitDay.length())), true
	default:
		return unitDay.around(monthsAgo(now, n*map[unit]int{unitMonth: 1, unitQuarter: 3, unitYear: 12}[u]), 0), true
	}
}

// monthsAgo stays in the month that is meant: a month before 31 March is the
// last day of February, not a day of March.
func monthsAgo(now time.Time, n int) time.Time {
	year, month, day := now.Date()
	last := time.Date(year, month-time.Month(n)+1, 0, 0, 0, 0, 0, now.Location()).Day()
	return time.Date(year, month-time.Month(n), min(day, last), 0, 0, 0, 0, now.Location())
}

// last reads "last 7 days".
func last(words []string, now time.Time) (Period, bool) {
	if len(words) < 2 || words[0] != "last" {
		return Period{}, false
	}
	n, u, ok := count(words[1:])
	switch {
	case !ok:
		return Period{}, false
	case u.length() > 0:
		return Period{From: now.Add(-time.Duration(n) * u.length()), Until: now}, true
	default:
		return Period{From: monthsAgo(now, n*map[unit]int{unitMonth: 1, unitQuarter: 3, unitYear: 12}[u]), Until: now}, true
	}
}
