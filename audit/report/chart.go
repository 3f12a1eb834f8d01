package report

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// The chart's size in the units of its drawing. It is as wide as the page.
const (
	chartWidth, chartHeight = 960.0, 240.0
	chartLeft, chartRight   = 44.0, 8.0
	chartTop, chartBottom   = 12.0, 28.0
	// maxColumns is how many columns are told apart; beyond, days become weeks,
	// and weeks months.
	maxColumns = 92
)

// chart is columns of renders over time, stacked by what became of them.
type chart struct {
	Width, Height, Left, Right, Base float64
	// Unit is day, week or month.
	Unit    string
	Columns []column
	Ticks   []tick
}

type column struct {
	X, Width float64
	// Label stands below the axis, where it is not empty. Minor ones are left
	// out on a narrow page.
	Label    string
	Minor    bool
	Middle   float64
	Name     string
	Segments []segment
	figures
}

// segment is one part of a column, from the bottom to the top.
type segment struct {
	Class     string
	Y, Height float64
}

// tick is a line of the grid.
type tick struct {
	Y    float64
	Text string
}

// unit names what a column stands for.
type unit struct {
	name  string
	start func(time.Time) time.Time
	next  func(time.Time) time.Time
	text  string
}

var chartUnits = []unit{
	{"day", func(t time.Time) time.Time { return t }, func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }, "2 Jan"},
	{"week", func(t time.Time) time.Time { return t.AddDate(0, 0, -(int(t.Weekday())+6)%7) }, func(t time.Time) time.Time { return t.AddDate(0, 0, 7) }, "2 Jan"},
	{"month", func(t time.Time) time.Time { return t.AddDate(0, 0, 1-t.Day()) }, func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }, "Jan 2006"},
}

// newChart lays out the figures of days; nil where there is none.
func newChart(days map[time.Time]*figures) *chart {
	if len(days) == 0 {
		return nil
	}
	sorted := slices.SortedFunc(maps.Keys(days), time.Time.Compare)
	var columns []column
	var chosen unit
	for _, chosen = range chartUnits {
		if columns = gather(days, sorted, chosen); columns != nil {
			break
		}
	}
	if columns == nil {
		// More than some seven years: the newest are shown.
		first := sorted[len(sorted)-1].AddDate(0, -maxColumns+1, 0)
		sorted = slices.DeleteFunc(sorted, func(t time.Time) bool { return t.Before(first) })
		columns = gather(days, sorted, chosen)
	}
	c := &chart{
		Width: chartWidth, Height: chartHeight, Left: chartLeft, Right: chartWidth - chartRight, Base: chartHeight - chartBottom,
		Unit: chosen.name, Columns: columns,
	}
	c.layOut()
	return c
}

// gather makes columns without gaps; nil where there were too many.
func gather(days map[time.Time]*figures, sorted []time.Time, u unit) []column {
	var columns []column
	at := u.start(sorted[0])
	for i := 0; i < len(sorted); at = u.next(at) {
		if len(columns) == maxColumns {
			return nil
		}
		one := column{Name: at.Format("2 January 2006"), Label: at.Format(u.text)}
		for ; i < len(sorted) && sorted[i].Before(u.next(at)); i++ {
			one.figures.add(*days[sorted[i]])
		}
		columns = append(columns, one)
	}
	return columns
}

func (c *chart) layOut() {
	highest := 0
	for _, one := range c.Columns {
		highest = max(highest, one.Renders)
	}
	step := roundStep(highest)
	top := max((highest+step-1)/step, 1) * step
	perRender := (c.Base - chartTop) / float64(top)
	for n := 0; n <= top; n += step {
		c.Ticks = append(c.Ticks, tick{Y: c.Base - float64(n)*perRender, Text: fmt.Sprint(n)})
	}
	room := (c.Right - c.Left) / float64(len(c.Columns))
	// A label needs some 60 units.
	every := max(1, int(60/room)+1)
	for i := range c.Columns {
		one := &c.Columns[i]
		one.Width = min(room*.78, 36)
		one.Middle = c.Left + room*(float64(i)+.5)
		one.X = one.Middle - one.Width/2
		if i%every != 0 || one.Middle > c.Right-24 && i > 0 {
			one.Label = ""
		}
		one.Minor = i%(2*every) != 0
		y := c.Base
		for _, part := range []struct {
			class string
			count int
		}{{"passed", one.Passed}, {"denied", one.Denied}, {"failed", one.Failed}} {
			if height := float64(part.count) * perRender; height > 0 {
				y -= height
				one.Segments = append(one.Segments, segment{part.class, y, height})
			}
		}
	}
}

// roundStep returns the distance of the grid's lines: 1, 2 or 5 times a power of
// ten, so that there are at most five.
func roundStep(highest int) int {
	for power := 1; ; power *= 10 {
		for _, factor := range []int{1, 2, 5} {
			if step := factor * power; highest <= 5*step {
				return step
			}
		}
	}
}
