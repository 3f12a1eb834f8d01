package compare

import "github.com/aymanbagabas/go-udiff/lcs"

// span is a run of two sequences: from and to in the first, fromAfter and toAfter
// in the second. Where same is set the two are equal.
type span struct {
	same               bool
	from, to           int
	fromAfter, toAfter int
}

// spans cuts two sequences into runs that are equal and runs that are not, in
// turn. The search for the fewest differences is bounded, so that sequences with
// little in common take no time without measure.
func spans(before, after []string) []span {
	var all []span
	at, atAfter := 0, 0
	equal := func(to, toAfter int) {
		if to > at {
			all = append(all, span{true, at, to, atAfter, toAfter})
		}
	}
	for _, d := range lcs.DiffLines(before, after) {
		equal(d.Start, d.ReplStart)
		all = append(all, span{false, d.Start, d.End, d.ReplStart, d.ReplEnd})
		at, atAfter = d.End, d.ReplEnd
	}
	equal(len(before), len(after))
	return all
}

// hunksOf gives the runs that differ as lines, with as many lines around as context
// says. Runs that are close to each other share a hunk.
func hunksOf(before, after []string, context int) []Hunk {
	var all []Hunk
	var open *Hunk
	add := func(op byte, lines []string) {
		for _, line := range lines {
			open.Lines = append(open.Lines, Line{op, line})
		}
	}
	cut := spans(before, after)
	for i, s := range cut {
		if s.same {
			continue
		}
		if open == nil {
			lead := 0
			if i > 0 {
				lead = min(context, cut[i-1].to-cut[i-1].from)
			}
			open = &Hunk{Before: s.from - lead + 1, After: s.fromAfter - lead + 1}
			add(' ', before[s.from-lead:s.from])
		}
		add('-', before[s.from:s.to])
		add('+', after[s.fromAfter:s.toAfter])
		if i+2 < len(cut) && cut[i+1].same && cut[i+1].to-cut[i+1].from <= 2*context {
			add(' ', before[cut[i+1].from:cut[i+1].to])
			continue
		}
		if i+1 < len(cut) {
			add(' ', before[cut[i+1].from:min(cut[i+1].from+context, cut[i+1].to)])
		}
		all = append(all, *open)
		open = nil
	}
	return all
}
