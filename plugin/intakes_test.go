package plugin

import (
	"context"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// A caller who leaves while the request waits is no sign of too much load.
func TestI10WhoWaitsForAPlaceIsToldWhy(t *testing.T) {
	for _, all := range []int{1, 4} { // the tenant's own places are one and two of these
		intakes := NewIntakes(all)
		id := Identity{Project: "team-a", App: "shop"}
		for range max(1, all/2) {
			leave, err := intakes.enter(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			defer leave()
		}
		brief, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := intakes.enter(brief, id); fault.CodeOf(err) != fault.Busy {
			t.Errorf("at the deadline: %v", err)
		}
		left, leave := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, leave)
		if _, err := intakes.enter(left, id); fault.CodeOf(err) != fault.Canceled {
			t.Errorf("the caller has left: %v", err)
		}
		if busy, waiting := intakes.Load(); busy != max(1, all/2) || waiting != 0 {
			t.Errorf("%d have a place and %d wait", busy, waiting)
		}
	}
}
