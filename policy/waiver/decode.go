package waiver

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/yamlhint"
)

// decode reads the whole file and passes nothing over: a misspelt field would
// make a waiver wider than it reads, and a second document would be lost.
func decode(body []byte) ([]Waiver, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(body))
	var document file
	if err := decoder.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	for {
		var more yaml.Node
		if err := decoder.Decode(&more); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if root := more.Content[0]; root.Kind != yaml.ScalarNode || root.Tag != "!!null" {
			return nil, fmt.Errorf("line %d: there is a second document", root.Line)
		}
	}
	waivers := make([]Waiver, len(document.Waivers))
	for i := range document.Waivers {
		waivers[i].line = document.Waivers[i].Line
		if err := document.Waivers[i].Decode(&waivers[i]); err != nil {
			return nil, err
		}
	}
	return waivers, nil
}

// file is what stands at the top of a file.
type file struct {
	Waivers []yaml.Node `yaml:"waivers"`
}

// UnmarshalYAML implements [yaml.Unmarshaler], as do the types below: a decoder
// that is told to be strict is so only down to the first of them.
func (f *file) UnmarshalYAML(node *yaml.Node) error {
	if err := allow(node, "a file of waivers", "waivers"); err != nil {
		return err
	}
	type plain file
	return node.Decode((*plain)(f))
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (w *Waiver) UnmarshalYAML(node *yaml.Node) error {
	if err := allow(node, "a waiver", "rule", "objects", "environments", "owner", "reason", "expires"); err != nil {
		return err
	}
	type plain Waiver
	return node.Decode((*plain)(w))
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (s *Selector) UnmarshalYAML(node *yaml.Node) error {
	if err := allow(node, "objects", "kind", "namespace", "name"); err != nil {
		return err
	}
	type plain Selector
	return node.Decode((*plain)(s))
}

// allow refuses keys that are none of the names.
func allow(node *yaml.Node, what string, names ...string) error {
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: %s is written as a mapping", node.Line, what)
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if key := node.Content[i]; key.Kind != yaml.ScalarNode || !slices.Contains(names, key.Value) {
			unknown := fault.New(fault.Waiver, "%s has no field %q", what, fault.Clean(key.Value, 80)).In("", key.Line).Meant(key.Value, names)
			unknown.Column = key.Column
			return unknown
		}
	}
	return nil
}

// wrongType is what the parser says of a value that is not of its field's type;
// it names Go's types and not what was expected.
var wrongType = regexp.MustCompile(`line \d+: cannot unmarshal (?:!!)?(\w+)(?: .*)? into (\S+)`)

// unreadable says what is wrong with a file that the parser refuses.
func unreadable(err error) *fault.Error {
	text := err.Error()
	if match := wrongType.FindStringSubmatch(text); match != nil {
		found := map[string]string{"seq": "a list", "map": "a mapping", "str": "a text", "int": "a number", "float": "a number", "bool": "true or false"}[match[1]]
		expected := "a mapping"
		switch {
		case strings.HasPrefix(match[2], "[]"):
			expected = "a list"
		case match[2] == "string":
			expected = "a text"
		}
		return fault.New(fault.Waiver, "expected %s, found %s", expected, cmp.Or(found, match[1]))
	}
	said := parserPlace.ReplaceAllString(text, "")
	return fault.New(fault.Waiver, "%s", fault.Clean(said, 300)).WithFix("%s", yamlhint.Fix(said))
}

// parserPlace is what the parser puts before its text; the fault has the place.
var parserPlace = regexp.MustCompile(`^(?:yaml: )?(?:unmarshal errors:\s*)?(?:line \d+: )?`)

var yamlLine = regexp.MustCompile(`line (\d+)`)

func lineOf(err error, body []byte) int {
	if match := yamlLine.FindStringSubmatch(err.Error()); match != nil {
		if line, wrong := strconv.Atoi(match[1]); wrong == nil {
			return yamlhint.Line(parserPlace.ReplaceAllString(err.Error(), ""), line, body)
		}
	}
	return 1
}
