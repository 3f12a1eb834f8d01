package migrate

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/lovely"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/yamledit"
)

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
			c.notOneALine(key)
		}
		return nil
	}
	r := &region{key: keyAt, keyStart: c.text.LineStart(keyAt), start: c.text.LineStart(first), indent: strings.Repeat(" ", list.Column-1)}
	r.end = c.regionEnd(r.start, r.indent)
	r.split(c.text.Slice(r.start, r.end))
	if len(r.items) != len(list.Content) {
		c.notOneALine(key)
		return nil
	}
	return r
}

// regionEnd returns where a list ends that begins at a line: behind its last
// dash and what is deeper. Empty lines and comments behind it are not its own.
func (c *convertor) regionEnd(start int, indent string) int {
	end := start
	for at := start; ; {
		next := c.text.LineEnd(at)
		if next == at {
			return end
		}
		line := c.text.Slice(at, next)
		trimmed, depth := strings.TrimSpace(line), len(line)-len(strings.TrimLeft(line, " "))
		switch {
		case trimmed == "" || strings.HasPrefix(trimmed, "#"):
		case depth == len(indent) && strings.HasPrefix(trimmed, "-"), depth > len(indent):
			end = next
		default:
			return end
		}
		at = next
	}
}

func (c *convertor) notOneALine(key *yaml.Node) {
	c.find(key.Line, "plugin."+key.Value, &avp.Obstacle{Code: CodeVariable, Message: "the list is not written with one item a line", Fix: "write it so, and migrate again"})
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
		chunk := r.items[i]
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
