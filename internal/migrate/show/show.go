// Package show shows a plan: as a diff and a table for people, as JSON for
// programs.
package show

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate"
	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
)

// Options say how a plan is shown.
type Options struct {
	// Color uses a terminal's colours.
	Color bool
	// Width is how many characters a line holds; 0 breaks none.
	Width int
	// PluginFile is where plugin.yaml goes, empty where nowhere.
	PluginFile string
	// Written tells that the plan has been carried out.
	Written bool
}

// Text writes the diff of all files, the plugin.yaml, what does not move, and a
// last line that counts.
func Text(w io.Writer, plan *migrate.Plan, options Options) error {
	var b bytes.Buffer
	for _, change := range plan.Changes {
		unified(&b, "a/"+change.File, change.Before, "b/"+change.File, change.After, options.Color)
	}
	if len(plan.Plugin) > 0 && options.PluginFile != "" {
		unified(&b, "/dev/null", nil, options.PluginFile, plan.Plugin, options.Color)
	}
	findings(&b, plan.Findings, options)
	for _, note := range plan.Notes {
		fmt.Fprintf(&b, "note: %s\n", prose.Hang(fault.Clean(note, 600), "      ", options.Width))
	}
	if len(plan.Notes) > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(summary(plan, options) + "\n")
	_, err := w.Write(b.Bytes())
	return err
}

// unified writes one file's diff, without control characters of its own.
func unified(b *bytes.Buffer, oldName string, before []byte, newName string, after []byte, color bool) {
	text := diff.Diff(oldName, before, newName, after)
	if _, rest, found := bytes.Cut(text, []byte("\n")); found && bytes.HasPrefix(text, []byte("diff ")) {
		text = rest
	}
	for line := range strings.Lines(string(text)) {
		line = visible(strings.TrimRight(line, "\n"))
		b.WriteString(paint(line, color) + "\n")
	}
	b.WriteByte('\n')
}

func paint(line string, color bool) string {
	if !color || line == "" {
		return line
	}
	switch {
	case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "+++"):
		return prose.Paint(prose.Bold, line)
	case strings.HasPrefix(line, "@@"):
		return prose.Paint(prose.Cyan, line)
	case line[0] == '+':
		return prose.Paint(prose.Green, line)
	case line[0] == '-':
		return prose.Paint(prose.Red, line)
	}
	return line
}

// visible leaves out what would drive a terminal.
func visible(line string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return -1
		}
		return r
	}, line)
}

// findings writes what does not move, by file.
func findings(b *bytes.Buffer, found []migrate.Finding, options Options) {
	if len(found) == 0 {
		return
	}
	heading := func(text string) string {
		if options.Color {
			return prose.Paint(prose.Bold, text)
		}
		return text
	}
	fmt.Fprintf(b, "%s\n", heading("Not moved:"))
	for _, one := range found {
		place := one.File
		if one.Line > 0 {
			place = fmt.Sprintf("%s:%d", one.File, one.Line)
		}
		code := one.Code
		if options.Color {
			code = prose.Paint(prose.Yellow, code)
		}
		fmt.Fprintf(b, "  %s  %s  %s\n", fault.Clean(place, 400), code, fault.Clean(one.What, 200))
		fmt.Fprintf(b, "      %s\n", prose.Hang(fault.Clean(one.Reason, 600), "      ", options.Width))
		if one.Fix != "" {
			fmt.Fprintf(b, "      fix: %s\n", prose.Hang(fault.Clean(one.Fix, 600), "           ", options.Width))
		}
	}
	b.WriteByte('\n')
}

func summary(plan *migrate.Plan, options Options) string {
	if len(plan.Changes) == 0 && len(plan.Findings) == 0 {
		return "Nothing to migrate."
	}
	moved := "to move"
	if options.Written {
		moved = "moved"
	}
	text := fmt.Sprintf("%s %s, in %s; %d not moved.", prose.Several(len(plan.Moves), "place"), moved, prose.Several(len(plan.Changes), "file"), len(plan.Findings))
	if !options.Written && len(plan.Changes) > 0 {
		text += " Nothing is written without --write."
	}
	return text
}

// report is the form for programs. Fields are added, never renamed.
type report struct {
	Written  bool              `json:"written"`
	Changes  []change          `json:"changes"`
	Moved    []migrate.Move    `json:"moved"`
	NotMoved []migrate.Finding `json:"notMoved"`
	Notes    []string          `json:"notes"`
	// PluginFile is where plugin.yaml goes, and Plugin its content.
	PluginFile string `json:"pluginFile,omitempty"`
	Plugin     string `json:"plugin,omitempty"`
}

type change struct {
	File string `json:"file"`
	Diff string `json:"diff"`
}

// JSON writes the plan for programs.
func JSON(w io.Writer, plan *migrate.Plan, options Options) error {
	out := report{
		Written: options.Written, Changes: []change{}, Moved: orEmpty(plan.Moves), NotMoved: orEmpty(plan.Findings), Notes: orEmpty(plan.Notes),
		PluginFile: options.PluginFile, Plugin: string(plan.Plugin),
	}
	for _, one := range plan.Changes {
		out.Changes = append(out.Changes, change{File: one.File, Diff: string(diff.Diff("a/"+one.File, one.Before, "b/"+one.File, one.After))})
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, escaped(b.String()))
	return err
}

// escaped writes the control characters that JSON takes as they are, and that a
// terminal obeys, as escapes: they stand in strings only.
func escaped(encoded string) string {
	var b strings.Builder
	for _, r := range encoded {
		if r >= 0x7f && r < 0xa0 {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func orEmpty[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}
