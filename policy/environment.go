package policy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/builtin"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/engine"
	"github.com/argocd-seal/argocd-seal-plugin/policy/gatekeeper"
	"github.com/argocd-seal/argocd-seal-plugin/policy/kyverno"
	"github.com/argocd-seal/argocd-seal-plugin/policy/promotion"
	"github.com/argocd-seal/argocd-seal-plugin/policy/schema"
	"github.com/argocd-seal/argocd-seal-plugin/policy/shape"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain"
	"github.com/argocd-seal/argocd-seal-plugin/policy/vap"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// environment is what was made of an [Environment].
type environment struct {
	enforcement Decision
	// asked are the engines by the form of input that their rules expect.
	asked []asked
	rules []bundle.Rule
	// gatekeeper, admission and kyverno are nil where the environment has none.
	gatekeeper *gatekeeper.Set
	admission  *vap.Set
	kyverno    *kyverno.Set
	promotion  *promotion.Rule
	// images is empty where nothing is demanded of images.
	images string
	// schema is what becomes of objects that do not fit their schema; empty is
	// unchecked.
	schema Decision
	digest string
}

type asked struct {
	engine *engine.Engine
	shape  shape.Shape
}

func newEnvironment(ctx context.Context, name string, config Environment) (*environment, error) {
	env := &environment{enforcement: config.Enforcement, promotion: config.Promotion, images: config.Images}
	switch config.Enforcement {
	case "":
		env.enforcement = verdict.Deny
	case verdict.Deny, verdict.Warn:
	default:
		return nil, fault.New(fault.Config, "environment %q has the enforcement %q", name, string(config.Enforcement)).WithFix("use deny or warn")
	}
	if err := env.addSchema(name, config); err != nil {
		return nil, err
	}
	if !config.asks() && env.schema == "" {
		return nil, fault.New(fault.Config, "environment %q asks no policy", name).WithFix("set a level or a bundle")
	}
	if err := env.addBuiltin(ctx, config); err != nil {
		return nil, inEnvironment(err, name)
	}
	for _, own := range config.Bundles {
		b, err := bundle.Load(own.Name, own.Policies, bundle.Options{Version: own.Version, Namespaces: own.Namespaces, Data: own.Data})
		if err != nil {
			return nil, err
		}
		if err := env.add(ctx, b, own.Combine); err != nil {
			return nil, err
		}
	}
	if err := env.addForeign(ctx, config); err != nil {
		return nil, err
	}
	if env.promotion != nil {
		env.digest += "promotion " + env.promotion.Digest() + "\n"
	}
	if env.images != "" {
		env.digest += "images " + env.images + "\n"
	}
	sum := sha256.Sum256([]byte(env.digest))
	env.digest = "sha256:" + hex.EncodeToString(sum[:])
	return env, nil
}

func (env *environment) addBuiltin(ctx context.Context, config Environment) error {
	if config.Level == "" {
		return nil
	}
	whole, err := builtin.Load(config.Parameters)
	if err != nil {
		return err
	}
	level, err := builtin.At(whole, config.Level)
	if err != nil {
		return err
	}
	return env.add(ctx, level, false)
}

// inEnvironment says whose parameters are wrong.
func inEnvironment(err error, name string) error {
	var faults fault.List
	for _, one := range fault.Of(err) {
		if one.Field != "" {
			one = one.At(one.Object, fmt.Sprintf("environments[%s].policy.%s", name, one.Field))
		}
		faults = append(faults, one)
	}
	return faults
}

// addForeign loads the policies that are written for other engines.
func (env *environment) addForeign(ctx context.Context, config Environment) error {
	var err error
	if len(config.Gatekeeper) > 0 {
		if env.gatekeeper, err = gatekeeper.Load(ctx, config.Gatekeeper); err != nil {
			return err
		}
		env.digest += "gatekeeper " + env.gatekeeper.Digest() + "\n"
	}
	if len(config.AdmissionPolicies) > 0 {
		if env.admission, err = vap.Load(config.AdmissionPolicies); err != nil {
			return err
		}
		env.digest += "admission " + env.admission.Digest() + "\n"
	}
	if len(config.Kyverno) > 0 {
		if env.kyverno, err = kyverno.Load(config.Kyverno); err != nil {
			return err
		}
		env.digest += "kyverno " + env.kyverno.Digest() + "\n"
	}
	return nil
}

// ruleIDs returns the ids of everything that is asked.
func (env *environment) ruleIDs() []string {
	ids := make([]string, len(env.rules))
	for i, rule := range env.rules {
		ids[i] = rule.ID()
	}
	if env.gatekeeper != nil {
		ids = append(ids, env.gatekeeper.Rules()...)
	}
	if env.admission != nil {
		ids = append(ids, env.admission.Rules()...)
	}
	if env.kyverno != nil {
		ids = append(ids, env.kyverno.Rules()...)
	}
	if env.schema != "" {
		ids = append(ids, schema.Rule)
	}
	if env.promotion != nil {
		ids = append(ids, promotion.RuleIDs()...)
	}
	if env.images != "" {
		ids = append(ids, supplychain.RuleIDs()...)
	}
	return ids
}

// add prepares a bundle, in one engine for each form of input.
func (env *environment) add(ctx context.Context, b *bundle.Bundle, combine bool) error {
	env.digest += fmt.Sprintf("%s %s %t\n", b.Name(), b.Digest(), combine)
	env.rules = append(env.rules, b.Rules()...)
	of := func(rule bundle.Rule) shape.Shape {
		if combine {
			return shape.Render
		}
		return shape.Of(rule)
	}
	for _, rule := range b.Rules() {
		switch form := of(rule); form {
		case shape.Object, shape.Admission, shape.Render:
		default:
			return fault.New(fault.PolicyLoad, "custom.input is %q", string(form)).In(rule.File, rule.Line).WithFix("use object, admission or render")
		}
	}
	for _, form := range []shape.Shape{shape.Object, shape.Admission, shape.Render} {
		part := b.Only(string(form), func(rule bundle.Rule) bool { return of(rule) == form })
		if len(part.Rules()) == 0 {
			continue
		}
		prepared, err := engine.New(ctx, part)
		if err != nil {
			return err
		}
		env.asked = append(env.asked, asked{engine: prepared, shape: form})
	}
	return nil
}
