package bundle

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// maxOutputBytes bounds what is kept of what a test prints.
const maxOutputBytes = 64 << 10

// Status is how a test ended.
type Status string

// The ends of a test. A test whose name starts with todo_ is skipped.
const (
	Passed  Status = "pass"
	Failed  Status = "fail"
	Errored Status = "error"
	Skipped Status = "skip"
)

// TestResult is one test of a policy.
type TestResult struct {
	// Package is the test's package with "data.", and Name the rule's name.
	Package string `json:"package"`
	Name    string `json:"name"`
	Status  Status `json:"status"`
	// File and Line are where the test stands.
	File string `json:"file"`
	Line int    `json:"line"`
	// Reason says why a test did not pass, as far as that is known.
	Reason string `json:"reason,omitempty"`
	// Output is what the test and the rules that it asks have printed.
	Output string `json:"output,omitempty"`
}

// LoadTests loads policies with their tests, for [Bundle.Test] alone. Unlike
// [Load] it takes a directory that has no rule that gives messages, such as a
// library.
func LoadTests(name string, policies []Source, options Options) (*Bundle, error) {
	b, err := read(name, policies, options)
	if err != nil {
		return nil, quoted(err, policies, options)
	}
	b.quoted = func(err error) error { return quoted(err, policies, options) }
	return b, nil
}

// withLines adds to faults the lines that they speak of, where the bundle was
// loaded for its tests.
func (b *Bundle) withLines(err error) error {
	if b.quoted == nil {
		return err
	}
	return b.quoted(err)
}

// Test runs the rules whose name starts with test_, as conftest verify does, but
// with the builtins that a verdict has and with a failing builtin as an error:
// a test should not pass where the gate would deny. The results are sorted by
// file and line; a bundle without tests gives none.
func (b *Bundle) Test(ctx context.Context) ([]TestResult, error) {
	results, err := b.runTests(ctx, "", false)
	if err != nil {
		return nil, b.withLines(err)
	}
	var names []string
	for _, result := range results {
		if result.Status == Failed {
			names = append(names, regexp.QuoteMeta(result.Package+"."+result.Name))
		}
	}
	if len(names) == 0 {
		return results, nil
	}
	// Only a trace tells why, and only those who failed need one.
	traced, err := b.runTests(ctx, "^("+strings.Join(names, "|")+")$", true)
	if err != nil {
		return nil, err
	}
	for _, again := range traced {
		same := func(r TestResult) bool { return r.Package == again.Package && r.Name == again.Name }
		if at := slices.IndexFunc(results, same); at >= 0 {
			results[at].Reason = again.Reason
		}
	}
	return results, nil
}

// runTests runs the tests whose full name matches a filter; an empty one matches
// all.
func (b *Bundle) runTests(ctx context.Context, filter string, trace bool) ([]TestResult, error) {
	modules := slices.Concat(b.modules, b.tests)
	compiler, err := compile(modules, true)
	if err != nil {
		return nil, err
	}
	txn, err := b.store.NewTransaction(ctx)
	if err != nil {
		return nil, err
	}
	results, err := tester.NewRunner().
		SetCompiler(compiler).
		SetStore(b.store).
		SetModules(byFile(modules)).
		CapturePrintOutput(true).
		RaiseBuiltinErrors(true).
		EnableTracing(trace).
		Filter(filter).
		RunTests(ctx, txn)
	if err != nil {
		return nil, fault.New(fault.PolicyLoad, "the tests of bundle %q cannot run: %s", b.name, fault.Clean(err.Error(), 300))
	}
	var all []TestResult
	for result := range results {
		all = append(all, resultOf(result))
	}
	if ctx.Err() != nil {
		return nil, fault.New(fault.Canceled, "the tests were stopped")
	}
	slices.SortFunc(all, func(a, b TestResult) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Name, b.Name))
	})
	return all, nil
}

func resultOf(from *tester.Result) TestResult {
	result := TestResult{Package: from.Package, Name: from.Name, Status: Passed}
	if from.Location != nil {
		result.File, result.Line = from.Location.File, from.Location.Row
	}
	result.Output = strings.ToValidUTF8(string(from.Output[:min(len(from.Output), maxOutputBytes)]), "?")
	switch {
	case from.Error != nil:
		result.Status, result.Reason = Errored, from.Error.Error()
	case from.Skip:
		result.Status = Skipped
	case from.Fail:
		result.Status, result.Reason = Failed, reasonOf(from)
	}
	return result
}

// reasonOf names the cases that failed, or the expression of the test that did
// not hold.
func reasonOf(from *tester.Result) string {
	var cases []string
	for path, sub := range from.SubResults.Iter {
		if sub.Fail && len(sub.SubResults) == 0 {
			cases = append(cases, strings.Join(path, "/"))
		}
	}
	if len(cases) > 0 {
		slices.Sort(cases)
		return "failed for " + strings.Join(cases, ", ")
	}
	for _, event := range slices.Backward(from.Trace) {
		at := event.Location
		if event.Op == topdown.FailOp && at != nil && at.File == from.Location.File && at.Row >= from.Location.Row {
			return fmt.Sprintf("line %d does not hold: %s", at.Row, strings.TrimSpace(string(at.Text)))
		}
	}
	return ""
}
