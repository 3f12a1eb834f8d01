package bundle_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
)

func TestTestsSayWhyTheyFail(t *testing.T) {
	source := bundle.Source{Files: map[string][]byte{
		"lib.rego": []byte("package lib\n\ntwice(n) := n * 2\n"),
		"lib_test.rego": []byte(`package lib_test

import data.lib

test_right if lib.twice(2) == 4

test_wrong if {
	print("twice one is", lib.twice(1))
	lib.twice(1) == 3
}

test_builtin if not to_number("x") == 1

todo_test_later if false

test_cases[name] if {
	some name, n in {"one": 1, "two": 2}
	lib.twice(n) == 2
}
`),
	}}
	b, err := bundle.LoadTests("lib", []bundle.Source{source}, bundle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.Test(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []bundle.TestResult{
		{Name: "test_right", Status: bundle.Passed, Line: 5},
		{Name: "test_wrong", Status: bundle.Failed, Line: 7, Reason: "line 9 does not hold: lib.twice(1) == 3", Output: "twice one is 2\n"},
		{Name: "test_builtin", Status: bundle.Errored, Line: 12, Reason: `lib_test.rego:12: eval_builtin_error: to_number: strconv.ParseFloat: parsing "x": invalid syntax`},
		{Name: "todo_test_later", Status: bundle.Skipped, Line: 14},
		{Name: "test_cases", Status: bundle.Failed, Line: 16, Reason: "failed for two"},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(bundle.TestResult{}, "Package", "File")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
