package kustomize

import (
	"regexp"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// origins tells where objects come from. Kustomize can annotate objects with
// their origin, but the annotation changes what patches and replacements of
// annotations do. So the origins are found beside the build: the files that it
// reads are scanned for kinds and names, and the names are changed as the
// kustomizations above change them. What does not match exactly has no origin.
type origins struct {
	byID map[originID][]origin
}

type originID struct{ kind, name string }

type origin struct {
	file      string
	line      int
	namespace string
}

func newOrigins() origins { return origins{byID: map[originID][]origin{}} }

// addFile adds the objects of a resource file, for one visit.
func (o origins) addFile(file string, data []byte, here place) {
	for _, document := range scan(data) {
		found := origin{file: file, line: document.line, namespace: here.namespace}
		if found.namespace == "" {
			found.namespace = document.namespace
		}
		o.add(document.kind, document.name, found, here)
	}
}

// addRendered adds the objects of a rendered chart, whose comments name the files
// in the source that they come from.
func (o origins) addRendered(text []byte, here place) {
	for _, document := range scan(text) {
		if document.template != "" {
			found := origin{file: document.template, namespace: document.namespace}
			o.add(document.kind, document.name, found, here)
		}
	}
}

// addGenerators adds what a kustomization generates by itself, at the entry that
// does it.
func (o origins) addGenerators(k *kustomization, here place) {
	for i, generator := range k.spec.ConfigMapGenerator {
		if creates(generator.Behavior) {
			o.add("ConfigMap", generator.Name, origin{k.file, k.lineOf("configMapGenerator", i), here.namespace}, here)
		}
	}
	for i, generator := range k.spec.SecretGenerator {
		if creates(generator.Behavior) {
			o.add("Secret", generator.Name, origin{k.file, k.lineOf("secretGenerator", i), here.namespace}, here)
		}
	}
}

func creates(behavior string) bool { return behavior == "" || behavior == "create" }

func (o origins) add(kind, name string, found origin, here place) {
	switch kind {
	case "Namespace", "CustomResourceDefinition", "APIService":
		// Kustomize gives these neither prefix nor suffix.
	default:
		name = here.prefix + name + here.suffix
	}
	id := originID{kind, name}
	o.byID[id] = append(o.byID[id], found)
}

// contentHash is what kustomize appends to the names of what it generates.
var contentHash = regexp.MustCompile(`-[0-9a-z]{10}$`)

// locate sets the file and line of an object where they are certain.
func (o origins) locate(built object.Object) object.Object {
	name := built.Name()
	candidates := o.byID[originID{built.Kind(), name}]
	if len(candidates) == 0 {
		candidates = o.byID[originID{built.Kind(), contentHash.ReplaceAllString(name, "")}]
	}
	if len(candidates) > 1 {
		candidates = inNamespace(candidates, built.Namespace())
	}
	for i, candidate := range candidates {
		switch {
		case i == 0:
			built.File, built.Line = candidate.file, candidate.line
		case candidate.file != built.File:
			built.File, built.Line = "", 0
			return built
		case candidate.line != built.Line:
			built.Line = 0
		}
	}
	return built
}

func inNamespace(candidates []origin, namespace string) []origin {
	var same []origin
	for _, candidate := range candidates {
		if candidate.namespace == namespace {
			same = append(same, candidate)
		}
	}
	return same
}

// scanned is what a scan finds in one document. Template is the path in the
// source that the comment above a rendered document names.
type scanned struct {
	kind, name, namespace string
	template              string
	line                  int
}

// scan finds the objects of a YAML stream in block style without parsing it:
// doing so would cost as much as the build. Documents in another style are
// skipped.
func scan(data []byte) []scanned {
	var found []scanned
	var current scanned
	inMetadata, indent := false, 0
	flush := func() {
		if current.kind != "" && current.name != "" {
			found = append(found, current)
		}
		current, inMetadata = scanned{}, false
	}
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimRight(line, " \t\r\n")
		text := strings.TrimLeft(line, " ")
		depth := len(line) - len(text)
		switch {
		case strings.HasPrefix(line, "---"):
			flush()
		case strings.HasPrefix(line, "# Source: "):
			current.template = strings.TrimPrefix(line, "# Source: ")
		case text == "" || strings.HasPrefix(text, "#"):
		case depth == 0:
			if current.line == 0 {
				current.line = number
			}
			inMetadata, indent = text == "metadata:", 0
			if kind, ok := strings.CutPrefix(text, "kind:"); ok {
				current.kind = plainScalar(kind)
			}
		case inMetadata:
			if indent == 0 {
				indent = depth
			}
			if depth == indent {
				current.metadata(text)
			}
		}
	}
	flush()
	return found
}

func (s *scanned) metadata(text string) {
	if name, ok := strings.CutPrefix(text, "name:"); ok {
		s.name = plainScalar(name)
	}
	if namespace, ok := strings.CutPrefix(text, "namespace:"); ok {
		s.namespace = plainScalar(namespace)
	}
}

// plainScalar reads the value of a simple field.
func plainScalar(text string) string {
	if before, _, commented := strings.Cut(text, " #"); commented {
		text = before
	}
	return strings.Trim(strings.TrimSpace(text), `"'`)
}
