package plugin

import "encoding/json"

const (
	// maxListed bounds each list of an event: a tenant decides how many references,
	// Secrets and rules a request has.
	maxListed = 500
	// maxListBytes bounds each of an event's six lists as JSON, so that it stays
	// below the trail's mebibyte: an event that is too long would be refused, and
	// with it its request, or the request would go on unrecorded.
	maxListBytes = 128 << 10
	// maxKeyBytes bounds the keys of one injection.
	maxKeyBytes = 16 << 10
)

// omitted counts what is left out of an event, by the name of its list.
type omitted struct{ counts map[string]int }

func (o *omitted) add(name string, count int) {
	if o.counts == nil {
		o.counts = map[string]int{}
	}
	o.counts[name] += count
}

// entries makes those of one list of an event, from the first on as long as there
// is room.
func entries[From, To any](left *omitted, name string, room int, all []From, entry func(From) To) []To {
	var kept []To
	for i, one := range all {
		made := entry(one)
		// The entries are structs of texts and numbers, which always encode.
		encoded, _ := json.Marshal(made)
		if room -= len(encoded) + len(","); room < 0 || i == maxListed {
			left.add(name, len(all)-i)
			break
		}
		kept = append(kept, made)
	}
	return kept
}
