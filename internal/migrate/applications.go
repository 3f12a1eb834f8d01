package migrate

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/lovely"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/yamledit"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/render"
)

// pluginUse is the place in an Application, or in the template of an
// ApplicationSet, that says with which plugin a source is rendered.
type pluginUse struct {
	// node is the mapping at "plugin", spec that of the Application.
	node, source, spec *yaml.Node
	field              string
}

// pluginsOf returns where a document chooses a plugin.
func pluginsOf(d *document) []pluginUse {
	if d.object == nil || d.object.Group() != "argoproj.io" {
		return nil
	}
	return pluginsIn(d.node, d.object.Kind())
}

func pluginsIn(root *yaml.Node, kind string) []pluginUse {
	spec, field := child(root, "spec"), "spec"
	switch kind {
	case "Application":
	case "ApplicationSet":
		spec, field = at(root, "spec", "template", "spec"), "spec.template.spec"
	default:
		return nil
	}
	sources := append([]*yaml.Node{child(spec, "source")}, itemsOf(child(spec, "sources"))...)
	var found []pluginUse
	for _, source := range sources {
		if plugin := child(source, "plugin"); plugin != nil && plugin.Kind == yaml.MappingNode {
			found = append(found, pluginUse{node: plugin, source: source, spec: spec, field: field})
		}
	}
	return found
}

// sourceFiles lists variables in the files that Argo CD merges into the source of
// an Application, which are not edited.
func (p *planner) sourceFiles() {
	for _, f := range p.files {
		if !strings.HasPrefix(path.Base(f.name), ".argocd-source") {
			continue
		}
		for _, d := range f.documents {
			use := pluginUse{node: child(d.node, "plugin")}
			for _, item := range itemsOf(child(use.node, "env")) {
				name := child(item, "name")
				if !lovely.Known(scalarOf(name)) && !avp.Known(scalarOf(name)) {
					continue
				}
				p.find(f, name.Line, name.Value, &avp.Obstacle{Code: CodeVariable, Message: "it stands in a file that Argo CD merges into the Application's source, where variables do nothing here",
					Fix: "write the parameter that docs/migration.md names for it, under plugin.parameters"})
			}
		}
	}
}

// pluginName is the plugin that the application names, empty where it names none.
func (u pluginUse) pluginName() string { return scalarOf(child(u.node, "name")) }

// names are the names of the variables and parameters that it sets.
func (u pluginUse) names() []string {
	var names []string
	for _, list := range []string{"env", "parameters"} {
		for _, item := range itemsOf(child(u.node, list)) {
			names = append(names, scalarOf(child(item, "name")))
		}
	}
	return names
}

// isLovely tells whether argocd-lovely-plugin renders the source.
func (u pluginUse) isLovely() bool {
	return strings.Contains(u.pluginName(), "lovely") || slices.ContainsFunc(u.names(), func(name string) bool {
		return strings.HasPrefix(strings.ToUpper(strings.TrimPrefix(name, "ARGOCD_ENV_")), lovely.Prefix)
	})
}

// valuesField tells whether a field of an Application holds values of a chart:
// what is put there ends where the chart's templates say.
func valuesField(d *document, field string) bool {
	for _, use := range pluginsOf(d) {
		if !strings.HasPrefix(field, use.field+".source") {
			continue
		}
		for _, list := range []string{"env", "parameters"} {
			_, rest, found := strings.Cut(field, ".plugin."+list+"[")
			if !found {
				continue
			}
			number, _, _ := strings.Cut(rest, "]")
			for i, item := range itemsOf(child(use.node, list)) {
				if number == itoa(i) && carriesValues(scalarOf(child(item, "name"))) {
					return true
				}
			}
		}
	}
	return false
}

// carriesValues tells whether a variable or parameter holds values of a chart.
func carriesValues(name string) bool {
	return lovely.Known(name) || slices.Contains([]string{"helm-values", "helm-parameters", "helm-string-parameters"}, name)
}

// application is an Application of the tree, for bindings and for rendering.
type application struct {
	name, project, namespace, repoURL, path string
	plugin                                  string
	document                                *document
	// index is the use's place among those of its document.
	index int
}

// applications returns the Applications whose source the tree holds and that a
// plugin renders.
func (p *planner) applications() []application {
	var found []application
	for _, f := range p.files {
		for _, d := range f.documents {
			if d.object == nil {
				continue
			}
			for i, use := range pluginsOf(d) {
				dir := path.Clean(cmp.Or(scalarOf(child(use.source, "path")), "."))
				found = append(found, application{
					name: d.object.Name(), project: scalarOf(child(use.spec, "project")), namespace: scalarOf(at(use.spec, "destination", "namespace")),
					repoURL: scalarOf(child(use.source, "repoURL")), path: dir, plugin: use.pluginName(), document: d, index: i,
				})
			}
		}
	}
	return found
}

// local tells whether the tree holds the application's source.
func (p *planner) local(a application) bool {
	return a.repoURL != "" && !strings.Contains(a.path, "{{") && p.Tree.HasDir(a.path)
}

// parametersOf returns what an Application says of how its source is rendered,
// as far as it moves; content is that of the Application's file.
func parametersOf(a application, content []byte) (render.Parameters, bool) {
	text, err := yamledit.Parse(a.document.file.name, content)
	if err != nil {
		return render.Parameters{}, false
	}
	at := slices.Index(a.document.file.documents, a.document)
	var parameters render.Parameters
	if at < 0 || at >= len(text.Documents) || len(text.Documents) != len(a.document.file.documents) {
		return parameters, false
	}
	uses := pluginsIn(text.Documents[at], a.document.object.Kind())
	if a.index >= len(uses) {
		return parameters, false
	}
	use := uses[a.index]
	var chosen []plugin.Parameter
	for _, outcome := range use.outcomes() {
		for _, one := range outcome.Parameters {
			chosen = append(chosen, wire(one))
		}
	}
	for _, item := range itemsOf(child(use.node, "parameters")) {
		if one := written(item); !lovely.Known(one.Name) {
			chosen = append(chosen, wire(one))
		}
	}
	choices, err := plugin.ApplyParameters(chosen)
	if err != nil {
		return parameters, false
	}
	if use.isLovely() {
		choices.SourceType = render.KindComposite
	}
	return choices.Parameters, true
}

// wire gives a parameter the form in which Argo CD sends it.
func wire(one lovely.Parameter) plugin.Parameter {
	sent := plugin.Parameter{Name: one.Name}
	switch one.Kind {
	case lovely.Array:
		sent.Array = &one.Items
	case lovely.Map:
		pairs := map[string]string{}
		for _, pair := range one.Pairs {
			pairs[pair[0]] = pair[1]
		}
		sent.Map = &pairs
	default:
		sent.String = &one.Text
	}
	return sent
}

// outcomes returns what becomes of the variables and parameters that mean
// something to argocd-lovely-plugin or Helm, by their node. A parameter stands
// once: what would set it again stays.
func (u pluginUse) outcomes() map[*yaml.Node]lovely.Outcome {
	found, set := map[*yaml.Node]lovely.Outcome{}, map[string]bool{}
	for _, name := range u.names() {
		set[name] = true
	}
	for _, list := range []string{"env", "parameters"} {
		for _, item := range itemsOf(child(u.node, list)) {
			name := scalarOf(child(item, "name"))
			if !lovely.Known(name) {
				continue
			}
			outcome := lovely.Translate(name, valueOf(item), u.severalValues())
			for _, one := range outcome.Parameters {
				if set[one.Name] {
					outcome = lovely.Outcome{Reason: fmt.Sprintf("it would set the parameter %s a second time", one.Name), Fix: "set the parameter once, with what both say"}
					break
				}
			}
			for _, one := range outcome.Parameters {
				set[one.Name] = true
			}
			found[item] = outcome
		}
	}
	return found
}

// valueOf is the text of a variable, or of a parameter with one text.
func valueOf(item *yaml.Node) string {
	if value := child(item, "value"); value != nil {
		return scalarOf(value)
	}
	return scalarOf(child(item, "string"))
}

// severalValues tells whether the use names more values files than one.
func (u pluginUse) severalValues() bool {
	files := 0
	for _, list := range []string{"env", "parameters"} {
		for _, item := range itemsOf(child(u.node, list)) {
			switch strings.ToUpper(strings.TrimPrefix(scalarOf(child(item, "name")), "ARGOCD_ENV_")) {
			case "LOVELY_HELM_VALUES":
				files += len(strings.Fields(valueOf(item)))
			case "LOVELY_HELM_TEMPLATE_PARAMS":
				files += strings.Count(valueOf(item), "-f ") + strings.Count(valueOf(item), "--values")
			}
		}
	}
	return files > 1
}

// written reads a parameter of this plugin.
func written(item *yaml.Node) lovely.Parameter {
	parameter := lovely.Parameter{Name: scalarOf(child(item, "name")), Kind: lovely.String, Text: scalarOf(child(item, "string"))}
	if array := child(item, "array"); array != nil {
		parameter.Kind = lovely.Array
		for _, one := range itemsOf(array) {
			parameter.Items = append(parameter.Items, one.Value)
		}
	}
	if pairs := child(item, "map"); pairs != nil && pairs.Kind == yaml.MappingNode {
		parameter.Kind = lovely.Map
		for i := 0; i+1 < len(pairs.Content); i += 2 {
			parameter.Pairs = append(parameter.Pairs, [2]string{pairs.Content[i].Value, pairs.Content[i+1].Value})
		}
	}
	return parameter
}
