package compare

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// sequence is a random text of few different lines.
func sequence(random *rand.Rand, length int) []string {
	lines := make([]string, length)
	for i := range lines {
		lines[i] = string(rune('a' + random.IntN(6)))
	}
	return lines
}

// TestHunksHoldBothSides takes both sides apart and puts them together again from
// the hunks and the lines between: whatever differs is in a hunk, and once.
func TestHunksHoldBothSides(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same sequences each time
	for range 2000 {
		before, after := sequence(random, random.IntN(40)), sequence(random, random.IntN(40))
		if random.IntN(3) > 0 { // mostly alike
			after = slices.Clone(before)
			for range random.IntN(4) {
				at := random.IntN(len(after) + 1)
				after = slices.Insert(after, at, "new")
			}
		}
		context := random.IntN(4)
		at, atAfter := 0, 0
		for _, hunk := range hunksOf(before, after, context) {
			if !slices.Equal(before[at:hunk.Before-1], after[atAfter:hunk.After-1]) {
				t.Fatalf("%q and %q: what lies before a hunk differs", before, after)
			}
			at, atAfter = hunk.Before-1, hunk.After-1
			changed := false
			for _, line := range hunk.Lines {
				if line.Op != '+' {
					if before[at] != line.Text {
						t.Fatalf("%q and %q: line %d is %q in the hunk", before, after, at, line.Text)
					}
					at++
				}
				if line.Op != '-' {
					if after[atAfter] != line.Text {
						t.Fatalf("%q and %q: line %d afterwards is %q in the hunk", before, after, atAfter, line.Text)
					}
					atAfter++
				}
				changed = changed || line.Op != ' '
			}
			if !changed {
				t.Fatalf("%q and %q: a hunk changes nothing", before, after)
			}
		}
		if !slices.Equal(before[at:], after[atAfter:]) {
			t.Fatalf("%q and %q: what lies behind the last hunk differs", before, after)
		}
	}
}
