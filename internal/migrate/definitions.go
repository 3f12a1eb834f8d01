package migrate

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/yamledit"
)

// definition is a config management plugin that a repository defines.
type definition struct {
	name    string
	command string
	file    *file
	line    int
}

// definitions returns the plugins that the repository defines: as documents, in
// ConfigMaps that hold such documents, and in the list of argocd-cm.
func (p *planner) definitions() []definition {
	if p.defined != nil {
		return p.defined
	}
	found := []definition{}
	for _, f := range p.files {
		for _, d := range f.documents {
			if d.object == nil || !f.inScope {
				continue
			}
			switch d.object.Kind() {
			case "ConfigManagementPlugin":
				found = append(found, definitionOf(f, d.node, 0))
			case "ConfigMap":
				found = append(found, embedded(d)...)
			}
		}
	}
	p.defined = found
	return found
}

// definitionOf reads a ConfigManagementPlugin; shift is the line above its first.
func definitionOf(f *file, node *yaml.Node, shift int) definition {
	name := scalarOf(at(node, "metadata", "name"))
	if version := scalarOf(at(node, "spec", "version")); version != "" {
		name += "-" + version
	}
	return definition{name: name, file: f, line: node.Line + shift, command: commandOf(child(node, "spec"))}
}

func commandOf(spec *yaml.Node) string {
	var words []string
	for _, step := range []string{"init", "generate"} {
		for _, list := range []string{"command", "args"} {
			for _, word := range itemsOf(at(spec, step, list)) {
				words = append(words, word.Value)
			}
		}
		words = append(words, "\n")
	}
	return strings.Join(words, " ")
}

func embedded(d *document) []definition {
	var found []definition
	data := child(d.node, "data")
	if data == nil || data.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(data.Content); i += 2 {
		key, value := data.Content[i], data.Content[i+1]
		if value.Kind != yaml.ScalarNode || !strings.Contains(value.Value, "generate") {
			continue
		}
		text, err := yamledit.Parse(d.file.name, []byte(value.Value))
		if err != nil {
			continue
		}
		for _, root := range text.Documents {
			if scalarOf(child(root, "kind")) == "ConfigManagementPlugin" {
				found = append(found, definitionOf(d.file, root, value.Line))
			}
			if key.Value != "configManagementPlugins" {
				continue
			}
			for _, item := range itemsOf(root) {
				found = append(found, definition{name: scalarOf(child(item, "name")), file: d.file, line: item.Line + value.Line, command: commandOf(item)})
			}
		}
	}
	return found
}

// ours tells whether a definition runs one of the two plugins.
func (d definition) ours() bool {
	return strings.Contains(d.command, "argocd-vault-plugin") || strings.Contains(d.command, "argocd-lovely-plugin")
}

// harmless are programs of a plugin's command that this plugin does without.
var harmless = []string{"argocd-vault-plugin", "argocd-lovely-plugin", "helm", "kustomize", "find", "cat", "echo", "ls", "true"}

// commandBreak is what separates the programs of a command.
var commandBreak = regexp.MustCompile(`\|\|?|&&|;|\n|<\(|\$\(`)

// steps are the programs that a command runs, each with its arguments and
// without the shell around them.
func (d definition) steps() [][]string {
	var steps [][]string
	for _, part := range commandBreak.Split(d.command, -1) {
		words := strings.Fields(strings.Trim(part, " ()"))
		for len(words) > 0 && (strings.HasPrefix(words[0], "-") || assignment.MatchString(words[0]) || slices.Contains([]string{"sh", "bash", "export"}, path.Base(words[0]))) {
			words = words[1:]
		}
		if len(words) > 0 {
			steps = append(steps, words)
		}
	}
	return steps
}

// programs returns what a definition's command runs and this plugin does not.
func (d definition) programs() []string {
	var found []string
	for _, words := range d.steps() {
		program := path.Base(words[0])
		switch {
		case program == "helm" && len(words) > 1 && !slices.Contains([]string{"template", "dependency", "dep", "repo"}, words[1]):
			found = append(found, "helm "+words[1])
		case !slices.Contains(harmless, program):
			found = append(found, program)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// given are options of helm and kustomize that a definition gives for all
// applications. Those that a variable fills are the Applications' own.
func (d definition) given() []string {
	needless := []string{"--include-crds", "--enable-helm", "--namespace", "-n", "--name-template"}
	var found []string
	for _, words := range d.steps() {
		program := path.Base(words[0])
		if program != "helm" && program != "kustomize" || len(words) < 2 || !slices.Contains([]string{"template", "build"}, words[1]) {
			continue
		}
		for i, word := range words {
			name, value, joined := strings.Cut(word, "=")
			if !joined && i+1 < len(words) {
				value = words[i+1]
			}
			// What a command gives from a variable or another program comes from elsewhere.
			elsewhere := strings.Contains(value, "$") || i+1 == len(words) && (name == "-f" || name == "--values")
			if strings.HasPrefix(word, "-") && !slices.Contains(needless, name) && !elsewhere {
				found = append(found, program+" "+name)
			}
		}
	}
	return found
}

// reportDefinitions lists what plugins do that this one does not, and returns
// the names of those that it stands in for.
func (p *planner) reportDefinitions() []string {
	var aliases, refused []string
	for _, d := range p.definitions() {
		if !d.ours() {
			continue
		}
		programs := d.programs()
		for _, program := range programs {
			p.find(d.file, d.line, "plugin "+d.name, &avp.Obstacle{Code: CodePlugin, Message: fmt.Sprintf("its command runs %s, and this plugin runs no programs", program),
				Fix: "commit what the program writes, or keep the plugin for the applications that need it"})
		}
		for _, option := range d.given() {
			p.find(d.file, d.line, "plugin "+d.name, &avp.Obstacle{Code: CodePlugin, Message: fmt.Sprintf("its command gives %s for all applications, and parameters belong to each", option),
				Fix: "set the parameter of docs/parameters.md in the Applications that name the plugin"})
		}
		if strings.Contains(d.command, "argocd-vault-plugin") && len(programs) == 0 {
			aliases = append(aliases, d.name)
		} else {
			refused = append(refused, d.name)
		}
	}
	for _, a := range p.applications() {
		if a.document.file.inScope && strings.Contains(a.plugin, "vault-plugin") && !slices.Contains(refused, a.plugin) {
			aliases = append(aliases, a.plugin)
		}
	}
	aliases = slices.DeleteFunc(aliases, func(name string) bool { return !aliasName.MatchString(name) })
	slices.Sort(aliases)
	return slices.Compact(aliases)
}

// aliasName is what the configuration takes as an alias.
var aliasName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
