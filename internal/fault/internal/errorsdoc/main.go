// Command errorsdoc writes docs/errors.md from the table of codes.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

const intro = `<!-- Made by go generate from internal/fault/codes.go. Do not edit. -->
# Error codes

Every error begins with one of these codes, then says where it happened, what is
wrong and what to do. Codes are never renamed: search for them, and let alerts
match on them. A request that fails emits nothing.

| code | stage | what happened | when | what to do |
| --- | --- | --- | --- | --- |
`

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: errorsdoc FILE")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], []byte(document()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func document() string {
	var b strings.Builder
	b.WriteString(intro)
	for _, m := range fault.Codes() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", m.Code, m.Stage, cell(m.Title), cell(m.Cause), cell(m.Fix))
	}
	return b.String()
}

func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(text)
}
