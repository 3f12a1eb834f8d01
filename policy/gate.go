// Package policy is the gate: the stage that decides whether rendered objects
// may leave the plugin. It asks the built-in bundle and the platform's own
// policies and answers with a verdict; any policy that gives no answer denies.
//
// Policies judge the reference form of objects and never see a value. They
// have no network, no environment and no files, and nothing that an
// application's repository holds is read as a policy, as data or as a waiver.
package policy

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/shape"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
	"github.com/argocd-seal/argocd-seal-plugin/policy/waiver"
)

// Verdict, Outcome and Decision are those of package verdict.
type (
	Verdict  = verdict.Verdict
	Outcome  = verdict.Outcome
	Decision = verdict.Decision
)

// Gate judges objects. It is safe for concurrent use and keeps nothing of a
// request.
type Gate struct {
	environments map[string]*environment
	waivers      *waiver.Set
	inputs       map[string]string
	timeout      time.Duration
	now          func() time.Time
}

// New loads and compiles everything that the configuration names. Its errors
// are faults, all of one kind of mistake together, with file and line where a
// policy or a waiver is wrong.
func New(ctx context.Context, config Config) (*Gate, error) {
	g := &Gate{environments: map[string]*environment{}, inputs: config.Inputs, timeout: config.Timeout, now: config.Now}
	if g.timeout <= 0 {
		g.timeout = DefaultTimeout
	}
	if g.now == nil {
		g.now = time.Now
	}
	var faults fault.List
	for _, name := range slices.Sorted(maps.Keys(config.Environments)) {
		env, err := newEnvironment(ctx, name, config.Environments[name])
		if err != nil {
			faults = append(faults, fault.Of(err)...)
			continue
		}
		g.environments[name] = env
	}
	if len(faults) > 0 {
		return nil, faults
	}
	if config.Waivers == "" {
		return g, nil
	}
	var err error
	g.waivers, err = waiver.Load(config.WaiversFS, config.Waivers, g.knows, g.ruleIDs()...)
	return g, err
}

// knows reports whether some environment has a rule with the id.
func (g *Gate) knows(id string) bool {
	for _, env := range g.environments {
		if slices.Contains(env.ruleIDs(), id) {
			return true
		}
	}
	return false
}

// ruleIDs returns the ids of the rules of all environments.
func (g *Gate) ruleIDs() []string {
	var ids []string
	for _, env := range g.environments {
		ids = append(ids, env.ruleIDs()...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Rules returns the Rego rules that an environment asks.
func (g *Gate) Rules(environment string) []bundle.Rule {
	env, ok := g.environments[environment]
	if !ok {
		return nil
	}
	return slices.Clone(env.rules)
}

// Digests returns for each environment what its verdicts have as BundleDigest.
func (g *Gate) Digests() map[string]string {
	digests := make(map[string]string, len(g.environments))
	for name, env := range g.environments {
		digests[name] = g.digest(env)
	}
	return digests
}

func (g *Gate) digest(env *environment) string {
	if waivers := g.waivers.Digest(); waivers != "" {
		return env.digest + "+" + waivers
	}
	return env.digest
}

// Evaluate judges the objects of one request. An error means that no verdict
// was reached, and that nothing may be emitted; a verdict may still deny, see
// [verdict.Verdict.Denied].
func (g *Gate) Evaluate(ctx context.Context, input Input) (Verdict, error) {
	env, ok := g.environments[input.Environment]
	if !ok {
		return Verdict{}, fault.New(fault.Config, "no policy is set for the environment %q", input.Environment).
			WithFix("the platform team adds it to environments in plugin.yaml")
	}
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	values := make([]ast.Value, len(input.Objects))
	var faults fault.List
	for i, o := range input.Objects {
		value, err := shape.Value(o)
		if err != nil {
			faults = append(faults, fault.Of(err)...)
		}
		values[i] = value
	}
	if len(faults) > 0 {
		return Verdict{}, faults
	}
	found, notices, err := env.ask(ctx, input, values)
	if err != nil {
		return Verdict{}, err
	}
	promoted, owners, err := env.askPromotion(ctx, input)
	if err != nil {
		return Verdict{}, err
	}
	images, err := env.askImages(input)
	if err != nil {
		return Verdict{}, err
	}
	if found = append(append(found, promoted...), images...); len(found) > maxOutcomes {
		return Verdict{}, fault.New(fault.Limit, "the policies gave more than %d messages", maxOutcomes)
	}
	v := g.decide(env, input, found)
	if env.images != "" && input.Images == nil {
		notices = append(notices, fault.New(fault.Image, "the images were not verified, as was asked for: here they may be anything").
			WithFix("render without --offline, and check without --unverified-images, where the registries can be reached"))
	}
	v.Approvals, v.Inputs = owners.Approvals, g.inputs
	v.Notices = slices.Concat(notices, owners.Notices, v.Notices)
	return v, nil
}
