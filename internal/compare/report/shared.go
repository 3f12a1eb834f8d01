package report

import (
	"encoding/json"
	"fmt"

	"github.com/argocd-seal/argocd-seal-plugin/internal/compare"
)

const (
	// fewest is how many objects must share a change for it to be told once, and
	// share of all objects that change, in quarters.
	fewest = 3
	share  = 3
)

// sharedChange is one that many objects of an application have: overlays give all
// of them another namespace, say.
type sharedChange struct {
	compare.Field
	objects int
}

// changeKey is what makes two changes the same.
func changeKey(f compare.Field) string {
	sides, err := json.Marshal([]any{f.Before, f.After})
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s\x00%s\x00%s", f.Status, f.Path, sides)
}

// shared finds the changes that most objects have, in the order of the first such
// object, by what makes them the same.
func shared(objects []compare.Object) (found []sharedChange, known map[string]bool) {
	counts, changed := map[string]int{}, 0
	for _, o := range objects {
		if o.Status == compare.Changed && len(o.Fields) > 0 {
			changed++
		}
		for _, f := range o.Fields {
			counts[changeKey(f)]++
		}
	}
	known = map[string]bool{}
	for _, o := range objects {
		for _, f := range o.Fields {
			key := changeKey(f)
			if n := counts[key]; n >= fewest && 4*n >= share*changed && !known[key] && !f.Said {
				known[key] = true
				found = append(found, sharedChange{f, n})
			}
		}
	}
	return found, known
}
