package report_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/query"
	"github.com/argocd-seal/argocd-seal-plugin/audit/report"
)

const sample = "../testdata/sample.jsonl"

// now is the day after the sample ends.
var now = time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)

// made returns the page of a trail: of files, or of what standard input has.
func made(t *testing.T, q query.Question, options report.Options, stdin string, paths ...string) page {
	t.Helper()
	if len(paths) == 0 {
		paths = []string{"-"}
	}
	filter, err := query.Compile(q, now)
	if err != nil {
		t.Fatal(err)
	}
	streams, err := query.Open(paths, strings.NewReader(stdin))
	if err != nil {
		t.Fatal(err)
	}
	if options.AsOf.IsZero() {
		options.AsOf = now
	}
	collected, err := report.Collect(t.Context(), streams, filter, options)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := collected.Write(&b); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return page{root: root, text: b.String()}
}

func written(t *testing.T, events ...audit.Event) string {
	t.Helper()
	var b strings.Builder
	for i, event := range events {
		line, err := json.Marshal(audit.Record{Seq: uint64(i + 1), Event: event.Complete(now, "repo-server-0")})
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.String()
}

// page is what a browser reads of a report.
type page struct {
	root *html.Node
	text string
}

func attribute(n *html.Node, name string) string {
	for _, one := range n.Attr {
		if one.Key == name {
			return one.Val
		}
	}
	return ""
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for one := range n.Descendants() {
		switch {
		case one.Type == html.TextNode:
			b.WriteString(one.Data)
		case one.DataAtom == atom.Br || one.DataAtom == atom.Small:
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// all returns the elements of a name within another, in order.
func all(within *html.Node, name atom.Atom) []*html.Node {
	var found []*html.Node
	for one := range within.Descendants() {
		if one.Type == html.ElementNode && one.DataAtom == name {
			found = append(found, one)
		}
	}
	return found
}

// tile returns the number in the tile that says so, with what it adds.
func (p page) tile(says string) (number, adds string) {
	for _, one := range all(p.root, atom.Li) {
		if spans := all(one, atom.Span); len(spans) > 0 && textOf(spans[0]) == says && len(all(one, atom.B)) == 1 {
			return textOf(all(one, atom.B)[0]), textOf(all(one, atom.Small)[0])
		}
	}
	return "", ""
}

// rows returns the cells of a table, by its label; nil where there is none.
func (p page) rows(label string) [][]string {
	for _, one := range all(p.root, atom.Div) {
		if attribute(one, "aria-label") != label {
			continue
		}
		var rows [][]string
		for _, body := range all(one, atom.Tbody) {
			for _, row := range all(body, atom.Tr) {
				var cells []string
				for cell := range row.ChildNodes() {
					if cell.DataAtom == atom.Td || cell.DataAtom == atom.Th {
						cells = append(cells, textOf(cell))
					}
				}
				rows = append(rows, cells)
			}
		}
		return rows
	}
	return nil
}
