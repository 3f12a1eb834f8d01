package kyverno

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	jmespath "github.com/kyverno/go-jmespath"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// scope is the names that an expression may start with: those of facts, and those
// that a rule's context gives to expressions of its own.
type scope struct {
	names   []string
	context map[string]contextVariable
}

// contextVariable is an expression that a rule calls by a name. It is put in
// where the name stands.
type contextVariable struct {
	node jmespath.ASTNode
	// wild says that it holds wildcards of the policy.
	wild bool
}

// The names of every rule, and those that stand for an item of a list. Policies
// write null as if JMESPath knew the word; like any name of nothing it is null.
var (
	ruleScope = scope{names: []string{"request", "null"}}
	itemNames = []string{"element", "elementIndex", "element0", "elementIndex0"}
)

// item returns the scope within foreach.
func (s scope) item() scope {
	return scope{names: slices.Concat(s.names, itemNames), context: s.context}
}

// all returns the names that an expression may start with.
func (s scope) all() []string {
	return slices.Concat(s.names, slices.Sorted(maps.Keys(s.context)))
}

var contextName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// readContext reads the variables of a rule's context, each of which may use those
// before it.
func readContext(a at, outer scope) scope {
	inner := scope{names: outer.names, context: map[string]contextVariable{}}
	elsewhere := map[string]string{"apiCall": noCluster, "configMap": noCluster, "imageRegistry": noCluster, "globalReference": noCluster}
	for _, item := range a.list() {
		fields := item.fields([]string{"name", "variable"}, elsewhere)
		if refused(item.value, map[string]string{"apiCall": "", "configMap": "", "imageRegistry": "", "globalReference": ""}) {
			continue
		}
		name := fields["name"].text()
		if !contextName.MatchString(name) || slices.Contains(slices.Concat(inner.names, itemNames), name) {
			item.refuse("use letters, digits and underscores", "%q is no name for a variable", fault.Clean(name, 40))
			continue
		}
		variable, ok := fields["variable"]
		if !ok {
			item.refuse("add variable", "the variable %s has no value", name)
			continue
		}
		v, err := readVariable(variable, inner)
		if err != nil {
			variable.refuse("", "%s", err)
		}
		inner.context[name] = v
	}
	return inner
}

func readVariable(a at, scope scope) (contextVariable, error) {
	fields := a.fields([]string{"value", "jmesPath", "default"}, nil)
	value, hasValue := fields["value"]
	path, hasPath := fields["jmesPath"]
	var v contextVariable
	if hasValue {
		constant, err := constantOf(value.value)
		if err != nil {
			return v, err
		}
		v.node, v.wild = constant, wildJSON(value.value)
	}
	switch {
	case hasPath && hasValue:
		inner, err := parse(path.text())
		if err == nil {
			err = (checker{}).check(inner, false)
		}
		if err != nil {
			return v, err
		}
		v.node = jmespath.ASTNode{NodeType: jmespath.ASTPipe, Children: []jmespath.ASTNode{v.node, inner}}
	case hasPath:
		expanded, wild, err := expanded(path.text(), scope)
		if err != nil {
			return v, err
		}
		v.node, v.wild = expanded, wild
	case !hasValue:
		return v, errors.New("the variable has neither value nor jmesPath")
	}
	if otherwise, ok := fields["default"]; ok {
		constant, err := constantOf(otherwise.value)
		if err != nil {
			return v, err
		}
		v.node = jmespath.ASTNode{NodeType: jmespath.ASTFunctionExpression, Value: "not_null", Children: []jmespath.ASTNode{v.node, constant}}
		v.wild = v.wild || wildJSON(otherwise.value)
	}
	return v, nil
}

// constantOf makes an expression of a value that holds no variables.
func constantOf(v any) (jmespath.ASTNode, error) {
	encoded, err := json.Marshal(v)
	if err != nil {
		return jmespath.ASTNode{}, err
	}
	if strings.Contains(string(encoded), "{{") {
		return jmespath.ASTNode{}, errors.New("the value holds a variable; write an expression as jmesPath")
	}
	// Numbers become those that JMESPath knows.
	var decoded any
	err = json.Unmarshal(encoded, &decoded)
	return jmespath.ASTNode{NodeType: jmespath.ASTLiteral, Value: decoded}, err
}

// wildJSON tells whether a value holds characters that mean something in patterns.
func wildJSON(v any) bool {
	encoded, err := json.Marshal(v)
	return err != nil || strings.ContainsAny(string(encoded), "*?|&!") || strings.Contains(string(encoded), `\u003`) || strings.Contains(string(encoded), `\u0026`)
}

// expanded parses an expression, puts the context in, and checks it. Wild says
// that wildcards of the policy came in.
func expanded(source string, scope scope) (node jmespath.ASTNode, wild bool, err error) {
	if node, err = parse(source); err != nil {
		return node, false, err
	}
	if err := (checker{scope: scope}).check(node, true); err != nil {
		return node, false, fmt.Errorf("{{ %s }}: %w", fault.Clean(source, 80), err)
	}
	node = scope.expand(node, true, &wild)
	return node, wild, nil
}

// expand puts the context's expressions where their names are looked up among the
// facts.
func (s scope) expand(node jmespath.ASTNode, root bool, wild *bool) jmespath.ASTNode {
	if name, _ := node.Value.(string); root && node.NodeType == jmespath.ASTField {
		if v, ok := s.context[name]; ok {
			*wild = *wild || v.wild
			return v.node
		}
		return node
	}
	node.Children = slices.Clone(node.Children)
	for i := range node.Children {
		node.Children[i] = s.expand(node.Children[i], root && rooted(node.NodeType, i), wild)
	}
	return node
}

// asks tells whether an expression looks anything up among the facts.
func asks(node jmespath.ASTNode, root bool) bool {
	switch node.NodeType {
	case jmespath.ASTField, jmespath.ASTCurrentNode:
		return root
	}
	for i, inner := range node.Children {
		if asks(inner, root && rooted(node.NodeType, i)) {
			return true
		}
	}
	return false
}
