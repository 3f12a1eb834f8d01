package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The page is what the table and the examples make of it now.
func TestThePageIsUpToDate(t *testing.T) {
	want, err := document()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("run make generate (-generated +page):\n%s", diff)
	}
}
