package schema

import (
	"context"
	"fmt"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// custom is the kinds that the CustomResourceDefinitions of a render define.
type custom struct {
	// served are the schemas by group/kind and version. A schema that is not
	// valid is nil: its definition is told of, and its objects are not checked.
	served map[string]map[string]*node
	// problems are what is wrong with definitions, by the number of the object.
	problems map[int][]Finding
	patterns int
}

// newCustom reads the definitions among the objects. Of two definitions of a
// kind the last counts, which is the one that is applied. The kinds of
// Kubernetes' own groups cannot be defined again.
func newCustom(ctx context.Context, kubernetes *version, objects []object.Object) (*custom, error) {
	c := &custom{served: map[string]map[string]*node{}, problems: map[int][]Finding{}}
	for i, o := range objects {
		if o.Kind() != "CustomResourceDefinition" || o.APIVersion() != "apiextensions.k8s.io/v1" {
			continue
		}
		if ctx.Err() != nil {
			return nil, ended(ctx)
		}
		compiler := &compiler{kubernetes: kubernetes, patterns: &c.patterns}
		name, versions := compiler.definition(o.Fields)
		if len(compiler.problems) > 0 {
			c.problems[i] = compiler.problems
		}
		if !kubernetes.library.owns(name.group) {
			c.served[name.group+"/"+name.kind] = versions
		}
	}
	return c, nil
}

// definition reads a CustomResourceDefinition. Where the fields around its
// schemas have another type than they should, the check of the definition as an
// object tells so.
func (c *compiler) definition(fields map[string]any) (kind, map[string]*node) {
	spec, _ := fields["spec"].(map[string]any)
	names, _ := spec["names"].(map[string]any)
	list, _ := spec["versions"].([]any)
	group, _ := spec["group"].(string)
	name, _ := names["kind"].(string)
	versions := map[string]*node{}
	for i, item := range list {
		version, _ := item.(map[string]any)
		if served, _ := version["served"].(bool); !served {
			continue
		}
		name, _ := version["name"].(string)
		holder, _ := version["schema"].(map[string]any)
		schema, found := holder["openAPIV3Schema"].(map[string]any)
		c.path = []step{{name: "spec"}, {name: "versions"}, {index: i, item: true}, {name: "schema"}, {name: "openAPIV3Schema"}}
		if !found {
			c.problem("the schema is missing", "")
			continue
		}
		before := len(c.problems)
		root := c.root(schema)
		if len(c.problems) > before {
			root = nil
		}
		versions[name] = root
	}
	return kind{group: group, kind: name}, versions
}

// root reads the schema of a whole object.
func (c *compiler) root(schema map[string]any) *node {
	if form, named := schema["type"]; !named && schema["x-kubernetes-preserve-unknown-fields"] != true || named && form != "object" {
		c.at("type", func() { c.problem("must be object at the root", "") })
	}
	if schema["additionalProperties"] != nil {
		c.at("additionalProperties", func() { c.problem("must not be used at the root", "") })
	}
	root := c.node(schema)
	if root != nil {
		c.embed(root)
	}
	return root
}

// embed adds the fields that every object has. What the schema asks of metadata
// holds beside what every kind's metadata must be.
func (c *compiler) embed(n *node) {
	fields := map[string]*node{}
	for name, field := range n.fields {
		fields[name] = field
	}
	if own := fields["metadata"]; own != nil {
		restricted := &values{}
		for _, name := range keys(own.fields) {
			if of := own.fields[name].values; of != nil {
				restricted.fields = append(restricted.fields, fieldValues{name, of})
			}
		}
		if len(restricted.fields) > 0 {
			both := &values{fields: []fieldValues{{"metadata", restricted}}}
			if n.values != nil {
				both.allOf = []*values{n.values}
			}
			n.values = both
		}
	}
	for _, name := range []string{"apiVersion", "kind"} {
		if fields[name] == nil {
			fields[name] = &node{form: text}
		}
	}
	fields["metadata"] = c.kubernetes.metadata()
	n.fields = fields
}

// problem notes what is wrong at the current place of a schema.
func (c *compiler) problem(message, fix string) {
	if len(c.problems) < MaxFindings {
		c.problems = append(c.problems, Finding{Field: pathText(c.path), Message: message, Fix: fix})
	}
}

func (c *compiler) refuse(keyword, format string, args ...any) {
	c.at(keyword, func() { c.problem(fmt.Sprintf(format, args...), "") })
}

// at goes one step down for a while.
func (c *compiler) at(name string, visit func()) {
	c.path = append(c.path, step{name: name})
	visit()
	c.path = c.path[:len(c.path)-1]
}
