package kyverno

import (
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
		c.message = fields["message"].template(scope)
		list = append(list, c)
	}
	return list
}
