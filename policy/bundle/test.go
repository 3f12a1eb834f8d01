package bundle

import (
	"context"
	"slices"

	"github.com/open-policy-agent/opa/v1/tester"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Test runs the test_ rules of the files whose name ends in _test.rego, as
// conftest verify does, with the same builtins that a verdict has. A bundle
// without tests gives no results.
func (b *Bundle) Test(ctx context.Context) ([]*tester.Result, error) {
	modules := slices.Concat(b.modules, b.tests)
	compiler, err := compile(modules)
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
		RunTests(ctx, txn)
	if err != nil {
		return nil, fault.New(fault.PolicyLoad, "the tests of bundle %q cannot run: %s", b.name, fault.Clean(err.Error(), 300))
	}
	var all []*tester.Result
	for result := range results {
		all = append(all, result)
	}
	return all, nil
}
