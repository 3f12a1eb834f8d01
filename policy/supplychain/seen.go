package supplychain

import (
	"cmp"
	"slices"
)

// Seen is an image as the trail keeps it: what was verified under which name, and
// who signed it.
type Seen struct {
	// Image is registry and repository.
	Image  string
	Digest string
	// Rule is the name of the rule that counted; empty where it has none.
	Rule string
	// SignedBy are the names of the signers whose signatures count.
	SignedBy []string
}

// Seen returns each image with a digest once, in the order of their names. A nil
// Result has none.
func (r *Result) Seen() []Seen {
	if r == nil {
		return nil
	}
	var all []Seen
	for _, one := range r.Images {
		if one.Name.Digest == "" {
			continue
		}
		seen := Seen{Image: one.Name.Full(), Digest: one.Name.Digest, Rule: one.Rule}
		for _, signature := range one.evidence.signatures {
			seen.SignedBy = append(seen.SignedBy, signature.Signer)
		}
		slices.Sort(seen.SignedBy)
		seen.SignedBy = slices.Compact(seen.SignedBy)
		all = append(all, seen)
	}
	order := func(a, b Seen) int { return cmp.Or(cmp.Compare(a.Image, b.Image), cmp.Compare(a.Digest, b.Digest)) }
	slices.SortStableFunc(all, order)
	return slices.CompactFunc(all, func(a, b Seen) bool { return order(a, b) == 0 })
}
