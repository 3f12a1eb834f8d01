// Package differential compares what argocd-seal renders with what the
// kustomize and helm programs print, object by object.
package differential

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	yamlstream "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

const (
	// maxReported is how many objects a comparison describes.
	maxReported = 3
	// maxDiffLines bounds the description of one object.
	maxDiffLines = 40
)

// Objects are rendered objects by "apiVersion kind namespace/name". An object
// that stands twice has a number behind its key from the second on.
type Objects map[string]any

// Parse reads a stream of YAML or JSON documents. Lists are flattened and empty
// documents left out, as Argo CD does with what a renderer prints.
func Parse(stream []byte) (Objects, error) {
	objects := Objects{}
	documents := yamlstream.NewYAMLReader(bufio.NewReader(bytes.NewReader(stream)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		object, err := decode(document)
		if err != nil {
			return nil, fmt.Errorf("%w in document:\n%s", err, document)
		}
		objects.add(object)
	}
}

// ParseLines reads one JSON object a line.
func ParseLines(stream []byte) (Objects, error) {
	objects := Objects{}
	for line := range bytes.Lines(stream) {
		object, err := decode(line)
		if err != nil {
			return nil, fmt.Errorf("%w in line %q", err, line)
		}
		objects.add(object)
	}
	return objects, nil
}

// decode keeps numbers as they are written: as float64, two large integers that
// differ would be equal.
func decode(document []byte) (any, error) {
	text, err := yaml.YAMLToJSON(document)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var object any
	return object, decoder.Decode(&object)
}

func (o Objects) add(object any) {
	fields, ok := object.(map[string]any)
	if object == nil || ok && len(fields) == 0 {
		return
	}
	if items, ok := fields["items"].([]any); ok && strings.HasSuffix(text(fields["kind"]), "List") {
		for _, item := range items {
			o.add(item)
		}
		return
	}
	metadata, _ := fields["metadata"].(map[string]any)
	key := fmt.Sprintf("%s %s %s/%s", text(fields["apiVersion"]), text(fields["kind"]),
		text(metadata["namespace"]), text(metadata["name"]))
	unique := key
	for n := 2; o[unique] != nil; n++ {
		unique = fmt.Sprintf("%s #%d", key, n)
	}
	o[unique] = object
}

func text(value any) string {
	s, _ := value.(string)
	return s
}

// Diff describes how got differs from want: the missing and surplus objects,
// and the first differences inside of the others. It is empty where they agree.
func Diff(want, got Objects) string {
	var b strings.Builder
	reported := 0
	for _, key := range slices.Sorted(maps.Keys(merge(want, got))) {
		wanted, inWant := want[key]
		actual, inGot := got[key]
		var difference string
		switch {
		case !inGot:
			difference = "missing"
		case !inWant:
			difference = "not expected"
		default:
			difference = head(cmp.Diff(wanted, actual))
		}
		if difference == "" {
			continue
		}
		if reported++; reported <= maxReported {
			fmt.Fprintf(&b, "%s: %s\n", key, difference)
		}
	}
	if reported > maxReported {
		fmt.Fprintf(&b, "and %d more objects differ\n", reported-maxReported)
	}
	return b.String()
}

func merge(a, b Objects) Objects {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// head keeps the first lines of a difference, under a line that says which side
// is which.
func head(difference string) string {
	if difference == "" {
		return ""
	}
	lines := strings.Split(strings.TrimRight(difference, "\n"), "\n")
	if len(lines) > maxDiffLines {
		lines = append(lines[:maxDiffLines], "...")
	}
	return "(-want +got)\n" + strings.Join(lines, "\n")
}
