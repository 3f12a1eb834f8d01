package kustomize

import (
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/internal/yamlhint"
)

// kustomization is one kustomization of the build. What it says is taken from
// kustomize's own reading of the file, which folds the case of field names and
// lets later duplicates win; the parsed nodes only tell lines.
type kustomization struct {
	dir  string
	file string
	spec *types.Kustomization
	// refs are all references to something outside of the file.
	refs []*reference
	// edited says that spec no longer is what the file says.
	edited bool

	root     *yaml.Node
	surveyed bool
	charts   *chartSet
}

// load reads the kustomization of a directory. quote lets the parser's text
// through.
func load(fsys *files, dir string, quote bool) (*kustomization, error) {
	if !fsys.hasDir(dir) {
		return nil, fault.New(fault.Path, "there is no directory %q in the source", dir).WithFix(pathFix)
	}
	var found []string
	for _, base := range konfig.RecognizedKustomizationFileNames() {
		name, _ := fsys.resolve(dir, base)
		if _, ok := fsys.file(name); ok && name != "" {
			found = append(found, name)
		}
	}
	switch len(found) {
	case 0:
		return nil, fault.New(fault.Path, "the directory %q has no kustomization.yaml", dir).
			WithFix("add one, or name another directory")
	case 1:
	default:
		return nil, fault.New(fault.Kustomize, "the directory has %s", strings.Join(found, " and ")).
			In(found[1], 0).WithFix("keep one of them")
	}
	k := &kustomization{dir: dir, file: found[0], spec: &types.Kustomization{}}
	data, _ := fsys.file(k.file)
	// Of a key that stands twice kustomize takes the last one without a word.
	switch _, err := object.Decode(k.file, data); fault.CodeOf(err) {
	case fault.YAMLDup, fault.YAMLEnc, fault.YAMLAlias, fault.Limit:
		return nil, err
	}
	var document yaml.Node
	// Kustomize reads with another parser, so this one's faults are not final.
	if yaml.Unmarshal(data, &document) == nil && len(document.Content) > 0 {
		k.root = document.Content[0]
	}
	if err := k.spec.Unmarshal(data); err != nil {
		return nil, k.parseFault(err.Error(), quote)
	}
	k.refs = k.references()
	return k, nil
}

// marshal writes the edited kustomization.
func (k *kustomization) marshal() ([]byte, error) {
	text, err := sigsyaml.Marshal(k.spec)
	if err != nil {
		return nil, fault.New(fault.Internal, "the edited kustomization cannot be written").In(k.file, 0)
	}
	return text, nil
}

// lists tells whether the file is one of the resources.
func (k *kustomization) lists(name string) bool {
	for _, ref := range k.refs {
		if ref.kind == toResource && cleanJoin(k.dir, ref.value) == name {
			return true
		}
	}
	return false
}

// lineOf returns the line of a field or of the nearest field above it that the
// file has, by a path of names and indexes; 0 where the file has no such field.
func (k *kustomization) lineOf(path ...any) int {
	node, line := k.root, 0
	for _, step := range path {
		if node = child(node, step); node == nil {
			break
		}
		line = node.Line
	}
	return line
}

// child finds a field or an item, as kustomize does: case is folded and the last
// of several fields wins.
func child(node *yaml.Node, step any) *yaml.Node {
	if node == nil {
		return nil
	}
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch step := step.(type) {
	case int:
		if node.Kind == yaml.SequenceNode && step < len(node.Content) {
			return node.Content[step]
		}
	case string:
		var found *yaml.Node
		for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
			if strings.EqualFold(node.Content[i].Value, step) {
				found = node.Content[i+1]
			}
		}
		return found
	}
	return nil
}

var (
	yamlError    = regexp.MustCompile(`(?:^|[^.\w])yaml: (?:line (\d+): )?(.*)`)
	unknownField = regexp.MustCompile(`json: unknown field "([^"]*)"`)
	wrongType    = regexp.MustCompile(`json: cannot unmarshal (\w+) into Go (?:struct field [A-Za-z]+\.(\S+)|value) of type (\S+)`)
)

// parseFault locates what kustomize says about a file that it cannot read.
func (k *kustomization) parseFault(text string, quote bool) *fault.Error {
	if match := unknownField.FindStringSubmatch(text); match != nil {
		return fault.New(fault.Kustomize, "a kustomization has no field %q", fault.Clean(match[1], 80)).
			In(k.file, keyLine(k.root, match[1], 0)).Meant(match[1], kustomizationFields()).WithFix("correct its spelling or its indentation")
	}
	if match := wrongType.FindStringSubmatch(text); match != nil {
		field := match[2]
		return fault.New(fault.Kustomize, "%s is expected here, not %s", typeName(match[3]), typeName(match[1])).
			In(k.file, k.lineOf(fieldPath(field)...)).At("", field)
	}
	if match := yamlError.FindStringSubmatch(text); match != nil {
		return syntaxFault(k.file, match, quote)
	}
	return fault.New(fault.YAML, "the kustomization cannot be read").In(k.file, 0)
}

// kustomizationFields are the names that a kustomization may have at its top.
func kustomizationFields() []string {
	var names []string
	of := reflect.TypeFor[types.Kustomization]()
	for i := range of.NumField() {
		if name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// syntaxFault makes a fault of what yamlError has matched.
func syntaxFault(file string, match []string, quote bool) *fault.Error {
	line := syntaxLine(match)
	message := "the file is not YAML"
	if quote {
		message = fault.Clean(match[2], maxQuote)
	}
	return fault.New(fault.YAML, "%s", message).In(file, line).WithFix("%s", yamlhint.Fix(match[2]))
}

// syntaxLine is the line in what yamlError has matched. The parser leaves out the
// first line's number, and tells none for an anchor that it does not know.
func syntaxLine(match []string) int {
	line, err := strconv.Atoi(match[1])
	line = yamlhint.Line(match[2], line, nil)
	if err != nil && !strings.HasPrefix(match[2], "unknown anchor") && !strings.HasPrefix(match[2], "unmarshal") {
		return 1
	}
	return line
}

func fieldPath(field string) []any {
	var path []any
	for _, name := range strings.Split(field, ".") {
		path = append(path, name)
	}
	return path
}

// keyLine finds the first field of a name anywhere in a document.
func keyLine(node *yaml.Node, name string, depth int) int {
	if node == nil || depth > maxDepth {
		return 0
	}
	for i, item := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 0 {
			if item.Value == name {
				return item.Line
			}
			continue
		}
		if line := keyLine(item, name, depth+1); line > 0 {
			return line
		}
	}
	return 0
}

// typeName says a JSON or Go type in the words of people who write YAML.
func typeName(name string) string {
	switch {
	case name == "array" || strings.HasPrefix(name, "[]"):
		return "a list"
	case name == "string" || name == "types.PatchStrategicMerge":
		return "a string"
	case name == "bool":
		return "true or false"
	case name == "number" || strings.HasPrefix(name, "int"):
		return "a number"
	case name == "null":
		return "nothing"
	default:
		return "a mapping"
	}
}
