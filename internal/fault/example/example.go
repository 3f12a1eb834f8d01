// Package example has one example for each code of package fault: what somebody
// does, with which files, and what the product says. docs/errors.md and
// argocd-seal explain show them, and a test runs every one of them.
package example

import (
	"embed"
	"fmt"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

//go:embed codes
var codes embed.FS

// The parts of an archive that are no files of the example.
const (
	// output is what the command prints, or what Argo CD shows.
	outputPart = "output"
	// logPart is a line of the sidecar's log.
	logPart = "log"
)

// Example is one way to get a code.
type Example struct {
	Code fault.Code
	// Story says what happens, in a sentence or two.
	Story string
	// Command is what somebody types, without a prompt; empty where it is Argo CD
	// that asks.
	Command string
	// Files are those that matter, in the order in which they are shown.
	Files []txtar.File
	// Output is what the command prints or Argo CD shows, and Log what the sidecar
	// logs; one of them is empty.
	Output, Log string
}

// Of returns the example of a code.
func Of(code fault.Code) (Example, error) {
	name := "codes/" + string(code) + ".txtar"
	content, err := codes.ReadFile(name)
	if err != nil {
		return Example{}, fmt.Errorf("%s has no example: write internal/fault/example/%s", code, name)
	}
	archive := txtar.Parse(content)
	e := Example{Code: code}
	var story []string
	for line := range strings.Lines(string(archive.Comment)) {
		if command, ok := strings.CutPrefix(line, "$ argocd-seal "); ok {
			e.Command = "argocd-seal " + strings.TrimSpace(command)
			continue
		}
		story = append(story, strings.TrimSpace(line))
	}
	e.Story = strings.TrimSpace(strings.Join(story, " "))
	for _, file := range archive.Files {
		switch file.Name {
		case outputPart:
			e.Output = string(file.Data)
		case logPart:
			e.Log = string(file.Data)
		default:
			e.Files = append(e.Files, file)
		}
	}
	if e.Story == "" || (e.Output == "") == (e.Log == "") {
		return Example{}, fmt.Errorf("%s: an example has a story, and either output or log", name)
	}
	return e, nil
}

// Shown tells what the output is, as the words before it.
func (e Example) Shown() string {
	switch {
	case e.Log != "":
		return "The sidecar logs:"
	case e.Command == "":
		return "Argo CD shows:"
	default:
		return ""
	}
}

// Language names the language of a file for a renderer of Markdown.
func Language(name string) string {
	switch _, extension, _ := strings.Cut(name, "."); extension {
	case "yaml", "yml":
		return "yaml"
	case "json", "schema.json":
		return "json"
	case "rego", "tpl":
		return extension
	default:
		return "text"
	}
}
