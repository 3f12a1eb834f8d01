package prose_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
)

func TestWrapBreaksBetweenWords(t *testing.T) {
	tests := []struct {
		text  string
		width int
		want  []string
	}{
		{"", 10, []string{""}},
		{"one two three", 0, []string{"one two three"}},
		{"one two three", 7, []string{"one two", "three"}},
		{"one two three", 6, []string{"one", "two", "three"}},
		{"a spec.template.spec.containers[0].image b", 10, []string{"a", "spec.template.spec.containers[0].image", "b"}},
		{"äöü äöü", 7, []string{"äöü äöü"}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, prose.Wrap(test.text, test.width)); diff != "" {
			t.Errorf("%q at %d (-want +got):\n%s", test.text, test.width, diff)
		}
	}
}

func TestHangIndentsAllButTheFirstLine(t *testing.T) {
	got := "fix " + prose.Hang("set the field and look at it again", "    ", 24)
	if want := "fix set the field and\n    look at it again"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := prose.Hang("some words", strings.Repeat(" ", 100), 80); got != "some words" {
		t.Errorf("got %q: a deep indent must leave room", got)
	}
}
