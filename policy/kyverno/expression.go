package kyverno

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	jmespath "github.com/kyverno/go-jmespath"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/nearest"
)

// maxExpression bounds an expression in bytes: its parser follows nesting by
// calling itself.
const maxExpression = 4096

// expression is a variable of a policy, which is one in JMESPath. The library is
// the one that Kyverno uses, since it tells a field that is missing from one that
// is null.
type expression struct {
	source string
	node   jmespath.ASTNode
	// constant is the result of an expression that is fixed: one about nothing but
	// the policy itself.
	fixed    bool
	constant any
}

// facts are what expressions may ask about.
type facts map[string]any

// requestFields are the fields of request that are known here; what is known of
// users is why others are refused.
var requestFields = []string{"object", "oldObject", "operation", "namespace", "name", "kind"}

// compile reads an expression. One that asks nothing about the object is evaluated
// at once: what it gives is the policy's own text.
func compile(source string, scope scope) (*expression, error) {
	node, wild, err := expanded(source, scope)
	if err != nil {
		return nil, err
	}
	e := &expression{source: source, node: node}
	if asks(node, true) {
		if wild {
			return nil, fmt.Errorf("{{ %s }} joins wildcards with what the object holds, where they would have no meaning", fault.Clean(source, 80))
		}
		return e, nil
	}
	e.fixed = true
	e.constant, err = e.evaluate(facts{})
	return e, err
}

func parse(source string) (jmespath.ASTNode, error) {
	if source == "" || len(source) > maxExpression {
		return jmespath.ASTNode{}, fmt.Errorf("a variable holds no expression, or one of more than %d bytes", maxExpression)
	}
	node, err := jmespath.NewParser().Parse(source)
	if err != nil {
		return node, fmt.Errorf("{{ %s }} is no JMESPath: %s", fault.Clean(source, 80), fault.Clean(err.Error(), 120))
	}
	return node, nil
}

// checker refuses what an expression could not be told at the time of a request.
type checker struct{ scope scope }

// check walks an expression. Root is set where a field's name is looked up among
// the facts.
func (c checker) check(node jmespath.ASTNode, root bool) error {
	switch node.NodeType {
	case jmespath.ASTField:
		if name, _ := node.Value.(string); root && !slices.Contains(c.scope.all(), name) {
			return c.unknown(name)
		}
	case jmespath.ASTCurrentNode:
		if root {
			return errors.New("@ is not supported: name the field")
		}
	case jmespath.ASTFunctionExpression:
		if name, _ := node.Value.(string); !slices.Contains(functionNames(), name) {
			return unknownName("the function", name, functionNames())
		}
	case jmespath.ASTSubexpression:
		if root && node.Children[0].NodeType == jmespath.ASTField && node.Children[0].Value == "request" && node.Children[1].NodeType == jmespath.ASTField {
			if name, _ := node.Children[1].Value.(string); !slices.Contains(requestFields, name) {
				return fmt.Errorf("request.%s is not known when manifests are rendered", fault.Clean(name, 40))
			}
		}
	}
	for i, inner := range node.Children {
		if err := c.check(inner, root && rooted(node.NodeType, i)); err != nil {
			return err
		}
	}
	return nil
}

// rooted tells whether a part of a node looks names up where the node does.
func rooted(kind jmespath.ASTNodeType, part int) bool {
	return (part == 0 || !narrows(kind)) && kind != jmespath.ASTExpRef
}

// narrows tells whether all but the first part of a node are about what the first
// part gave.
func narrows(kind jmespath.ASTNodeType) bool {
	switch kind {
	case jmespath.ASTSubexpression, jmespath.ASTIndexExpression, jmespath.ASTPipe, jmespath.ASTProjection,
		jmespath.ASTFilterProjection, jmespath.ASTValueProjection, jmespath.ASTFlatten:
		return true
	default:
		return false
	}
}

func (c checker) unknown(name string) error {
	switch name {
	case "serviceAccountName", "serviceAccountNamespace":
		return fmt.Errorf("%s is not known when manifests are rendered: nobody is asking", name)
	case "images", "image":
		return fmt.Errorf("%s is not supported: compare the image field of the containers", name)
	case "element", "elementIndex":
		return fmt.Errorf("%s is known within foreach only", name)
	default:
		return unknownName("the name", name, c.scope.all())
	}
}

func unknownName(what, name string, known []string) error {
	err := fmt.Errorf("%s %s is not supported", what, fault.Clean(name, 40))
	if near := nearest.Of(name, known); near != "" {
		return fmt.Errorf("%w; did you mean %s?", err, near)
	}
	return err
}

// missingField is the error of an expression about a field that is not there.
type missingField struct{ source string }

func (m missingField) Error() string {
	return fmt.Sprintf("{{ %s }} is about a field that the object does not have", fault.Clean(m.source, 80))
}

// evaluate asks about the facts. What it gives is never read as an expression.
func (e *expression) evaluate(facts facts) (result any, err error) {
	// A type that a function does not expect must not end the process.
	defer func() {
		if recover() != nil {
			result, err = nil, fmt.Errorf("{{ %s }} could not be evaluated", fault.Clean(e.source, 80))
		}
	}()
	result, err = jmespath.NewInterpreter().Execute(e.node, map[string]any(facts), jmespath.WithFunctionCaller(caller))
	var missing jmespath.NotFoundError
	switch {
	case errors.As(err, &missing):
		return nil, missingField{e.source}
	case err != nil:
		// The library's text would quote the object.
		return nil, fmt.Errorf("{{ %s }} gives a function what it does not take", fault.Clean(e.source, 80))
	}
	return result, nil
}

// written is how a result stands in a text: as itself, or as JSON.
func written(result any) string {
	switch result := result.(type) {
	case string:
		return result
	case float64:
		return strconv.FormatFloat(result, 'f', -1, 64)
	}
	encoded, err := json.Marshal(result)
	if err != nil {
		return ""
	}
	return string(encoded)
}

// plainPath is an expression that only names a field of the object.
var plainPath = regexp.MustCompile(`^request\.object\.([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)(?:\[\*?\])?$`)

// field returns the field that an expression names; empty where it is more than
// a path.
func (e *expression) field() string {
	if match := plainPath.FindStringSubmatch(e.source); match != nil {
		return match[1]
	}
	return ""
}

// functionNames returns the functions that expressions may call.
func functionNames() []string {
	return slices.Concat(standardFunctions, slices.Sorted(maps.Keys(ownFunctions)))
}
