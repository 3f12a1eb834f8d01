package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"strings"
	"sync"

	"github.com/argocd-seal/argocd-seal-plugin/internal/compare"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
)

//go:embed page.html
var page string

const (
	// maxPageLines bounds the lines of one object on a page, and maxAllLines those
	// of all: browsers get slow beyond.
	maxPageLines = 2_000
	maxAllLines  = 40_000
)

// pageTemplate escapes by context: names and contents are tenants' text. It is
// parsed when it is needed, since every worker is this program too.
var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("diff").Funcs(template.FuncMap{
		"clean":   func(text string) string { return fault.Clean(text, maxValue) },
		"plural":  prose.Several,
		"heading": heading,
		"env":     environment,
	}).Parse(page))
})

// pageData is what the page shows.
type pageData struct {
	Report
	Totals        totals
	Version       string
	Style, Script string
	Apps          []pageApplication
}

type pageApplication struct {
	compare.Application
	Rows []pageObject
	Come int
}

// pageObject is one object with its lines twice: one below the other, and side by
// side.
type pageObject struct {
	compare.Object
	Mark     string
	Unified  []pageLine
	Split    []pageRow
	Left     int
	Place    string
	Searched string
}

// pageLine is a line of a unified difference; a number that is 0 is not shown.
type pageLine struct {
	Class, Mark   string
	Before, After int
	Text          string
}

// pageRow is a row of two lines side by side.
type pageRow struct {
	Gap           bool
	Before, After pageLine
}

// writeHTML writes one page that needs no other file, and may load none.
func writeHTML(w io.Writer, report Report, options Options) error {
	data := pageData{
		Report: report, Totals: report.totals(), Version: options.Version,
		Style: contentHash("style"), Script: contentHash("script"),
	}
	room := maxAllLines
	for _, a := range report.Applications {
		shown := pageApplication{Application: a}
		shown.Come, _ = a.Denials()
		for _, o := range a.Objects {
			shown.Rows = append(shown.Rows, objectOf(o, &room))
		}
		data.Apps = append(data.Apps, shown)
	}
	return pageTemplate().Execute(w, data)
}

// contentHash names the page's own style sheet or script in its
// Content-Security-Policy, so that no other has any effect.
func contentHash(element string) string {
	_, rest, _ := strings.Cut(page, "<"+element+">")
	content, _, _ := strings.Cut(rest, "</"+element+">")
	sum := sha256.Sum256([]byte(content))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func objectOf(o compare.Object, room *int) pageObject {
	shown := pageObject{Object: o, Mark: marks[o.Status], Place: strings.TrimSpace(place(o))}
	for i, hunk := range o.Hunks {
		most := min(maxPageLines-len(shown.Unified), *room)
		lines := hunk.Lines
		if len(lines) > most {
			shown.Left += len(lines) - max(most, 0)
			lines = lines[:max(most, 0)]
		}
		*room -= len(lines)
		if i > 0 && len(lines) > 0 {
			shown.Unified = append(shown.Unified, pageLine{Class: "gap"})
			shown.Split = append(shown.Split, pageRow{Gap: true})
		}
		numbered := number(hunk.Before, hunk.After, lines)
		shown.Unified = append(shown.Unified, numbered...)
		shown.Split = append(shown.Split, beside(numbered)...)
	}
	shown.Searched = strings.ToLower(strings.Join([]string{o.Name, o.Was, o.File, fieldNames(o)}, " "))
	return shown
}

func fieldNames(o compare.Object) string {
	names := make([]string, len(o.Fields))
	for i, f := range o.Fields {
		names[i] = f.Path
	}
	return fault.Clean(strings.Join(names, " "), 10*maxValue)
}

// number counts the lines of both sides.
func number(before, after int, lines []compare.Line) []pageLine {
	numbered := make([]pageLine, len(lines))
	for i, line := range lines {
		one := pageLine{Text: fault.Clean(line.Text, 5*maxLine)}
		switch line.Op {
		case '-':
			one.Class, one.Mark, one.Before = "del", "-", before
			before++
		case '+':
			one.Class, one.Mark, one.After = "ins", "+", after
			after++
		default:
			one.Before, one.After = before, after
			before, after = before+1, after+1
		}
		numbered[i] = one
	}
	return numbered
}

// beside puts what goes and what comes in its place next to each other.
func beside(lines []pageLine) []pageRow {
	var rows []pageRow
	for i := 0; i < len(lines); {
		if lines[i].Class == "" {
			rows = append(rows, pageRow{Before: lines[i], After: lines[i]})
			i++
			continue
		}
		var gone, come []pageLine
		for ; i < len(lines) && lines[i].Class == "del"; i++ {
			gone = append(gone, lines[i])
		}
		for ; i < len(lines) && lines[i].Class == "ins"; i++ {
			come = append(come, lines[i])
		}
		for k := range max(len(gone), len(come)) {
			row := pageRow{Before: pageLine{Class: "none"}, After: pageLine{Class: "none"}}
			if k < len(gone) {
				row.Before = gone[k]
			}
			if k < len(come) {
				row.After = come[k]
			}
			rows = append(rows, row)
		}
	}
	return rows
}
