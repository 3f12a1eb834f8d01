// Package vap runs Kubernetes' ValidatingAdmissionPolicies on rendered objects,
// with their bindings and parameters, by the API server's own CEL library. Each
// object is judged as if it were created.
//
// Match rules are honoured: resource rules, object and namespace selectors,
// resource names and match conditions. The labels of a namespace that is not
// among the objects are not known; a namespace selector then counts as matched.
// Expressions that ask the authorizer are refused at load: nobody is asking.
package vap

import (
	"maps"
	"slices"
	"strings"

	v1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	"k8s.io/apiserver/pkg/cel/environment"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/manifest"
)

// Set is the policies, bindings and parameters of a platform. It is read-only
// and safe for concurrent use.
type Set struct {
	bindings []binding
	digest   string
}

// binding is a binding with its policy.
type binding struct {
	name   string
	file   string
	line   int
	policy *policy
	spec   v1.ValidatingAdmissionPolicyBindingSpec
	match  []match
	params []manifest.Document
}

type policy struct {
	name      string
	validator validating.Validator
	spec      v1.ValidatingAdmissionPolicySpec
	used      bool
}

// Load reads every .yaml and .yml file of the sources: policies, bindings, and
// any other object as a parameter. A policy without a binding and a binding
// without a policy are faults, since nothing would be checked. The errors have
// the code E_POLICY_LOAD.
func Load(sources []bundle.Source) (*Set, error) {
	documents, digest, err := manifest.Read(sources)
	if err != nil {
		return nil, err
	}
	policies := map[string]*policy{}
	var params, bound []manifest.Document
	var faults fault.List
	for _, document := range documents {
		switch {
		case !strings.HasPrefix(document.GetAPIVersion(), v1.GroupName+"/"):
			params = append(params, document)
		case document.GetKind() == "ValidatingAdmissionPolicy":
			p, err := newPolicy(document)
			if err != nil {
				faults = append(faults, fault.Of(err)...)
				continue
			}
			policies[p.name] = p
		case document.GetKind() == "ValidatingAdmissionPolicyBinding":
			bound = append(bound, document)
		default:
			faults = append(faults, document.Fault("a %s cannot be run here", document.GetKind()))
		}
	}
	set := &Set{digest: digest}
	for _, document := range bound {
		b, err := newBinding(document, policies, params)
		if err != nil {
			faults = append(faults, fault.Of(err)...)
			continue
		}
		set.bindings = append(set.bindings, b)
	}
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		if !policies[name].used && len(faults) == 0 {
			faults = append(faults, fault.New(fault.PolicyLoad, "no binding uses the ValidatingAdmissionPolicy %s", name).WithFix("add a binding, or remove the policy"))
		}
	}
	if len(set.bindings) == 0 && len(faults) == 0 {
		return nil, fault.New(fault.PolicyLoad, "there is no ValidatingAdmissionPolicy with a binding")
	}
	return set, faults.OrNil()
}

// Digest names the content of the files.
func (s *Set) Digest() string { return s.digest }

// Rules returns the ids of the bindings, which are POLICY/BINDING.
func (s *Set) Rules() []string {
	ids := make([]string, len(s.bindings))
	for i, b := range s.bindings {
		ids[i] = b.id()
	}
	return ids
}

func (b binding) id() string { return b.policy.name + "/" + b.name }

func newPolicy(document manifest.Document) (*policy, error) {
	var typed v1.ValidatingAdmissionPolicy
	if err := document.Into(&typed); err != nil {
		return nil, err
	}
	p := &policy{name: typed.Name, spec: typed.Spec}
	if len(typed.Spec.Validations) == 0 {
		return nil, document.Fault("the policy has no validations")
	}
	if typed.Spec.MatchConstraints == nil || len(typed.Spec.MatchConstraints.ResourceRules) == 0 {
		return nil, document.Fault("the policy has no matchConstraints.resourceRules")
	}
	compiler, err := newCompiler(document, typed.Spec)
	if err != nil {
		return nil, err
	}
	p.validator, err = compiler.validator(typed.Name)
	return p, err
}

func newBinding(document manifest.Document, policies map[string]*policy, params []manifest.Document) (binding, error) {
	var typed v1.ValidatingAdmissionPolicyBinding
	if err := document.Into(&typed); err != nil {
		return binding{}, err
	}
	p := policies[typed.Spec.PolicyName]
	if p == nil {
		return binding{}, document.Fault("there is no ValidatingAdmissionPolicy %q", typed.Spec.PolicyName)
	}
	if len(typed.Spec.ValidationActions) == 0 {
		return binding{}, document.Fault("the binding has no validationActions").WithFix("use Deny, Warn or Audit")
	}
	p.used = true
	b := binding{name: typed.Name, file: document.File, line: document.Line, policy: p, spec: typed.Spec}
	for _, resources := range []*v1.MatchResources{p.spec.MatchConstraints, typed.Spec.MatchResources} {
		m, err := newMatch(document, resources)
		if err != nil {
			return binding{}, err
		}
		b.match = append(b.match, m)
	}
	var err error
	b.params, err = paramsOf(document, p.spec.ParamKind, typed.Spec.ParamRef, params)
	return b, err
}

// paramsOf finds the parameters of a binding. A policy that takes some and a
// binding that finds none is a fault unless the binding allows it.
func paramsOf(document manifest.Document, kind *v1.ParamKind, ref *v1.ParamRef, all []manifest.Document) ([]manifest.Document, error) {
	if kind == nil {
		return nil, nil
	}
	if ref == nil {
		return nil, document.Fault("the policy takes parameters and the binding has no paramRef")
	}
	selector := labels.Nothing()
	if ref.Selector != nil {
		var err error
		if selector, err = labelSelector(ref.Selector); err != nil {
			return nil, document.Fault("paramRef.selector: %s", fault.Clean(err.Error(), 200))
		}
	}
	var found []manifest.Document
	for _, param := range all {
		if param.GetAPIVersion() != kind.APIVersion || param.GetKind() != kind.Kind || (ref.Namespace != "" && param.GetNamespace() != ref.Namespace) {
			continue
		}
		if (ref.Name != "" && param.GetName() == ref.Name) || (ref.Selector != nil && selector.Matches(labels.Set(param.GetLabels()))) {
			found = append(found, param)
		}
	}
	if len(found) == 0 && (ref.ParameterNotFoundAction == nil || *ref.ParameterNotFoundAction == v1.DenyAction) {
		return nil, document.Fault("no %s matches paramRef", kind.Kind).WithFix("put the parameter beside the policy")
	}
	return found, nil
}

// compiler compiles one policy's expressions.
type compiler struct {
	document manifest.Document
	spec     v1.ValidatingAdmissionPolicySpec
	cel      *cel.CompositedCompiler
	options  cel.OptionalVariableDeclarations
}

func newCompiler(document manifest.Document, spec v1.ValidatingAdmissionPolicySpec) (*compiler, error) {
	base := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion(), true)
	composited, err := cel.NewCompositedCompiler(base)
	if err != nil {
		return nil, document.Fault("CEL is not available: %s", fault.Clean(err.Error(), 200))
	}
	return &compiler{
		document: document, spec: spec, cel: composited,
		options: cel.OptionalVariableDeclarations{HasParams: spec.ParamKind != nil, StrictCost: true},
	}, nil
}

func (c *compiler) validator(name string) (validating.Validator, error) {
	var variables []cel.NamedExpressionAccessor
	for i := range c.spec.Variables {
		variables = append(variables, &validating.Variable{Name: c.spec.Variables[i].Name, Expression: c.spec.Variables[i].Expression})
	}
	// In order, since an expression may use the variables before it.
	for _, variable := range variables {
		if result := c.cel.CompileAndStoreVariable(variable, c.options, environment.StoredExpressions); result.Error != nil {
			return nil, c.document.Fault("the variable %s does not compile: %s", variable.GetName(), fault.Clean(result.Error.Error(), 300))
		}
	}
	var conditions, validations, messages []cel.ExpressionAccessor
	for i := range c.spec.MatchConditions {
		conditions = append(conditions, (*matchconditions.MatchCondition)(&c.spec.MatchConditions[i]))
	}
	for _, v := range c.spec.Validations {
		validations = append(validations, &validating.ValidationCondition{Expression: v.Expression, Message: v.Message, Reason: v.Reason})
		var message cel.ExpressionAccessor
		if v.MessageExpression != "" {
			message = &validating.MessageExpressionCondition{MessageExpression: v.MessageExpression}
		}
		messages = append(messages, message)
	}
	for _, list := range [][]cel.ExpressionAccessor{conditions, validations, messages} {
		if err := c.check(list); err != nil {
			return nil, err
		}
	}
	evaluator := func(list []cel.ExpressionAccessor) cel.ConditionEvaluator {
		return c.cel.CompileCondition(list, c.options, environment.StoredExpressions)
	}
	var matcher matchconditions.Matcher
	if len(conditions) > 0 {
		matcher = matchconditions.NewMatcher(evaluator(conditions), c.spec.FailurePolicy, "policy", "validate", name)
	}
	return validating.NewValidator(evaluator(validations), matcher, evaluator(nil), evaluator(messages), c.spec.FailurePolicy), nil
}

// check compiles expressions to find errors: the evaluator would keep them for
// the first request.
func (c *compiler) check(list []cel.ExpressionAccessor) error {
	for _, expression := range list {
		if expression == nil {
			continue
		}
		if result := c.cel.CompileCELExpression(expression, c.options, environment.StoredExpressions); result.Error != nil {
			return c.document.Fault("%q does not compile: %s", fault.Clean(expression.GetExpression(), 100), fault.Clean(result.Error.Error(), 300))
		}
	}
	return nil
}
