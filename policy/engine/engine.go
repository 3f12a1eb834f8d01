package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
)

// Engine holds the prepared queries of one bundle.
type Engine struct {
	bundle *bundle.Bundle
	spaces []space
	// all asks every rule at once. Helper rules that many rules share are then
	// computed once for an input.
	all rego.PreparedEvalQuery
	// alone asks one rule, and is prepared when all has failed, to find which.
	alone map[string]func() (rego.PreparedEvalQuery, error)
}

// space is a namespace with its rules.
type space struct {
	name  string
	rules []bundle.Rule
}

func (s space) exception() string { return "data." + s.name + ".exception" }

// refs are what is asked of a namespace: its exceptions, then each rule.
func (s space) refs() []string {
	refs := []string{s.exception()}
	for _, rule := range s.rules {
		refs = append(refs, rule.Query())
	}
	return refs
}

// New prepares the queries of a bundle. It compiles nothing but the queries
// themselves, and its errors are faults with the code E_POLICY_LOAD.
func New(ctx context.Context, b *bundle.Bundle) (*Engine, error) {
	e := &Engine{bundle: b, alone: map[string]func() (rego.PreparedEvalQuery, error){}}
	for _, rule := range b.Rules() {
		if len(e.spaces) == 0 || e.spaces[len(e.spaces)-1].name != rule.Namespace {
			e.spaces = append(e.spaces, space{name: rule.Namespace})
		}
		last := &e.spaces[len(e.spaces)-1]
		last.rules = append(last.rules, rule)
	}
	var terms []string
	for _, space := range e.spaces {
		terms = append(terms, term(space.refs(), b.HasSkip(space.name), space.name))
		for _, ref := range space.refs() {
			//nolint:contextcheck // preparing serves every request, so none cancels it
			e.alone[ref] = sync.OnceValues(func() (rego.PreparedEvalQuery, error) {
				return prepare(context.Background(), b, []string{term([]string{ref}, false, space.name)})
			})
		}
	}
	var err error
	e.all, err = prepare(ctx, b, terms)
	return e, err
}

// term is the part of a query that asks one namespace. Its value is a list of
// at most one element, the list of answers, where an answer is a list of at
// most one value. A comprehension is empty where a rule is undefined, so that
// one undefined rule does not make the whole query undefined.
func term(refs []string, skip bool, namespace string) string {
	answers := make([]string, len(refs))
	for i, ref := range refs {
		answers[i] = fmt.Sprintf("[v | v = %s]", ref)
	}
	condition := "true"
	if skip {
		condition = fmt.Sprintf("not data.%s.skip", namespace)
	}
	return fmt.Sprintf("[[%s] | %s]", strings.Join(answers, ", "), condition)
}

func prepare(ctx context.Context, b *bundle.Bundle, terms []string) (rego.PreparedEvalQuery, error) {
	prepared, err := rego.New(
		rego.Query(fmt.Sprintf("answers = [%s]", strings.Join(terms, ", "))),
		rego.Compiler(b.Compiler()),
		rego.Store(b.Store()),
		rego.StrictBuiltinErrors(true),
	).PrepareForEval(ctx)
	if err != nil {
		return prepared, fault.New(fault.PolicyLoad, "bundle %q cannot be asked: %s", b.Name(), fault.Clean(err.Error(), 300))
	}
	return prepared, nil
}

// Bundle returns the bundle that the engine asks.
func (e *Engine) Bundle() *bundle.Bundle { return e.bundle }

// Check asks every rule about the input. Facts stand at data.NAME for this call
// alone. Its error is set only when the context ended; what is wrong with a
// rule is in [Check.Faults].
func (e *Engine) Check(ctx context.Context, input ast.Value, facts map[string]ast.Value) ([]Check, error) {
	answers, err := eval(ctx, e.all, input, facts)
	if ctx.Err() != nil {
		return nil, ended(ctx)
	}
	checks := make([]Check, len(e.spaces))
	for i, space := range e.spaces {
		if err != nil {
			checks[i] = space.check(func(_ int, ref string) ([]any, error) { return e.askAlone(ctx, ref, input, facts) })
			continue
		}
		checks[i] = space.check(func(number int, _ string) ([]any, error) { return answer(answers[i], number) })
	}
	if ctx.Err() != nil {
		return nil, ended(ctx)
	}
	return checks, nil
}

func (e *Engine) askAlone(ctx context.Context, ref string, input ast.Value, facts map[string]ast.Value) ([]any, error) {
	query, err := e.alone[ref]()
	if err != nil {
		return nil, err
	}
	answers, err := eval(ctx, query, input, facts)
	if err != nil {
		return nil, err
	}
	return answer(answers[0], 0)
}

// answer takes one answer out of what a namespace said. A namespace that skips
// the input has said nothing, as if each of its rules were undefined.
func answer(said any, number int) ([]any, error) {
	list, ok := said.([]any)
	if ok && len(list) == 0 {
		return nil, nil
	}
	if ok && len(list) == 1 {
		if answers, ok := list[0].([]any); ok && number < len(answers) {
			if values, ok := answers[number].([]any); ok {
				return values, nil
			}
		}
	}
	return nil, errors.New("an answer is missing")
}

// eval runs a prepared query and returns what each of its terms gave.
func eval(ctx context.Context, query rego.PreparedEvalQuery, input ast.Value, facts map[string]ast.Value) (answers []any, err error) {
	defer func() {
		// OPA panics on some numbers that it cannot compare. The rule gave no
		// answer, which the caller denies; the process goes on.
		if recover() != nil {
			answers, err = nil, errors.New("the policy engine failed on this input")
		}
	}()
	cancel := topdown.NewCancel()
	stop := context.AfterFunc(ctx, cancel.Cancel)
	defer stop()
	results, err := query.Eval(ctx, rego.EvalParsedInput(input), rego.EvalTransaction(bundle.Transaction(facts)), rego.EvalExternalCancel(cancel))
	if err != nil {
		return nil, err
	}
	if len(results) == 1 {
		if answers, ok := results[0].Bindings["answers"].([]any); ok {
			return answers, nil
		}
	}
	return nil, errors.New("the query gave no answer")
}

func ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fault.New(fault.PolicyEngine, "the policies took longer than the request may").WithFix("look for loops over loops in the policies")
	}
	return fault.New(fault.Canceled, "the request ended while policies were asked")
}
