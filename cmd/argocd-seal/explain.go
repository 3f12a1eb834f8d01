package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault/example"
	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
)

func newExplainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain [CODE]",
		Short: "Explain an error code, with an example; without a code, list them",
		Long: "Show what docs/errors.md says of an error code: what happened, when, what to do, and an example.\n" +
			"The code may be written in any case and without its E_.",
		Example: "  argocd-seal explain E_REF_POSITION\n" +
			"  argocd-seal explain",
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var codes []string
			for _, m := range fault.Codes() {
				codes = append(codes, string(m.Code)+"\t"+m.Title)
			}
			return codes, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			page := page{w: cmd.OutOrStdout(), width: cmp.Or(columns(cmd.OutOrStdout()), pipeWidth), color: colored(cmd.OutOrStdout())}
			if len(args) == 0 {
				return page.list(fault.Codes())
			}
			meaning, err := meaningOf(args[0])
			if err != nil {
				return err
			}
			return page.entry(meaning)
		},
	}
}

// meaningOf finds a code as people write it.
func meaningOf(name string) (fault.Meaning, error) {
	code := strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(name), "-", "_"))
	if !strings.HasPrefix(code, "E_") {
		code = "E_" + code
	}
	var known []string
	for _, m := range fault.Codes() {
		if string(m.Code) == code {
			return m, nil
		}
		known = append(known, string(m.Code))
	}
	unknown := fault.New(fault.Parameter, "there is no error code %q", fault.Clean(name, 80)).Meant(code, known)
	return fault.Meaning{}, unknown.WithFix("argocd-seal explain lists the codes")
}

// page writes entries of the documentation to a terminal.
type page struct {
	w     io.Writer
	width int
	color bool
}

func (p page) bold(text string) string {
	if !p.color {
		return text
	}
	return prose.Paint(prose.Bold, text)
}

func (p page) list(meanings []fault.Meaning) error {
	var b strings.Builder
	for _, m := range meanings {
		fmt.Fprintf(&b, "%s %s\n", p.bold(fmt.Sprintf("%-20s", m.Code)), m.Title)
	}
	_, err := io.WriteString(p.w, b.String())
	return err
}

func (p page) entry(m fault.Meaning) error {
	shown, err := example.Of(m.Code)
	if err != nil {
		return fault.New(fault.Internal, "the code has no entry")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s (stage: %s)\n\n", p.bold(string(m.Code)), m.Title, m.Stage)
	for _, part := range []struct{ name, text string }{{"when", m.Cause}, {"what to do", m.Fix}, {"example", shown.Story}} {
		indent := strings.Repeat(" ", len("what to do: "))
		fmt.Fprintf(&b, "%s %s%s\n", p.bold(part.name+":"), strings.Repeat(" ", len("what to do")-len(part.name)), prose.Hang(part.text, indent, p.width))
	}
	for _, file := range shown.Files {
		b.WriteString("\n  " + p.bold(file.Name) + "\n" + indented(string(file.Data), "    "))
	}
	if words := shown.Shown(); words != "" {
		b.WriteString("\n  " + p.bold(words) + "\n")
	} else {
		b.WriteString("\n  " + p.bold("$ "+shown.Command) + "\n")
	}
	b.WriteString(indented(cmp.Or(shown.Output, shown.Log), "    "))
	fmt.Fprintf(&b, "\n%s %s\n", p.bold("docs:"), m.Code.Docs())
	_, err = io.WriteString(p.w, b.String())
	return err
}

// indented puts an indent before every line that is not empty.
func indented(text, indent string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimRight(text, "\n") + "\n") {
		if strings.TrimSpace(line) != "" {
			b.WriteString(indent)
		}
		b.WriteString(line)
	}
	return b.String()
}
