// Package manifest reads Kubernetes documents that the platform configures
// policies with, such as Gatekeeper's constraints and the API server's admission
// policies. Nothing that a tenant wrote is read here.
package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
)

// Document is one Kubernetes object of a file.
type Document struct {
	unstructured.Unstructured
	File string
	Line int
	// root is the document as it is written, to find the lines of its fields.
	root *yaml.Node
}

// Read returns the documents of every .yaml and .yml file of the sources, and
// the files' digest. Every document that is not a Kubernetes object is a fault
// E_POLICY_LOAD with its line.
func Read(sources []bundle.Source) (documents []Document, digest string, err error) {
	files, err := bundle.Read(sources, ".yaml", ".yml")
	if err != nil {
		return nil, "", err
	}
	var faults fault.List
	for _, f := range files {
		decoder := yaml.NewDecoder(bytes.NewReader(f.Body))
		for {
			var node yaml.Node
			err := decoder.Decode(&node)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				faults = append(faults, fault.New(fault.PolicyLoad, "%s", fault.Clean(err.Error(), 200)).In(f.Name, 0))
				break
			}
			if len(node.Content) == 1 && node.Content[0].Tag == "!!null" {
				continue
			}
			document, err := decode(&node)
			if err != nil {
				faults = append(faults, fault.New(fault.PolicyLoad, "%s", fault.Clean(err.Error(), 200)).In(f.Name, node.Line))
				continue
			}
			document.File, document.Line, document.root = f.Name, max(node.Line, 1), &node
			documents = append(documents, document)
		}
	}
	return documents, bundle.DigestOf(files), faults.OrNil()
}

func decode(node *yaml.Node) (Document, error) {
	var document Document
	text, err := yaml.Marshal(node)
	if err != nil {
		return document, err
	}
	asJSON, err := sigsyaml.YAMLToJSONStrict(text)
	if err != nil {
		return document, err
	}
	if err := utiljson.Unmarshal(asJSON, &document.Object); err != nil {
		return document, errors.New("the document is not a mapping")
	}
	if document.GetKind() == "" || document.GetAPIVersion() == "" || document.GetName() == "" {
		return document, errors.New("the document lacks apiVersion, kind or metadata.name")
	}
	return document, nil
}

// Into fills a type from the document, and refuses fields that the type does
// not know: a misspelt condition would ask about the wrong objects.
func (d Document) Into(value any) error {
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(d.Object, value, true); err != nil {
		return d.Fault("%s", fault.Clean(err.Error(), 300))
	}
	return nil
}

// Fault returns a fault at the document.
func (d Document) Fault(format string, args ...any) *fault.Error {
	return fault.New(fault.PolicyLoad, format, args...).In(d.File, d.Line).At(strings.TrimSpace(d.GetKind()+" "+d.GetName()), "")
}

// FaultAt returns a fault at a field of the document, whose path holds the names
// of fields and the numbers of items, from 0. Its line is that of the field, or
// of the nearest one around it that is written in the file.
func (d Document) FaultAt(path []any, format string, args ...any) *fault.Error {
	f := d.Fault(format, args...)
	f.Field = fieldText(path)
	if line := lineOf(d.root, path); line > 0 {
		f.Line = line
	}
	return f
}

func fieldText(path []any) string {
	var b strings.Builder
	for _, step := range path {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(fault.Clean(step, 80))
		}
	}
	return b.String()
}

func lineOf(node *yaml.Node, path []any) int {
	if node == nil {
		return 0
	}
	line := 0
	if node.Kind == yaml.DocumentNode && len(node.Content) == 1 {
		node = node.Content[0]
	}
	for _, step := range path {
		if node.Kind == yaml.AliasNode {
			node = node.Alias
		}
		at, next := child(node, step)
		if next == nil {
			return line
		}
		line, node = at, next
	}
	return line
}

// child returns the value at a step of a path, and the line that it starts at,
// which for a field is that of its name.
func child(node *yaml.Node, step any) (line int, value *yaml.Node) {
	switch step := step.(type) {
	case int:
		if node.Kind == yaml.SequenceNode && step < len(node.Content) {
			return node.Content[step].Line, node.Content[step]
		}
	case string:
		for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == step {
				return node.Content[i].Line, node.Content[i+1]
			}
		}
	}
	return 0, nil
}
