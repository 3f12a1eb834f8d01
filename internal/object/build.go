package object

import (
	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// builder turns parsed YAML nodes into JSON values and counts what they expand
// to over a whole file. It follows aliases itself: the parser hands them out
// unexpanded, cycles included.
type builder struct {
	file    string
	source  source
	nodes   int
	bytes   int
	aliases int
	// open holds the aliases that are being expanded, to find cycles.
	open map[*yaml.Node]bool
}

func (b *builder) value(node *yaml.Node, depth int) (any, error) {
	if b.nodes++; b.nodes > MaxNodes {
		return nil, b.fault(fault.Limit, node, "the file expands to more than %d nodes", MaxNodes)
	}
	if depth > MaxDepth {
		return nil, b.fault(fault.Limit, node, "nested more than %d levels deep", MaxDepth)
	}
	switch node.Kind {
	case yaml.DocumentNode:
		if len(node.Content) == 0 {
			return nil, nil
		}
		return b.value(node.Content[0], depth)
	case yaml.AliasNode:
		return b.alias(node, func(target *yaml.Node) (any, error) { return b.value(target, depth) })
	case yaml.MappingNode:
		return b.mapping(node, depth)
	case yaml.SequenceNode:
		return b.sequence(node, depth)
	case yaml.ScalarNode:
		return b.scalarValue(node)
	default:
		return nil, nil
	}
}

// alias expands one alias, within the bounds and never inside itself.
func (b *builder) alias(node *yaml.Node, expand func(*yaml.Node) (any, error)) (any, error) {
	target := node.Alias
	if b.aliases++; b.aliases > MaxAliases {
		return nil, b.fault(fault.YAMLAlias, node, "the file uses more than %d aliases", MaxAliases)
	}
	if target == nil || b.open[target] || encloses(target, node) {
		return nil, b.fault(fault.YAMLAlias, node, "the alias refers to a part that contains it")
	}
	if b.open == nil {
		b.open = map[*yaml.Node]bool{}
	}
	b.open[target] = true
	defer delete(b.open, target)
	return expand(target)
}

// encloses tells whether an alias stands directly below its own anchor; deeper
// cycles are found by the aliases that are open.
func encloses(target, alias *yaml.Node) bool {
	for _, child := range target.Content {
		if child == alias {
			return true
		}
	}
	return false
}

func (b *builder) sequence(node *yaml.Node, depth int) (any, error) {
	if err := b.checkTag(node, "!!seq"); err != nil {
		return nil, err
	}
	items := make([]any, 0, len(node.Content))
	for _, child := range node.Content {
		item, err := b.value(child, depth+1)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

func (b *builder) mapping(node *yaml.Node, depth int) (any, error) {
	if err := b.checkTag(node, "!!map"); err != nil {
		return nil, err
	}
	fields := make(map[string]any, len(node.Content)/2)
	lines := make(map[string]int, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		keyNode, valueNode := node.Content[i], node.Content[i+1]
		if isMerge(keyNode) {
			if err := b.merge(fields, valueNode, depth); err != nil {
				return nil, err
			}
			continue
		}
		key, err := b.key(keyNode)
		if err != nil {
			return nil, err
		}
		if first, twice := lines[key]; twice {
			return nil, b.fault(fault.YAMLDup, keyNode, "the key %q stands here and in line %d", fault.Clean(key, 80), first)
		}
		lines[key] = keyNode.Line
		if fields[key], err = b.value(valueNode, depth+1); err != nil {
			return nil, err
		}
	}
	return fields, nil
}

// isMerge recognises the YAML 1.1 merge key.
func isMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.Value == "<<" && (key.Tag == "!!merge" || key.Style == 0)
}

// merge adds the fields of what "<<" points at. As in the reader that Argo CD
// uses, a merge overwrites the keys above it and is overwritten by the keys
// below it, and in a list of mappings the earlier one wins.
func (b *builder) merge(fields map[string]any, node *yaml.Node, depth int) error {
	sources := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		sources = node.Content
	}
	for i := len(sources) - 1; i >= 0; i-- {
		value, err := b.value(sources[i], depth)
		if err != nil {
			return err
		}
		merged, ok := value.(map[string]any)
		if !ok {
			return b.fault(fault.YAML, node, "<< needs a mapping, not %s", Describe(value))
		}
		for key, field := range merged {
			fields[key] = field
		}
	}
	return nil
}

func (b *builder) fault(code fault.Code, node *yaml.Node, format string, args ...any) *fault.Error {
	located := fault.New(code, format, args...).In(b.file, node.Line)
	located.Column = node.Column
	return located
}
