package policy

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/gatekeeper"
	"github.com/argocd-seal/argocd-seal-plugin/policy/promotion"
	"github.com/argocd-seal/argocd-seal-plugin/policy/schema"
	"github.com/argocd-seal/argocd-seal-plugin/policy/shape"
	"github.com/argocd-seal/argocd-seal-plugin/policy/vap"
)

// found is an outcome with the number of its object, or -1.
type found struct {
	Outcome
	index int
}

// request is an input with what every evaluation of it shares.
type request struct {
	Input
	values []ast.Value
	// judged are the values with what was verified of images.
	judged     []ast.Value
	facts      ast.Value
	render     *gatekeeper.Render
	schema     *schema.Render
	namespaces map[string]labels.Set
}

// ask asks every engine about every object, on all processors. Notices are what
// an engine has to say about the request.
func (env *environment) ask(ctx context.Context, input Input, values []ast.Value) (_ []found, notices fault.List, _ error) {
	facts := ast.MustInterfaceToValue(map[string]any{
		"environment": input.Environment, "kubeVersion": input.KubeVersion, "namespace": input.Namespace, "sealed": input.Sealed,
	})
	request := request{Input: input, values: values, judged: withImages(input.Objects, values, input.Images), facts: facts}
	if env.gatekeeper != nil {
		request.render = gatekeeper.NewRender(input.Objects, values, input.Namespace)
	}
	if env.schema != "" {
		var err error
		if request.schema, err = schema.NewRender(ctx, input.KubeVersion, input.Objects, input.Sealed); err != nil {
			return nil, nil, err
		}
		if notice := request.schema.Notice(); notice != nil {
			notices = append(notices, notice)
		}
	}
	request.namespaces = vap.Namespaces(input.Objects)
	answers, err := env.askAll(ctx, request)
	if err != nil {
		return nil, nil, err
	}
	return slices.Concat(answers...), notices, nil
}

// askAll asks about each object and about the render as a whole. A goroutine
// takes one question after the other: the evaluator needs a deep stack, and to
// let one grow for each object cost a seventh of the time.
func (env *environment) askAll(ctx context.Context, r request) ([][]found, error) {
	answers := make([][]found, len(r.values)+1)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range min(runtime.GOMAXPROCS(0), len(answers)) {
		group.Go(func() error {
			for {
				// The render as a whole is the longest question, so it comes first.
				i := int(next.Add(1)) - 2
				var err error
				switch {
				case i >= len(r.values):
					return nil
				case i < 0:
					answers[len(r.values)], err = env.askRender(ctx, r)
				default:
					answers[i], err = env.askObject(ctx, r, i)
				}
				if err != nil {
					return err
				}
			}
		})
	}
	return answers, group.Wait()
}

// askPromotion compares the application with what it is promoted from.
func (env *environment) askPromotion(ctx context.Context, input Input) ([]found, promotion.Result, error) {
	if env.promotion == nil {
		return nil, promotion.Result{}, nil
	}
	if input.Promotion == nil {
		return nil, promotion.Result{}, fault.New(fault.Internal, "nobody rendered what the application is promoted from")
	}
	result, err := env.promotion.Check(ctx, input.Objects, *input.Promotion)
	all := make([]found, len(result.Findings))
	for i, finding := range result.Findings {
		all[i] = found{Outcome: finding.Outcome, index: finding.Object}
	}
	return all, result, err
}

func (env *environment) askObject(ctx context.Context, r request, i int) ([]found, error) {
	o := r.Objects[i]
	facts := map[string]ast.Value{"request": r.facts, "conftest": shape.File(o.File)}
	var said []Outcome
	for _, asked := range env.asked {
		value := r.judged[i]
		switch asked.shape {
		case shape.Render:
			continue
		case shape.Admission:
			namespace, _ := shape.Scope(o, r.Namespace)
			value = shape.Review(o, r.values[i], namespace)
		}
		checks, err := asked.engine.Check(ctx, value, facts)
		if err != nil {
			return nil, located(err, o)
		}
		said = append(said, outcomes(asked.engine.Bundle().Name(), checks)...)
	}
	foreign, err := env.askForeign(ctx, r, i)
	if err != nil {
		return nil, located(err, o)
	}
	if r.schema != nil {
		findings, err := r.schema.Check(ctx, i, o)
		if err != nil {
			return nil, located(err, o)
		}
		foreign = append(foreign, env.schemaOutcomes(r.schema.Version(), findings)...)
	}
	all := make([]found, 0, len(said)+len(foreign))
	for _, outcome := range append(said, foreign...) {
		all = append(all, found{Outcome: outcome.About(o), index: i})
	}
	return all, nil
}

// askForeign asks the policies that are written for other engines.
func (env *environment) askForeign(ctx context.Context, r request, i int) ([]Outcome, error) {
	var said []Outcome
	if env.gatekeeper != nil {
		findings, err := env.gatekeeper.Check(ctx, r.render, r.Objects[i], r.values[i])
		if err != nil {
			return nil, err
		}
		for _, finding := range findings {
			said = append(said, constraintOutcomes(finding)...)
		}
	}
	if env.admission != nil {
		findings, err := env.admission.Check(ctx, r.Objects[i], r.Namespace, r.namespaces)
		if err != nil {
			return nil, fault.New(fault.Canceled, "the request ended while policies were asked")
		}
		for _, finding := range findings {
			said = append(said, admissionOutcome(finding))
		}
	}
	if env.kyverno != nil {
		findings, err := env.kyverno.Check(ctx, r.Objects[i], r.Namespace, r.namespaces)
		if err != nil {
			return nil, fault.New(fault.Canceled, "the request ended while policies were asked")
		}
		for _, finding := range findings {
			said = append(said, kyvernoOutcome(finding))
		}
	}
	return said, nil
}

func (env *environment) askRender(ctx context.Context, r request) ([]found, error) {
	facts := map[string]ast.Value{"request": r.facts, "conftest": shape.File("Combined")}
	var all []found
	for _, asked := range env.asked {
		if asked.shape != shape.Render {
			continue
		}
		checks, err := asked.engine.Check(ctx, shape.All(r.Objects, r.judged), facts)
		if err != nil {
			return nil, err
		}
		for _, outcome := range outcomes(asked.engine.Bundle().Name(), checks) {
			index := subject(outcome, len(r.Objects))
			if index >= 0 {
				outcome = outcome.About(r.Objects[index])
			}
			all = append(all, found{Outcome: outcome, index: index})
		}
	}
	return all, nil
}

// located names the object that policies were asked about when time ran out.
func located(err error, o object.Object) error {
	faults := fault.Of(err)
	if len(faults) == 1 && faults[0].Code == fault.PolicyEngine {
		return faults[0].In(o.File, o.Line).At(o.String(), "")
	}
	return err
}
