// Package report writes what differs between two states of applications: as text
// for a terminal, as Markdown for a pull request, as a page of HTML for people
// and as JSON for programs.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/compare"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
)

// Format names a form of output.
type Format string

// The formats.
const (
	Text     Format = "text"
	Markdown Format = "markdown"
	HTML     Format = "html"
	JSON     Format = "json"
)

// Known returns the format with a name, or a fault that lists those there are.
func Known(name string) (Format, error) {
	if slices.Contains([]Format{Text, Markdown, HTML, JSON}, Format(name)) {
		return Format(name), nil
	}
	return "", fault.New(fault.Parameter, "there is no format %q", fault.Clean(name, 80)).
		WithFix("use text, markdown, html or json")
}

// End is one of the two states that are compared.
type End struct {
	// Name is what somebody asked for: a revision or a directory.
	Name string `json:"name"`
	// Commit is the commit's name; empty for a directory.
	Commit string `json:"commit,omitempty"`
}

// String names the end for people.
func (e End) String() string {
	name := fault.Clean(e.Name, maxName)
	if e.Commit != "" && !strings.HasPrefix(e.Commit, e.Name) {
		name += fmt.Sprintf(" (%s)", e.Commit[:min(len(e.Commit), 10)])
	}
	return name
}

// Report is what differs.
type Report struct {
	Before End `json:"before"`
	After  End `json:"after"`
	// Applications are those that differ or could not be rendered.
	Applications []compare.Application `json:"applications"`
	// Unchanged counts the applications that do not differ.
	Unchanged int `json:"unchanged"`
}

// Options say how a report looks.
type Options struct {
	// Color marks changes in a text.
	Color bool
	// Version of the tool.
	Version string
}

// The bounds of what is shown, in bytes. JSON has all.
const (
	maxName  = 200
	maxValue = 300
	maxLine  = 400
)

// Write writes a report in a format.
func Write(w io.Writer, format Format, report Report, options Options) error {
	switch format {
	case Text:
		return writeText(w, report, options)
	case Markdown:
		_, err := io.WriteString(w, markdown(report, maxMarkdown))
		return err
	case HTML:
		return writeHTML(w, report, options)
	case JSON:
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	default:
		_, err := Known(string(format))
		return err
	}
}

// totals are the sums over all applications.
type totals struct {
	Applications, Added, Changed, Removed, Images, References, Injections, Denials, Allowed, Failed int
}

func (r Report) totals() totals {
	t := totals{}
	for _, a := range r.Applications {
		if a.Status != "" {
			t.Applications++
		}
		t.Added += a.Count(compare.Added)
		t.Changed += a.Count(compare.Changed)
		t.Removed += a.Count(compare.Removed)
		t.Images += len(a.Images)
		t.References += len(a.References)
		t.Injections += len(a.Injections)
		come, gone := a.Denials()
		t.Denials += come
		t.Allowed += gone
		if len(a.Faults) > 0 {
			t.Failed++
		}
	}
	return t
}

// String sums up a report in one line.
func (r Report) String() string {
	t, all := r.totals(), len(r.Applications)+r.Unchanged
	if t.Applications == 0 {
		return "no difference in " + prose.Several(all, "application")
	}
	parts := []string{}
	for _, one := range []struct {
		count int
		what  string
	}{{t.Added, "added"}, {t.Changed, "changed"}, {t.Removed, "removed"}} {
		if one.count > 0 {
			noun := one.what
			if len(parts) == 0 {
				noun = strings.TrimPrefix(prose.Several(one.count, "object"), fmt.Sprint(one.count, " ")) + " " + one.what
			}
			parts = append(parts, fmt.Sprint(one.count, " ", noun))
		}
	}
	for _, one := range []struct {
		count int
		noun  string
	}{{t.Images, "image"}, {t.References, "reference"}, {t.Injections, "injection"}} {
		if one.count > 0 {
			parts = append(parts, prose.Several(one.count, one.noun))
		}
	}
	if t.Denials > 0 {
		parts = append(parts, prose.Several(t.Denials, "new denial"))
	}
	if t.Allowed > 0 {
		parts = append(parts, prose.Several(t.Allowed, "denial")+" gone")
	}
	if t.Failed > 0 {
		parts = append(parts, prose.Several(t.Failed, "application")+" that cannot be rendered")
	}
	line := fmt.Sprintf("%d of %s differ", t.Applications, prose.Several(all, "application"))
	if t.Applications == 1 {
		line += "s"
	}
	if len(parts) > 0 {
		line += ": " + strings.Join(parts, ", ")
	}
	return line
}

// environment names the environments of an application; empty where there is
// none.
func environment(a compare.Application) string {
	if a.EnvironmentBefore != "" && a.Environment != "" && a.EnvironmentBefore != a.Environment {
		return a.EnvironmentBefore + " → " + a.Environment
	}
	if a.Environment != "" {
		return a.Environment
	}
	return a.EnvironmentBefore
}

// heading names an application, and its two overlays.
func heading(a compare.Application) string {
	name := fault.Clean(a.Path, maxName)
	if a.Was != "" {
		name = fault.Clean(a.Was, maxName) + " → " + name
	}
	return name
}
