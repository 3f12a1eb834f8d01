package kyverno

import (
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/manifest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// rule is one rule of a policy, for the kinds that it names or for those that
// hold templates of Pods.
type rule struct {
	policy         string
	name           string
	title          string
	description    string
	severity       string
	file           string
	line           int
	match, exclude filters
	preconditions  conditions
	check          check
	message        text
	action         action
}

func (r rule) id() string { return r.policy + "/" + r.name }

// check is what a rule asks for: one of patterns, deny and each.
type check struct {
	patterns []pattern
	texts    []*text
	deny     *conditions
	each     []loop
}

// loop judges the items of a list.
type loop struct {
	list          *expression
	preconditions conditions
	check         check
	// whole says that patterns are about the object and not about the item.
	whole bool
}

// action is what a violation means, also in certain namespaces.
type action struct {
	decision  verdict.Decision
	overrides []override
}

type override struct {
	namespaces []string
	decision   verdict.Decision
}

func (a action) in(namespace string) verdict.Decision {
	for _, o := range a.overrides {
		if oneFits(o.namespaces, namespace) {
			return o.decision
		}
	}
	return a.decision
}

const (
	validateOnly  = "keep it in the cluster, in a policy of its own: a gate judges objects and does not change them"
	imagesInstead = "write it as rules of images: in plugin.yaml"
	noCluster     = "write the values into the rule: no cluster and no registry is asked while manifests are rendered"
	celInstead    = "write it as a ValidatingAdmissionPolicy, under admissionPolicies:"
	levelsInstead = "use a level of the built-in policies, or write it as pattern"
)

// What is known and not judged, with what to do.
var (
	unsupportedRules = map[string]string{
		"mutate": validateOnly, "generate": validateOnly, "verifyImages": imagesInstead, "imageExtractors": imagesInstead,
		"celPreconditions": celInstead,
	}
	unsupportedChecks = map[string]string{
		"cel": celInstead, "podSecurity": levelsInstead, "manifests": validateOnly, "assert": "write it as pattern",
	}
	unsupportedLoops = map[string]string{"context": noCluster, "foreach": "use one list with nested projections, such as list[].items[]"}
	// ignored are fields of a policy that say how the cluster asks it.
	ignored = []string{
		"background", "failurePolicy", "webhookTimeoutSeconds", "webhookConfiguration", "schemaValidation", "emitWarning", "useServerSideApply",
		"mutateExistingOnPolicyUpdate", "generateExisting", "generateExistingOnPolicyUpdate",
	}
)

// readPolicy reads the rules of a ClusterPolicy, also in the forms for kinds that
// hold templates of Pods.
func readPolicy(document manifest.Document) ([]rule, fault.List) {
	r := &reader{document: document}
	root := at{reader: r, value: document.Object}
	if document.GetKind() != "ClusterPolicy" || !slices.Contains([]string{"kyverno.io/v1", "kyverno.io/v2beta1"}, document.GetAPIVersion()) {
		root.refuse("use a ClusterPolicy of kyverno.io/v1", "a %s %s cannot be judged here", document.GetAPIVersion(), document.GetKind())
		return nil, r.faults
	}
	spec := root.in("spec", document.Object["spec"])
	fields := spec.fields(append([]string{"rules", "validationFailureAction", "validationFailureActionOverrides", "applyRules", "admission"}, ignored...), nil)
	if one, ok := fields["applyRules"]; ok && one.text() != "All" {
		one.refuse("write rules whose match differs", "every rule of a policy is asked")
	}
	if admission, ok := fields["admission"]; ok && !admission.bool() {
		admission.refuse("leave the policy out", "the policy is not for the admission of objects")
	}
	base := rule{policy: document.GetName(), title: fault.Clean(document.GetAnnotations()["policies.kyverno.io/title"], 120), file: document.File}
	base.description = document.GetAnnotations()["policies.kyverno.io/description"]
	base.severity = fault.Clean(strings.ToLower(document.GetAnnotations()["policies.kyverno.io/severity"]), 20)
	base.action = readAction(fields["validationFailureAction"], fields["validationFailureActionOverrides"], action{decision: verdict.Warn})
	var rules []rule
	items := fields["rules"].list()
	if len(items) == 0 && len(r.faults) == 0 {
		spec.refuse("add a rule", "the policy has no rules")
	}
	seen := map[string]bool{}
	for _, item := range items {
		one := readRule(item, base)
		if seen[one.name] {
			item.refuse("give each rule a name of its own", "there are two rules %s", fault.Clean(one.name, 60))
		}
		seen[one.name] = true
		rules = append(rules, one)
	}
	if len(r.faults) > 0 {
		return nil, r.faults
	}
	return withControllers(root, items, rules, base), r.faults
}

// withControllers adds the rules for the kinds that hold templates of Pods. Rules
// that Kyverno made that way, and wrote into a policy, give way to them.
func withControllers(root at, items []at, rules []rule, base rule) []rule {
	kinds := controllersOf(root, root.document.GetAnnotations(), rules)
	var all []rule
	made := false
	for i, item := range items {
		fields, _ := item.value.(map[string]any)
		extended := rules[i].extended(fields, kinds, func(fields map[string]any) rule {
			return readRule(at{reader: item.reader, path: item.path, value: fields}, base)
		})
		made = made || len(extended) > 0
		all = append(append(all, rules[i]), extended...)
	}
	if made {
		all = slices.DeleteFunc(all, func(r rule) bool { return strings.HasPrefix(r.name, generatedPrefix) })
	}
	return all
}

func readRule(a at, base rule) rule {
	fields := a.fields([]string{"name", "match", "exclude", "context", "preconditions", "validate", "skipBackgroundRequests", "reportProperties"}, unsupportedRules)
	r := base
	r.name, r.line = fields["name"].text(), a.document.FaultAt(a.path, "").Line
	if r.name == "" && fields != nil {
		a.refuse("give it a name", "the rule has no name")
	}
	if match, ok := fields["match"]; ok {
		r.match = readFilters(match)
	}
	if exclude, ok := fields["exclude"]; ok {
		r.exclude = readFilters(exclude)
	}
	if len(r.match.any)+len(r.match.all) == 0 && fields["match"].value == nil {
		a.refuse("add match", "the rule selects nothing")
	}
	scope := ruleScope
	if context, ok := fields["context"]; ok {
		scope = readContext(context, scope)
	}
	r.preconditions = readConditions(fields["preconditions"], scope)
	if validate, ok := fields["validate"]; ok {
		r.readValidate(validate, scope)
	} else if !refused(a.value, unsupportedRules) {
		a.refuse("add validate", "the rule validates nothing")
	}
	return r
}

// refused tells whether a mapping has a field that was refused already.
func refused(v any, unsupported map[string]string) bool {
	fields, _ := v.(map[string]any)
	for name := range unsupported {
		if fields[name] != nil {
			return true
		}
	}
	return false
}

func (r *rule) readValidate(a at, scope scope) {
	known := []string{"message", "failureAction", "failureActionOverrides", "allowExistingViolations", "pattern", "anyPattern", "deny", "foreach"}
	fields := a.fields(known, unsupportedChecks)
	// Within foreach, the message may speak of the item.
	said := scope
	if _, ok := fields["foreach"]; ok {
		said = scope.item()
	}
	r.message = fields["message"].template(said)
	r.action = readAction(fields["failureAction"], fields["failureActionOverrides"], r.action)
	r.check = readCheck(a, fields, scope)
}

func readCheck(a at, fields map[string]at, scope scope) check {
	var c check
	forms := 0
	patterns := patternReader{scope: scope}
	if p, ok := fields["pattern"]; ok {
		forms++
		c.patterns = append(c.patterns, patterns.read(p, 0))
	}
	if list, ok := fields["anyPattern"]; ok {
		forms++
		for _, p := range list.list() {
			c.patterns = append(c.patterns, patterns.read(p, 0))
		}
		if len(c.patterns) == 0 {
			list.refuse("add a pattern", "holds no pattern")
		}
	}
	c.texts = patterns.texts
	if deny, ok := fields["deny"]; ok {
		forms++
		// Without conditions it refuses whatever the rule matches.
		conditions := readConditions(deny.fields([]string{"conditions"}, nil)["conditions"], scope)
		c.deny = &conditions
	}
	if each, ok := fields["foreach"]; ok {
		forms++
		c.each = readLoops(each, scope)
	}
	if forms != 1 && !refused(a.value, unsupportedChecks) {
		a.refuse("use one of pattern, anyPattern, deny and foreach", "holds %d of pattern, anyPattern, deny and foreach", forms)
	}
	return c
}

func readLoops(a at, outer scope) []loop {
	var loops []loop
	inner := outer.item()
	for _, item := range a.list() {
		fields := item.fields([]string{"list", "preconditions", "elementScope", "pattern", "anyPattern", "deny"}, unsupportedLoops)
		l := loop{preconditions: readConditions(fields["preconditions"], inner), check: readCheck(item, fields, inner)}
		if scope, ok := fields["elementScope"]; ok {
			l.whole = !scope.bool()
		}
		var err error
		if l.list, err = compile(fields["list"].text(), outer); err != nil {
			item.refuse("name a list, such as request.object.spec.containers", "%s", err)
		}
		loops = append(loops, l)
	}
	return loops
}

// readAction reads what a violation means; without a word about it, what holds
// otherwise.
func readAction(a, overrides at, otherwise action) action {
	read := otherwise
	if a.value != nil {
		read = action{decision: decisionOf(a)}
	}
	var own []override
	for _, item := range overrides.list() {
		fields := item.fields([]string{"action", "namespaces"}, map[string]string{"namespaceSelector": "name the namespaces"})
		namespaces := fields["namespaces"].texts()
		if len(namespaces) == 0 {
			item.refuse("name the namespaces", "holds in no namespace")
		}
		action, ok := fields["action"]
		if !ok {
			item.refuse("add action", "says nothing about what a violation means")
			continue
		}
		own = append(own, override{namespaces: namespaces, decision: decisionOf(action)})
	}
	read.overrides = slices.Concat(own, read.overrides)
	return read
}

func decisionOf(a at) verdict.Decision {
	switch word := a.text(); strings.ToLower(word) {
	case "enforce":
		return verdict.Deny
	case "audit":
		return verdict.Warn
	default:
		a.refuse("use Enforce or Audit", "%q is not an action", fault.Clean(word, 40))
		return verdict.Deny
	}
}
