package catalog

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
	"github.com/argocd-seal/argocd-seal-plugin/policy/builtin"
	"github.com/argocd-seal/argocd-seal-plugin/policy/shape"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// WriteTable writes one line for each rule.
func WriteTable(w io.Writer, rules []Rule) error {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ID\tLEVEL\tSEVERITY\tTITLE")
	for _, rule := range rules {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", rule.ID, cmp.Or(rule.Level, "-"), cmp.Or(rule.Severity, "-"), cmp.Or(rule.Title, "-"))
	}
	return table.Flush()
}

// WriteJSON writes the rules for other programs.
func WriteJSON(w io.Writer, rules []Rule) error {
	if rules == nil {
		rules = []Rule{}
	}
	return encode(w, map[string]any{"rules": rules})
}

// ExplainJSON writes one rule for other programs, with its text and example.
func ExplainJSON(w io.Writer, rule Rule) error {
	return encode(w, struct {
		Rule
		Source  string `json:"source"`
		Example string `json:"example,omitempty"`
	}{rule, rule.Source, rule.Example})
}

func encode(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// labelWidth is that of the longest label in an explanation, and two spaces.
const labelWidth = 12

// Explain writes all that is known of a rule, for a reader whose lines hold
// width characters.
func Explain(w io.Writer, rule Rule, width int) error {
	var b strings.Builder
	b.WriteString(rule.ID)
	if rule.Title != "" {
		b.WriteString(": " + rule.Title)
	}
	b.WriteString("\n\n")
	if rule.Why != "" {
		b.WriteString(prose.Hang(rule.Why, "", width) + "\n\n")
	}
	field := func(label, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%-*s%s\n", labelWidth, label, prose.Hang(text, strings.Repeat(" ", labelWidth), width))
		}
	}
	field("fix", rule.Fix)
	field("severity", rule.Severity)
	field("level", levels(rule))
	field("decision", string(rule.Decision))
	field("judges", judges(rule.Input))
	label := "reference"
	for _, reference := range rule.References {
		field(label, reference.Title)
		field("", reference.URL)
		label = ""
	}
	label = "parameters"
	for _, parameter := range rule.Parameters {
		field(label, parameter.String())
		label = ""
	}
	if rule.Source != "" {
		field("rego", rule.Place())
	}
	if rule.Example != "" {
		fmt.Fprintf(&b, "\n%s\n\n%s", examples[rule.Decision], indented(rule.Example))
	}
	if rule.Source != "" {
		fmt.Fprintf(&b, "\nThe rule:\n\n%s", indented(rule.Source))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// String says what the parameter is, and what holds.
func (p Parameter) String() string {
	text := p.Name + ": " + p.Meaning
	switch {
	case p.Value != "" && p.Default != "":
		text += fmt.Sprintf(" (set to %s, default %s)", p.Value, p.Default)
	case p.Value != "":
		text += fmt.Sprintf(" (set to %s)", p.Value)
	case p.Default != "":
		text += fmt.Sprintf(" (default %s)", p.Default)
	}
	return text
}

var examples = map[verdict.Decision]string{verdict.Deny: "It denies, for example:", verdict.Warn: "It warns, for example, of:"}

// levels says which levels hold a rule.
func levels(rule Rule) string {
	all := builtin.Levels()
	switch {
	case rule.Level == "":
		return ""
	case builtin.Level(rule.Level) == all[len(all)-1]:
		return rule.Level
	default:
		return rule.Level + " and those above it"
	}
}

func judges(input shape.Shape) string {
	switch input {
	case shape.Render:
		return "all objects of an application together"
	case shape.Admission:
		return "each object, as the API server asks about it"
	default:
		return "each object"
	}
}

// indented puts four spaces before every line, and ends the last.
func indented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if line != "" {
			line = "    " + strings.ReplaceAll(line, "\t", "    ")
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}
