// Command errorsdoc writes docs/errors.md from the table of codes and their
// examples.
package main

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault/example"
)

const intro = `<!-- Made by go generate from internal/fault/codes.go and internal/fault/example/codes. Do not edit. -->
# Error codes

Every error has one of these codes, which are never renamed: search for them, and
let alerts match on them. ` + "`argocd-seal explain CODE`" + ` shows an entry of this page in a
terminal. A request that fails emits nothing.

In Argo CD's UI and in a pipe each error begins with one line, and what else is
known stands below it, in at most 2 KiB:

` + "```text" + `
CODE: file:line:column object field: what is wrong; fix: what to do
  7 | the line of the file
    |     ^^^^
  docs: the entry on this page
` + "```" + `

Logs and the audit trail have the first line alone. In a terminal the same is laid
out as a compiler does it, as in the examples below. A line is quoted only for
errors that arise before a value is read from Vault. Of a ` + "`Secret`" + `, and wherever a
credential may stand, only the key and the reference are shown; ` + "`render.quoteErrors: false`" + `
shows no line at all.

| code | stage | what happened |
| --- | --- | --- |
`

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: errorsdoc FILE")
		os.Exit(2)
	}
	text, err := document()
	if err == nil {
		err = os.WriteFile(os.Args[1], []byte(text), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func document() (string, error) {
	var b strings.Builder
	b.WriteString(intro)
	for _, m := range fault.Codes() {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s |\n", m.Code, strings.ToLower(string(m.Code)), m.Stage, escaped(m.Title))
	}
	for _, m := range fault.Codes() {
		shown, err := example.Of(m.Code)
		if err != nil {
			return "", err
		}
		entry(&b, m, shown)
	}
	return b.String(), nil
}

// entry writes what the page says of one code.
func entry(b *strings.Builder, m fault.Meaning, shown example.Example) {
	fmt.Fprintf(b, "\n## %s\n\n**What happened:** %s. **Stage:** %s.\n\n**When:** %s\n\n**What to do:** %s\n\n**Example:** %s\n",
		m.Code, escaped(m.Title), m.Stage, escaped(m.Cause), escaped(m.Fix), escaped(shown.Story))
	for _, file := range shown.Files {
		fmt.Fprintf(b, "\n`%s`:\n\n", file.Name)
		fence(b, example.Language(file.Name), string(file.Data))
	}
	if words := shown.Shown(); words != "" {
		b.WriteString("\n" + words + "\n")
	}
	b.WriteByte('\n')
	output := cmp.Or(shown.Output, shown.Log)
	if shown.Command != "" {
		fence(b, "console", "$ "+shown.Command+"\n"+output)
		return
	}
	fence(b, "text", output)
}

func fence(b *strings.Builder, language, text string) {
	fmt.Fprintf(b, "```%s\n%s```\n", language, strings.TrimRight(text, "\n")+"\n")
}

func escaped(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(text)
}
