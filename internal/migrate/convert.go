package migrate

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/lovely"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/yamledit"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// pluginSelected is how Applications name the plugin of the plugin.yaml that is
// written.
const pluginSelected = "argocd-seal-v1.0"

func itoa(i int) string { return strconv.Itoa(i) }

// convertor edits the plugins of the Applications of one file.
type convertor struct {
	planner *planner
	file    *file
	text    *yamledit.Text
	edits   []yamledit.Edit
	moves   []Move
	// findings hold whether the edits are made or not.
	findings []Finding
}

// convert moves the variables of a file's Applications to parameters. data is
// the file with its placeholders moved.
func (p *planner) convert(f *file, data []byte) []byte {
	if !slices.ContainsFunc(f.documents, func(d *document) bool { return len(pluginsOf(d)) > 0 }) {
		return data
	}
	text, err := yamledit.Parse(f.name, data)
	if err != nil || len(text.Documents) != len(f.documents) {
		p.listed(f)
		return data
	}
	c := &convertor{planner: p, file: f, text: text}
	for i, d := range f.documents {
		if d.object != nil && d.object.Group() == "argoproj.io" {
			for _, use := range pluginsIn(text.Documents[i], d.object.Kind()) {
				c.use(use)
			}
		}
	}
	p.findings = append(p.findings, c.findings...)
	after, err := yamledit.Apply(data, c.edits)
	if err != nil || !p.onlyPlugins(f, data, after) {
		if len(c.edits) > 0 {
			p.find(f, 0, "plugin", &avp.Obstacle{Code: CodePlugin, Message: "the Applications of the file cannot be edited where they stand", Fix: "set the parameters by hand, as docs/migration.md lists them"})
		}
		return data
	}
	p.moves = append(p.moves, c.moves...)
	return after
}

// listed says of Applications inside of a List that they are not edited.
func (p *planner) listed(f *file) {
	for _, d := range f.documents {
		for _, use := range pluginsOf(d) {
			if p.concernsPlugin(use) {
				p.find(f, use.node.Line, "plugin", &avp.Obstacle{Code: CodePlugin, Message: "Applications inside of a List are not edited", Fix: "write them as documents of their own, and migrate again"})
			}
		}
	}
}

func (c *convertor) find(line int, what string, o *avp.Obstacle) {
	c.findings = append(c.findings, newFinding(c.file.name, line, what, o))
}

func (c *convertor) move(line int, from, to string) {
	c.moves = append(c.moves, Move{File: c.file.name, Line: line, From: fault.Clean(from, 200), To: fault.Clean(to, 200)})
}

// use edits one place that chooses a plugin.
func (c *convertor) use(u pluginUse) {
	ours := c.planner.concernsPlugin(u)
	if !ours {
		return
	}
	var added []lovely.Parameter
	if u.isLovely() && !slices.Contains(u.names(), "source-type") {
		added = append(added, lovely.Parameter{Name: "source-type", Kind: lovely.String, Text: "composite"})
	}
	// An application whose lists cannot be edited keeps its plugin too.
	edits, moves := len(c.edits), len(c.moves)
	if !c.rename(u) || !c.lists(u, added) {
		c.edits, c.moves = c.edits[:edits], c.moves[:moves]
	}
}

// concernsPlugin tells whether one of the two plugins renders the source.
func (p *planner) concernsPlugin(u pluginUse) bool {
	name := u.pluginName()
	if strings.HasPrefix(name, "argocd-seal") && !slices.ContainsFunc(u.names(), func(name string) bool { return avp.Known(name) || lovely.Known(name) }) {
		return false
	}
	return u.isLovely() || strings.Contains(name, "vault-plugin") || slices.ContainsFunc(u.names(), func(name string) bool { return avp.Known(name) || lovely.Known(name) }) ||
		slices.ContainsFunc(p.definitions(), func(d definition) bool { return d.name != "" && d.name == name && d.ours() })
}

// rename lets an application that argocd-lovely-plugin renders, or that names no
// plugin, name this one. Others keep their name, which plugin.yaml serves.
func (c *convertor) rename(u pluginUse) bool {
	name := child(u.node, "name")
	switch {
	case name != nil && u.isLovely() && !strings.HasPrefix(name.Value, "argocd-seal"):
		edit, ok := c.text.Set(name, pluginSelected)
		if !ok {
			c.find(name.Line, "plugin.name", &avp.Obstacle{Code: CodePlugin, Message: "the name is not written in one line", Fix: "write name: " + pluginSelected})
			return false
		}
		c.edits = append(c.edits, edit)
		c.move(name.Line, "plugin.name: "+name.Value, "plugin.name: "+pluginSelected)
	case name == nil:
		start, ok := c.text.Offset(u.node)
		if !ok || u.node.Style&yaml.FlowStyle != 0 || len(u.node.Content) == 0 {
			c.find(u.node.Line, "plugin", &avp.Obstacle{Code: CodePlugin, Message: "it names no plugin, and this one is found by its name only", Fix: "write name: " + pluginSelected})
			return false
		}
		indent := strings.Repeat(" ", u.node.Column-1)
		c.edits = append(c.edits, yamledit.Edit{Start: start, End: start, New: "name: " + pluginSelected + c.text.Break() + indent})
		c.move(u.node.Line, "plugin without a name", "plugin.name: "+pluginSelected)
	}
	return true
}

// lists moves variables and rewrites parameters. It returns false, and says why,
// where a list cannot be edited.
func (c *convertor) lists(u pluginUse, added []lovely.Parameter) bool {
	outcomes := u.outcomes()
	env, parameters := listOf(u.node, "env"), listOf(u.node, "parameters")
	var moved []string
	keptVariables := 0
	var envRegion *region
	if env >= 0 {
		if envRegion = c.region(u.node, env); envRegion == nil {
			return false
		}
		kept, converted := c.chunks(outcomes, envRegion, u.node.Content[env+1])
		keptVariables = len(kept)
		envRegion.text = strings.Join(kept, "")
		moved = converted
	}
	var parameterRegion *region
	if parameters >= 0 {
		if parameterRegion = c.region(u.node, parameters); parameterRegion == nil {
			return false
		}
		kept, converted := c.chunks(outcomes, parameterRegion, u.node.Content[parameters+1])
		parameterRegion.text = strings.Join(kept, "") + indented(strings.Join(converted, ""), parameterRegion.indent)
	}
	// What is needless leaves nothing behind, not even its comment.
	moved = slices.DeleteFunc(moved, func(text string) bool { return !strings.Contains(text, "name:") })
	for _, one := range added {
		moved = append(moved, parameterText(one, c.text.Break()))
		c.move(u.node.Line, "argocd-lovely-plugin's way to find what it renders", one.Name+": "+one.Text)
	}
	return c.write(u, envRegion, parameterRegion, keptVariables, moved)
}

// listOf returns where a list stands in a mapping's content, or -1 where there is
// none or it is empty.
func listOf(mapping *yaml.Node, key string) int {
	if len(itemsOf(child(mapping, key))) == 0 {
		return -1
	}
	return indexOf(mapping, key)
}

// write makes the edits for the two lists. It returns false, and says so, where
// there is no place for new parameters.
func (c *convertor) write(u pluginUse, env, parameters *region, kept int, moved []string) bool {
	lineBreak := c.text.Break()
	keyIndent := strings.Repeat(" ", u.node.Column-1)
	block := func(indent string) string { return indented(strings.Join(moved, ""), indent) }
	switch {
	case parameters != nil:
		c.edits = append(c.edits, yamledit.Edit{Start: parameters.start, End: parameters.end, New: parameters.text + block(parameters.indent)})
		if env != nil && kept == 0 {
			c.edits = append(c.edits, yamledit.Edit{Start: env.keyStart, End: env.end})
		} else if env != nil {
			c.edits = append(c.edits, yamledit.Edit{Start: env.start, End: env.end, New: env.text})
		}
	case env != nil && kept == 0 && len(moved) > 0:
		c.edits = append(c.edits, yamledit.Edit{Start: env.key, End: env.key + len("env"), New: "parameters"},
			yamledit.Edit{Start: env.start, End: env.end, New: block(env.indent)})
	case env != nil && kept == 0:
		c.edits = append(c.edits, yamledit.Edit{Start: env.keyStart, End: env.end})
	case env != nil && len(moved) > 0:
		c.edits = append(c.edits, yamledit.Edit{Start: env.start, End: env.end, New: env.text + keyIndent + "parameters:" + lineBreak + block(env.indent)})
	case len(moved) > 0:
		// Behind the name, the last key of a mapping that has no lists.
		last := u.node.Content[len(u.node.Content)-1]
		start, ok := c.text.End(last)
		if !ok || u.node.Style&yaml.FlowStyle != 0 {
			c.find(u.node.Line, "plugin", &avp.Obstacle{Code: CodePlugin, Message: "parameters cannot be added where it stands", Fix: "add the parameter source-type: composite"})
			return false
		}
		end := c.text.LineEnd(start)
		text := keyIndent + "parameters:" + lineBreak + block(keyIndent+"  ")
		if end > 0 && c.text.Slice(end-1, end) != "\n" {
			text = lineBreak + text
		}
		c.edits = append(c.edits, yamledit.Edit{Start: end, End: end, New: text})
	}
	return true
}

// onlyPlugins tells whether two versions of a file differ in plugins only.
func (p *planner) onlyPlugins(f *file, before, after []byte) bool {
	old, err := yamledit.Parse(f.name, before)
	if err != nil {
		return false
	}
	now, err := yamledit.Parse(f.name, after)
	if err != nil || len(old.Documents) != len(now.Documents) {
		return false
	}
	if _, err := object.Decode(f.name, before); err == nil {
		if _, err := object.Decode(f.name, after); err != nil {
			return false
		}
	}
	for i := range old.Documents {
		for _, root := range []*yaml.Node{old.Documents[i], now.Documents[i]} {
			for _, use := range pluginsIn(root, scalarOf(child(root, "kind"))) {
				use.node.Content, use.node.Style = nil, 0
			}
		}
		if !sameNodes(old.Documents[i], now.Documents[i], nil, 0) {
			return false
		}
	}
	return true
}
