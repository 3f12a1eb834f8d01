package kyverno

import (
	"encoding/json"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// readConditions reads conditions under any and all, also as the older plain
// list.
func readConditions(a at, scope scope) conditions {
	var c conditions
	switch a.value.(type) {
	case nil:
		return c
	case []any:
		c.all = readConditionList(a, scope)
		return c
	}
	fields := a.fields([]string{"any", "all"}, nil)
	if some, ok := fields["any"]; ok {
		c.hasAny = true
		c.any = readConditionList(some, scope)
	}
	c.all = readConditionList(fields["all"], scope)
	if len(fields) == 0 {
		a.refuse("add any or all", "holds no conditions")
	}
	return c
}

func readConditionList(a at, scope scope) []condition {
	var list []condition
	for _, item := range a.list() {
		fields := item.fields([]string{"key", "operator", "value", "message"}, nil)
		var c condition
		for _, name := range []string{"key", "operator", "value"} {
			if _, ok := fields[name]; !ok && fields != nil {
				item.refuse("add "+name, "the condition has no %s", name)
			}
		}
		c.key, c.value = fields["key"].content(scope), fields["value"].content(scope)
		if operator, ok := fields["operator"]; ok {
			name := operator.text()
			if c.operator, ok = operators[name]; !ok {
				operator.refuse(meant(name, operatorNames()), "the operator %s is not known", fault.Clean(name, 40))
			}
		}
		if problem, fix := membership(operatorName(fields), c.value); problem != "" {
			item.in("value", nil).refuse(fix, "%s", problem)
		}
		c.message = fields["message"].template(scope)
		list = append(list, c)
	}
	return list
}

func operatorName(fields map[string]at) string {
	name, _ := fields["operator"].value.(string)
	return fault.Clean(name, 40)
}

// membership refuses values that an operator finds nothing in, whatever the key.
func membership(operator string, value document) (problem, fix string) {
	if !strings.HasSuffix(operator, "In") {
		return "", ""
	}
	switch value := value.(type) {
	case []document:
	case text:
		if s, ok := value.static(); ok && operator == "NotIn" && !json.Valid([]byte(s)) {
			return "NotIn looks in a list", "write a list, or use AnyNotIn"
		}
	default:
		return operator + " looks in a list, or in a text", "write a list"
	}
	return "", ""
}
