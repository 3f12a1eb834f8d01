package audit

import "time"

// Line is one line of the trail, as it stands in the file and as a sink sends it.
type Line struct {
	// Seq is the place in the trail. It starts at 1, has no gaps, and never repeats.
	Seq uint64
	// Time is what the event says.
	Time time.Time
	// JSON is the whole line without its line feed.
	JSON []byte
}
