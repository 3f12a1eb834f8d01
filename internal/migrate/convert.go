package migrate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/lovely"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/yamledit"
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
	// shown are findings that hold whether the edits are made or not.
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

func (c *convertor) find(line int, what string, o *avp.Obstacle) {
	c.findings = append(c.findings, Finding{File: c.file.name, Line: line, Code: o.Code, What: fault.Clean(what, 200), Reason: o.Message, Fix: o.Fix})
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
	if !c.rename(u) {
		return
	}
	c.lists(u, added)
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

// lists moves variables and rewrites parameters.
func (c *convertor) lists(u pluginUse, added []lovely.Parameter) {
	outcomes := u.outcomes()
	env, parameters := indexOf(u.node, "env"), indexOf(u.node, "parameters")
	var moved []string
	keptVariables := 0
	var envRegion *region
	if env >= 0 {
		if envRegion = c.region(u.node, env); envRegion == nil {
			return
		}
		kept, converted := c.chunks(outcomes, envRegion, u.node.Content[env+1])
		keptVariables = len(kept)
		envRegion.text = strings.Join(kept, "")
		moved = converted
	}
	var parameterRegion *region
	if parameters >= 0 {
		if parameterRegion = c.region(u.node, parameters); parameterRegion == nil {
			return
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
	c.write(u, envRegion, parameterRegion, keptVariables, moved)
}

// write makes the edits for the two lists.
func (c *convertor) write(u pluginUse, env, parameters *region, kept int, moved []string) {
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
			return
		}
		end := c.text.LineEnd(start)
		text := keyIndent + "parameters:" + lineBreak + block(keyIndent+"  ")
		if end > 0 && c.text.Slice(end-1, end) != "\n" {
			text = lineBreak + text
		}
		c.edits = append(c.edits, yamledit.Edit{Start: end, End: end, New: text})
	}
}

// indented puts an indent before each line of items that have none.
func indented(text, indent string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			b.WriteString(indent)
		}
		b.WriteString(line)
	}
	return b.String()
}

// region is the lines of a list in block style.
type region struct {
	// key is where the list's key begins, keyStart the line that it stands in.
	key, keyStart int
	start, end    int
	// indent is what stands before each dash.
	indent string
	items  []string
	text   string
}

// region finds the lines of a list, and cuts them into items. It returns nil,
// and says so, for a list in another style.
func (c *convertor) region(mapping *yaml.Node, i int) *region {
	key, list := mapping.Content[i], mapping.Content[i+1]
	keyAt, known := c.text.Offset(key)
	first, ok := 0, false
	if list.Kind == yaml.SequenceNode && len(list.Content) > 0 {
		first, ok = c.text.Offset(list)
	}
	if !known || !ok || list.Style&yaml.FlowStyle != 0 || list.Line == key.Line || list.Anchor != "" {
		if len(itemsOf(list)) > 0 {
			c.find(key.Line, "plugin."+key.Value, &avp.Obstacle{Code: CodeVariable, Message: "the list is not written with one item a line", Fix: "write it so, and migrate again"})
		}
		return nil
	}
	r := &region{key: keyAt, keyStart: c.text.LineStart(keyAt), start: c.text.LineStart(first), indent: strings.Repeat(" ", list.Column-1)}
	r.end = r.start
	for pending := r.start; ; {
		if next := c.text.LineEnd(pending); next > pending {
			line := c.text.Slice(pending, next)
			trimmed := strings.TrimSpace(line)
			depth := len(line) - len(strings.TrimLeft(line, " "))
			switch {
			case trimmed == "" || strings.HasPrefix(trimmed, "#"):
			case depth == len(r.indent) && strings.HasPrefix(trimmed, "-"), depth > len(r.indent):
				r.end = next
			default:
				pending = -1
			}
			if pending < 0 {
				break
			}
			pending = next
			continue
		}
		break
	}
	r.split(c.text.Slice(r.start, r.end))
	return r
}

// split cuts the lines into items; what stands before an item is its own.
func (r *region) split(text string) {
	current := ""
	begun := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, r.indent+"-") {
			if begun {
				r.items, current = append(r.items, current), ""
			}
			begun = true
		}
		current += line
	}
	r.items = append(r.items, current)
}

// chunks tells the items of a list apart: those that stay, and those that are
// parameters now, without their indent.
func (c *convertor) chunks(outcomes map[*yaml.Node]lovely.Outcome, r *region, list *yaml.Node) (kept, converted []string) {
	for i, item := range list.Content {
		name := child(item, "name")
		chunk := r.items[min(i, len(r.items)-1)]
		if name == nil {
			kept = append(kept, chunk)
			continue
		}
		outcome, known := c.outcome(outcomes, item, r)
		if !known {
			kept = append(kept, chunk)
			continue
		}
		if outcome.Reason != "" {
			c.find(name.Line, name.Value, &avp.Obstacle{Code: CodeVariable, Message: outcome.Reason, Fix: outcome.Fix})
			kept = append(kept, chunk)
			continue
		}
		converted = append(converted, c.chunk(item, chunk, r, outcome.Parameters))
		var names []string
		for _, one := range outcome.Parameters {
			names = append(names, one.Name)
		}
		to := strings.Join(names, ", ")
		if to == "" {
			to = "nothing: it is so anyway"
		}
		c.move(name.Line, name.Value, to)
	}
	return kept, converted
}

// outcome tells what becomes of a variable or parameter; false leaves it.
func (c *convertor) outcome(outcomes map[*yaml.Node]lovely.Outcome, item *yaml.Node, r *region) (lovely.Outcome, bool) {
	if outcome, ok := outcomes[item]; ok {
		return outcome, true
	}
	switch name := scalarOf(child(item, "name")); {
	case avp.Known(name):
		return lovely.Outcome{Reason: "the platform says how to log in to Vault, for all applications of a binding", Fix: "compare with vault and bindings of plugin.yaml, then remove it"}, true
	case r.isEnv(c.text):
		return lovely.Outcome{Reason: "variables of an Application do nothing here", Fix: "look for a parameter in docs/parameters.md, or remove it"}, true
	}
	return lovely.Outcome{}, false
}

func (r *region) isEnv(text *yamledit.Text) bool { return text.Slice(r.key, r.key+len("env")) == "env" }

// chunk writes an item anew. A text that stays what it is stays as it is
// written, with its comments.
func (c *convertor) chunk(item *yaml.Node, chunk string, r *region, parameters []lovely.Parameter) string {
	if len(parameters) == 1 && parameters[0].Kind == lovely.String && strings.TrimSuffix(valueOf(item), "\n") == parameters[0].Text {
		if text, ok := c.renamed(unindented(chunk, r.indent), parameters[0].Name); ok {
			return text
		}
	}
	var b strings.Builder
	for line := range strings.Lines(chunk) {
		if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, "#") {
			b.WriteString(strings.TrimPrefix(line, r.indent))
		}
	}
	for _, one := range parameters {
		b.WriteString(parameterText(one, c.text.Break()))
	}
	return b.String()
}

// renamed changes the name of an item, and the key "value" to "string".
func (c *convertor) renamed(chunk, name string) (string, bool) {
	text, err := yamledit.Parse(c.file.name, []byte(chunk))
	if err != nil || len(text.Documents) != 1 || len(text.Documents[0].Content) != 1 {
		return "", false
	}
	item := text.Documents[0].Content[0]
	edit, ok := text.Set(child(item, "name"), name)
	if !ok {
		return "", false
	}
	edits := []yamledit.Edit{edit}
	if i := indexOf(item, "value"); i >= 0 {
		if edit, ok = text.Set(item.Content[i], "string"); !ok {
			return "", false
		}
		edits = append(edits, edit)
	}
	after, err := yamledit.Apply([]byte(chunk), edits)
	return string(after), err == nil
}

// unindented takes an indent off each line that has it.
func unindented(text, indent string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimPrefix(line, indent))
	}
	return b.String()
}

// parameterText writes a parameter as an item of a list.
func parameterText(one lovely.Parameter, lineBreak string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- name: %s%s", one.Name, lineBreak)
	switch one.Kind {
	case lovely.Array:
		items := make([]string, len(one.Items))
		for i, item := range one.Items {
			items[i] = yamledit.Plain(item)
		}
		fmt.Fprintf(&b, "  array: [%s]%s", strings.Join(items, ", "), lineBreak)
	case lovely.Map:
		fmt.Fprintf(&b, "  map:%s", lineBreak)
		for _, pair := range one.Pairs {
			fmt.Fprintf(&b, "    %s: %s%s", yamledit.Plain(pair[0]), quoted(pair[1]), lineBreak)
		}
	default:
		fmt.Fprintf(&b, "  string: %s%s", quoted(one.Text), lineBreak)
	}
	return b.String()
}

// quoted writes a text that must stay one: true and 1.10 get quotes.
func quoted(text string) string {
	var node yaml.Node
	if yaml.Unmarshal([]byte(text), &node) == nil && len(node.Content) == 1 && node.Content[0].Kind == yaml.ScalarNode && node.Content[0].ShortTag() != "!!str" {
		return strconv.Quote(text)
	}
	return yamledit.Plain(text)
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
