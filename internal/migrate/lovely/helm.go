package lovely

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// flags maps options of `helm template`.
func flags(value string) Outcome {
	if unclear(value) || strings.ContainsAny(value, `"'<>|;&\`) {
		return unclearOutcome()
	}
	words := strings.Fields(value)
	set := newSet()
	for i := 0; i < len(words); i++ {
		name, argument, joined := strings.Cut(words[i], "=")
		take := func() (string, bool) {
			if joined {
				return argument, true
			}
			if i++; i >= len(words) {
				return "", false
			}
			return words[i], true
		}
		if reason := set.flag(name, take, argument, joined); reason != "" {
			return Outcome{Reason: reason, Fix: "remove it, and set what it did as a parameter of docs/parameters.md"}
		}
	}
	return Outcome{Parameters: set.parameters()}
}

// optionSet gathers parameters in the order in which they first come.
type optionSet struct {
	order  []string
	byName map[string]*Parameter
}

func newSet() *optionSet { return &optionSet{byName: map[string]*Parameter{}} }

func (s *optionSet) get(name string, kind Kind) *Parameter {
	if s.byName[name] == nil {
		s.byName[name] = &Parameter{Name: name, Kind: kind}
		s.order = append(s.order, name)
	}
	return s.byName[name]
}

func (s *optionSet) parameters() []Parameter {
	var all []Parameter
	for _, name := range s.order {
		all = append(all, *s.byName[name])
	}
	return all
}

// put sets an entry of a map; the last one of a key counts, as for Helm.
func (p *Parameter) put(key, value string) {
	p.Pairs = slices.DeleteFunc(p.Pairs, func(pair [2]string) bool { return pair[0] == key })
	p.Pairs = append(p.Pairs, [2]string{key, value})
}

// switches are options without an argument, and the parameter that says so.
var switches = map[string]string{
	"--skip-crds": "helm-skip-crds", "--skip-tests": "helm-skip-tests", "--skip-schema-validation": "helm-skip-schema-validation",
}

// texts are options with one text.
var texts = map[string]string{"-n": "helm-namespace", "--namespace": "helm-namespace", "--name-template": "helm-release-name"}

// maps are options with a key and a value.
var maps = map[string]string{"--set": "helm-parameters", "--set-string": "helm-string-parameters", "--set-file": "helm-file-parameters"}

// flag takes one option; a text that is not empty says why it cannot.
func (s *optionSet) flag(name string, take func() (string, bool), argument string, joined bool) string {
	if name == "--include-crds" || name == "--dependency-update" {
		return "" // as it is anyway: dependencies are committed or allowed
	}
	if parameter, ok := switches[name]; ok && (!joined || argument == "true") {
		s.get(parameter, String).Text = "true"
		return ""
	}
	value, given := "", false
	if name == "-f" || name == "--values" || texts[name] != "" || maps[name] != "" {
		value, given = take()
	}
	switch {
	case !given:
		return fmt.Sprintf("helm's option %s has no parameter here", name)
	case name == "-f" || name == "--values":
		if strings.Contains(value, "://") {
			return "values files come from the repository only"
		}
		files := s.get("helm-values-files", Array)
		files.Items = append(files.Items, strings.Split(value, ",")...)
	case texts[name] != "":
		s.get(texts[name], String).Text = value
	default:
		key, assigned, ok := strings.Cut(value, "=")
		if !ok || strings.Contains(assigned, ",") {
			return fmt.Sprintf("%s %s sets several values at once", name, key)
		}
		s.get(maps[name], Map).put(key, assigned)
	}
	return ""
}

// kustomizeFields are the fields of a kustomization that a parameter sets
// alike, whatever the kustomization itself says.
var kustomizeFields = map[string]string{"namespace": "kustomize-namespace", "namePrefix": "kustomize-name-prefix", "nameSuffix": "kustomize-name-suffix"}

// kustomization maps a kustomization that is merged into those of the source.
func kustomization(value string) Outcome {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(value), &document); err != nil || len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return Outcome{Reason: "the value is not a YAML mapping", Fix: "use the parameters that begin with kustomize-"}
	}
	set := newSet()
	fields := document.Content[0].Content
	for i := 0; i+1 < len(fields); i += 2 {
		key, content := fields[i].Value, fields[i+1]
		switch {
		case key == "apiVersion" || key == "kind":
		case kustomizeFields[key] != "" && content.Kind == yaml.ScalarNode:
			set.get(kustomizeFields[key], String).Text = content.Value
		case key == "commonAnnotations" && content.Kind == yaml.MappingNode:
			annotations := set.get("kustomize-annotations", Map)
			for at := 0; at+1 < len(content.Content); at += 2 {
				annotations.put(content.Content[at].Value, content.Content[at+1].Value)
			}
		default:
			return Outcome{Reason: fmt.Sprintf("its field %s is merged into the kustomization's own, which no parameter does alike", key),
				Fix: "write it into the kustomization, or set a parameter that begins with kustomize- after comparing"}
		}
	}
	return Outcome{Parameters: set.parameters()}
}
