package object

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	yaml11 "go.yaml.in/yaml/v2"
	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// scalarValue gives a scalar the form in which objects hold it.
func (b *builder) scalarValue(node *yaml.Node) (any, error) {
	value, err := b.scalar(node)
	if float, ok := value.(float64); ok {
		return floatNumber(float), err
	}
	return value, err
}

// scalar gives a scalar its YAML 1.1 meaning: nil, a string, a bool, an integer
// as json.Number, or a float64. Quoted and block scalars are
// strings; a plain one is resolved by the YAML 1.1 reader that Argo CD uses, so
// that both read the same.
func (b *builder) scalar(node *yaml.Node) (any, error) {
	if len(node.Value) > MaxScalarBytes {
		return nil, b.fault(fault.Limit, node, "a string of %d bytes is longer than %d", len(node.Value), MaxScalarBytes)
	}
	if b.bytes += len(node.Value); b.bytes > MaxExpandedBytes {
		return nil, b.fault(fault.Limit, node, "the file expands to more than %d bytes", MaxExpandedBytes)
	}
	const literal = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	tagged := node.Style&yaml.TaggedStyle != 0
	if tagged {
		if err := b.checkTag(node, "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp"); err != nil {
			return nil, err
		}
		if node.Tag != "!!str" && node.Tag != "!!timestamp" {
			return b.resolve(node, node.Tag+" "+strconv.Quote(node.Value))
		}
		return node.Value, nil
	}
	if node.Style&literal != 0 || !mayResolve(node.Value) {
		return node.Value, nil
	}
	if b.source.bare(node) {
		return nil, b.fault(fault.YAMLTag, node, "the tag ! stands before a plain value").WithFix("put the value in quotes if it is a string")
	}
	return b.resolve(node, node.Value)
}

// mayResolve tells whether a plain scalar may be something other than a string,
// to spare most scalars the second reader.
func mayResolve(plain string) bool {
	if plain == "" {
		return true
	}
	if strings.ContainsAny(plain, "\n ") {
		return false
	}
	switch first := plain[0]; {
	case first == '~':
		return true
	case strings.IndexByte("+-.0123456789", first) >= 0:
		return true
	case strings.IndexByte("yYnNtTfFoO", first) >= 0:
		return len(plain) <= len("false")
	default:
		return false
	}
}

func (b *builder) resolve(node *yaml.Node, scalar string) (any, error) {
	var document struct {
		V any `yaml:"v"`
	}
	if err := yaml11.Unmarshal([]byte("v: "+scalar), &document); err != nil {
		return nil, b.fault(fault.YAMLTag, node, "the value does not fit its tag")
	}
	switch value := document.V.(type) {
	case nil, string, bool:
		return value, nil
	case int:
		return json.Number(strconv.Itoa(value)), nil
	case int64:
		return json.Number(strconv.FormatInt(value, 10)), nil
	case float64:
		// An integer that did not fit comes back as a float that lost digits;
		// 08, which is no octal number, comes back as one that did not.
		inexact := math.Abs(value) > 1<<53 && !strings.ContainsAny(node.Value, ".eE")
		if inexact || math.IsInf(value, 0) || math.IsNaN(value) {
			return nil, b.numberFault(node)
		}
		return value, nil
	default:
		return nil, b.numberFault(node)
	}
}

func (b *builder) numberFault(node *yaml.Node) error {
	return b.fault(fault.YAMLNumber, node, "the number %q cannot be kept exactly", fault.Clean(node.Value, 40)).
		WithFix("put it in quotes if it is a string")
}

// floatNumber writes a float as encoding/json does, which is how Argo CD
// writes it too: 1.0 becomes 1. A zero has no sign there.
func floatNumber(value float64) json.Number {
	if value == 0 {
		return "0"
	}
	text, _ := json.Marshal(value)
	return json.Number(text)
}

// key turns a mapping's key into the string that JSON needs, the way Argo CD's
// reader does: true and 1 become "true" and "1".
func (b *builder) key(node *yaml.Node) (string, error) {
	if node.Kind == yaml.AliasNode {
		value, err := b.alias(node, func(target *yaml.Node) (any, error) { return b.key(target) })
		key, _ := value.(string)
		return key, err
	}
	if node.Kind != yaml.ScalarNode {
		return "", b.fault(fault.YAML, node, "a key must be a string")
	}
	value, err := b.scalar(node)
	if err != nil {
		return "", err
	}
	switch value := value.(type) {
	case string:
		return value, nil
	case bool:
		return strconv.FormatBool(value), nil
	case json.Number:
		return value.String(), nil
	case float64:
		// That reader takes 32 bits of it, and another form than in a value.
		if math.IsInf(float64(float32(value)), 0) {
			return "", b.numberFault(node)
		}
		return strconv.FormatFloat(value, 'g', -1, 32), nil
	default:
		return "", b.fault(fault.YAML, node, "a key must not be empty")
	}
}

// checkTag refuses every tag but the given ones. The parser gives untagged
// collections their standard tag.
func (b *builder) checkTag(node *yaml.Node, allowed ...string) error {
	if node.Tag == "" || node.Tag == "!" {
		return nil
	}
	for _, tag := range allowed {
		if node.ShortTag() == tag {
			return nil
		}
	}
	return b.fault(fault.YAMLTag, node, "the tag %q is not known here", fault.Clean(node.Tag, 80))
}
