package migrate

import (
	"encoding/base64"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/lovely"
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
	for _, d := range p.definitions() {
		for _, match := range assignment.FindAllStringSubmatch(d.command, -1) {
			if avp.Known(match[1]) {
				p.keep(d.file, avp.Setting{Name: match[1], Value: strings.Trim(match[2], `"'`), File: d.file.name, Line: d.line})
			}
		}
	}
	switch versions := p.settings.Values("AVP_KV_VERSION"); {
	case p.KV != "" || len(versions) == 0:
	case len(versions) == 1:
		p.reader.KV = versions[0]
	default:
		p.notes = append(p.notes, "manifests set AVP_KV_VERSION to several values, so that version 2 is taken where no annotation says another; --kv-version says which")
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
				p.sidecarVariable(d, variable)
			}
		}
	}
}

// sidecarVariable lists what argocd-lovely-plugin was told for all Applications:
// parameters belong to each of them.
func (p *planner) sidecarVariable(d *document, variable *yaml.Node) {
	name := child(variable, "name")
	if !strings.HasPrefix(scalarOf(name), lovely.Prefix) {
		return
	}
	outcome := lovely.Translate(name.Value, valueOf(variable), false)
	obstacle := &avp.Obstacle{Code: CodeVariable, Message: outcome.Reason, Fix: outcome.Fix}
	if len(outcome.Parameters) > 0 {
		var names []string
		for _, one := range outcome.Parameters {
			names = append(names, one.Name)
		}
		obstacle.Message = "it is set for all applications, and parameters belong to each"
		obstacle.Fix = "set " + strings.Join(names, ", ") + " in the Applications that need it"
	}
	if obstacle.Message != "" {
		p.find(d.file, name.Line, name.Value, obstacle)
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
	p.keep(d.file, avp.Setting{Name: name.Value, Value: strings.TrimSpace(text), File: d.file.name, Line: name.Line})
}

// keep notes a setting, and lists it where it has no place in plugin.yaml.
func (p *planner) keep(f *file, setting avp.Setting) {
	p.settings.Add(setting)
	kept := p.settings.All[len(p.settings.All)-1]
	if obstacle, unmoved := kept.Unmoved(); unmoved {
		p.find(f, kept.Line, kept.Name, obstacle)
	}
}

// assignment is a variable that a command sets.
var assignment = regexp.MustCompile(`\b([A-Z][A-Z0-9_]+)=("[^"]*"|'[^']*'|[^\s;|&]+)`)
