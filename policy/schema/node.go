package schema

import "slices"

// form is what a value must be.
type form uint8

const (
	anything form = iota
	text
	boolean
	integer32
	integer64
	number
	base64Text
	quantity
	timestamp
	microTimestamp
	// integer32OrText is Kubernetes' IntOrString; integerOrText is what custom
	// kinds make of it.
	integer32OrText
	integerOrText
	list
	mapping
)

// forms names the forms for people.
var forms = map[form]string{
	text: "a string", boolean: "true or false", integer32: "an integer", integer64: "an integer", number: "a number",
	base64Text: "a string", quantity: "a quantity such as 100m or 2Gi", timestamp: "a time such as 2026-01-31T15:04:05Z",
	microTimestamp: "a time such as 2026-01-31T15:04:05.000000Z", integer32OrText: "an integer or a string",
	integerOrText: "an integer or a string", list: "a list", mapping: "a mapping",
}

// node is the schema of one value. It is read-only.
type node struct {
	form form
	// fields of a mapping; a field that is not among them is read by rest, which
	// refuses it where it is nil.
	fields map[string]*node
	rest   *node
	// open lets unknown fields pass, unread.
	open bool
	// required are the fields that must be there, in their order.
	required []string
	// items of a list.
	items *node
	// definition holds the fields instead, where the value is of a type of
	// Kubernetes' own.
	definition *definition
	// embedded says that the value is an object itself, with apiVersion and kind.
	embedded bool
	// nullable is set where null is a value of a custom kind. Everywhere else the
	// API server drops null, but for the items of a custom kind's list.
	nullable    bool
	refusesNull bool
	// defaults of the fields of a custom kind, which its values are asked with.
	defaults map[string]any
	// values restrict the value further, in custom kinds.
	values *values
}

// unread lets everything pass.
var unread = &node{open: true}

// shape returns the fields of a mapping and those that are required.
func (n *node) shape() (fields map[string]*node, required []string) {
	if n.definition != nil {
		n.definition.read()
		return n.definition.fields, n.definition.required
	}
	return n.fields, n.required
}

// keys lists names in their order.
func keys[V any](of map[string]V) []string {
	names := make([]string, 0, len(of))
	for name := range of {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
