package bundle

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Text returns what stands in the policy files for a rule: all rules of Rego
// that share its name, without their METADATA.
func (b *Bundle) Text(rule Rule) string {
	var parts []string
	for _, body := range b.bodies(rule) {
		parts = append(parts, strings.TrimSpace(string(body.Location.Text)))
	}
	return strings.Join(parts, "\n\n")
}

// Fallbacks returns, in JSON and by the parameter's name, what a rule takes for a
// parameter that is not set. It reads calls of a function named parameter, with
// a name and a constant, in the rule and not in its helpers.
func (b *Bundle) Fallbacks(rule Rule) map[string]string {
	fallbacks := map[string]string{}
	for _, body := range b.bodies(rule) {
		calls(body, func(terms []*ast.Term) {
			if name, value, ok := fallback(terms); ok {
				fallbacks[name] = value
			}
		})
	}
	return fallbacks
}

// bodies returns the rules of Rego that share a rule's name.
func (b *Bundle) bodies(rule Rule) []*ast.Rule {
	var bodies []*ast.Rule
	for _, module := range b.modules {
		if strings.TrimPrefix(module.Package.Path.String(), "data.") != rule.Namespace {
			continue
		}
		for _, body := range module.Rules {
			if rootName(body) == rule.Name {
				bodies = append(bodies, body)
			}
		}
	}
	return bodies
}

// calls visits every call in a rule, the function first.
func calls(rule *ast.Rule, visit func([]*ast.Term)) {
	ast.NewGenericVisitor(func(node any) bool {
		switch node := node.(type) {
		case *ast.Expr:
			if terms, ok := node.Terms.([]*ast.Term); ok {
				visit(terms)
			}
		case *ast.Term:
			if call, ok := node.Value.(ast.Call); ok {
				visit(call)
			}
		}
		return false
	}).Walk(rule)
}

// fallback reads parameter(NAME, CONSTANT).
func fallback(terms []*ast.Term) (name, value string, ok bool) {
	if len(terms) != 3 {
		return "", "", false
	}
	function, ok := terms[0].Value.(ast.Ref)
	if !ok || len(function) == 0 || strings.Trim(function[len(function)-1].Value.String(), `"`) != "parameter" {
		return "", "", false
	}
	key, ok := terms[1].Value.(ast.String)
	if !ok || !terms[2].IsGround() {
		return "", "", false
	}
	return string(key), terms[2].Value.String(), true
}
