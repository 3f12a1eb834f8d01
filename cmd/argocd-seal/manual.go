package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

//go:generate go run . manual ../../docs/cli.md

// newManualCommand writes what --help says for reading at leisure. It is hidden:
// who packages the program needs it, and nobody else.
func newManualCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "manual FILE.md|DIR",
		Short: "Write the manual of all commands",
		Long:  "Write the manual of all commands: as one page of Markdown to FILE.md, or as man pages into DIR, which is made.",
		Args:  cobra.ExactArgs(1), Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			// A date would make two builds differ.
			root.DisableAutoGenTag = true
			root.InitDefaultCompletionCmd()
			write := writeManPages
			if strings.HasSuffix(args[0], ".md") {
				write = writeReference
			}
			if err := write(root, args[0]); err != nil {
				return fault.New(fault.Path, "the manual cannot be written to %s", args[0])
			}
			return nil
		},
	}
}

// writeManPages writes a page of section 1 for each command.
func writeManPages(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	epoch := time.Unix(0, 0).UTC()
	return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Date: &epoch, Source: "argocd-seal " + version, Manual: "argocd-seal"}, dir)
}

const referenceHead = `<!-- Made by go generate from the commands of cmd/argocd-seal. Do not edit. -->
# Command line

What ` + "`argocd-seal COMMAND --help`" + ` says, on one page. Every command ends with 0 when all is well, with 1 when something is denied or
not as it was written, and with 2 when it could not do its work.

`

// writeReference writes one page with a section for each command. The library
// that writes man pages would write a page for each.
func writeReference(root *cobra.Command, file string) error {
	page := bytes.NewBufferString(referenceHead)
	for _, cmd := range tree(root) {
		shell := cmd.HasParent() && cmd.Parent().Name() == "completion"
		if cmd.Runnable() && cmd.IsAvailableCommand() && !shell {
			writeSection(page, cmd)
		}
	}
	return os.WriteFile(filepath.Clean(file), append(bytes.TrimSpace(page.Bytes()), '\n'), 0o644)
}

func writeSection(page *bytes.Buffer, cmd *cobra.Command) {
	cmd.InitDefaultHelpFlag()
	_ = cmd.Flags().MarkHidden("help")
	fmt.Fprintf(page, "## %s\n\n%s.\n\n", cmd.CommandPath(), cmd.Short)
	if cmd.Long != "" {
		fmt.Fprintf(page, "%s\n\n", cmd.Long)
	}
	fmt.Fprintf(page, "```text\n%s\n```\n\n", cmd.UseLine())
	if cmd.Example != "" {
		fmt.Fprintf(page, "```sh\n%s\n```\n\n", unindented.ReplaceAllString(cmd.Example, ""))
	}
	if flags := cmd.NonInheritedFlags().FlagUsages(); flags != "" {
		fmt.Fprintf(page, "```text\n%s```\n\n", flags)
	}
}

var unindented = regexp.MustCompile(`(?m)^  `)
