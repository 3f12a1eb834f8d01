package migrate

import (
	"encoding/base64"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/yamledit"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
)

// readSettings gathers what manifests say of how argocd-vault-plugin was run:
// the data of its Secret, variables of pods and of Applications.
func (p *planner) readSettings() {
	for _, f := range p.files {
		if !f.inScope {
			continue
		}
		for _, d := range f.documents {
			if d.object == nil {
				p.dataSettings(d, d.node, false)
				continue
			}
			if kind := d.object.Kind(); kind == "Secret" || kind == "ConfigMap" {
				p.dataSettings(d, child(d.node, "data"), kind == "Secret")
				p.dataSettings(d, child(d.node, "stringData"), false)
			}
			p.podSettings(d)
			for _, plugin := range pluginsOf(d) {
				for _, variable := range itemsOf(child(plugin.node, "env")) {
					p.setting(d, child(variable, "name"), child(variable, "value"), false)
				}
			}
		}
	}
	p.reader.KV = p.KV
	if setting, ok := p.settings.Get("AVP_KV_VERSION"); p.KV == "" && ok {
		p.reader.KV = setting.Value
	}
	p.reader.Mounts = avp.Mounts{}
}

func (p *planner) dataSettings(d *document, mapping *yaml.Node, encoded bool) {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		p.setting(d, mapping.Content[i], mapping.Content[i+1], encoded)
	}
}

func (p *planner) podSettings(d *document) {
	pod, ok := inject.PodOf(*d.object)
	if !ok {
		return
	}
	node := at(d.node, strings.Split(pod.Path, ".")...)
	for _, list := range []string{"initContainers", "containers", "ephemeralContainers"} {
		for _, container := range itemsOf(child(node, list)) {
			for _, variable := range itemsOf(child(container, "env")) {
				p.setting(d, child(variable, "name"), child(variable, "value"), false)
			}
		}
	}
}

func (p *planner) setting(d *document, name, value *yaml.Node, encoded bool) {
	if !avp.Known(scalarOf(name)) {
		return
	}
	text := scalarOf(value)
	if encoded {
		plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		if err != nil {
			plain = nil
		}
		text = string(plain)
	}
	setting := avp.Setting{Name: name.Value, Value: strings.TrimSpace(text), File: d.file.name, Line: name.Line}
	p.settings.Add(setting)
	kept := p.settings.All[len(p.settings.All)-1]
	if obstacle, unmoved := kept.Unmoved(); unmoved {
		p.find(d.file, name.Line, kept.Name, obstacle)
	}
}

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
	var found []definition
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
