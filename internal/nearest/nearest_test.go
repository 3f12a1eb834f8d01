package nearest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/nearest"
)

func TestOf(t *testing.T) {
	known := []string{"timeout", "workers", "limits", "allowEmpty", "quoteErrors"}
	tests := map[string]string{
		"timout": "timeout", "Timeout": "timeout", "ALLOWEMPTY": "allowEmpty", "quoteErors": "quoteErrors",
		"": "", "nothing-like-it": "", "lim": "", strings.Repeat("timeout", 20): "",
	}
	for name, want := range tests {
		if got := nearest.Of(name, known); got != want {
			t.Errorf("%q gives %q, want %q", name, got, want)
		}
	}
}

// Some hundred names of a tenant's schema are compared, not a hundred thousand.
func TestOfIsBounded(t *testing.T) {
	if got := nearest.Of("timout", append(make([]string, 10_000), "timeout")); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestWords(t *testing.T) {
	known := []string{"pod-privileged", "pod-capabilities", "warn", "image-tag"}
	tests := map[string][]string{
		"warning": {"warn"}, "privileged": {"pod-privileged"}, "priviledged": {"pod-privileged"}, "tags": {"image-tag"},
		"pod-priviledged": {"pod-privileged"}, "pod": nil, "zzz": nil,
	}
	for name, want := range tests {
		if diff := cmp.Diff(want, nearest.Words(name, known)); diff != "" && len(want)+len(nearest.Words(name, known)) > 0 {
			t.Errorf("%q (-want +got):\n%s", name, diff)
		}
	}
	if got := nearest.Word("warning", known); got != "warn" {
		t.Errorf("got %q", got)
	}
}

// The nearest comes first, and of those that are as near the one known first.
func TestOrder(t *testing.T) {
	if got := nearest.Words("aaab", []string{"abxx", "aaax", "aaaa", "aaab"}); !cmp.Equal(got, []string{"aaab", "aaax", "aaaa"}) {
		t.Errorf("got %q", got)
	}
}
