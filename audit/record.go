package audit

// Record is a line of the trail, decoded.
type Record struct {
	// Seq is the place in the trail. It starts at 1, has no gaps, and never repeats.
	Seq uint64 `json:"seq"`
	// Prev is the SHA-256 of the line before without its line feed, in hexadecimal;
	// 64 zeros in the first line of all.
	Prev string `json:"prev"`
	Event
}
