package query

import (
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// maxCell bounds a cell in bytes: spreadsheets hold no more than 32,767
// characters.
const maxCell = 32_000

// csvHeader names the columns. Names are only added, at the end.
var csvHeader = []string{
	"time", "type", "app", "project", "environment", "namespace", "repo", "path", "revision", "author", "subject",
	"outcome", "codes", "decision", "denied", "warned", "waived", "secrets", "injections", "change", "objects",
	"output", "source", "certificate", "bundle", "instance", "id", "seq", "message",
}

// csvRows writes one line for each event.
type csvRows struct {
	w      io.Writer
	headed bool
}

func (c *csvRows) head() error {
	if c.headed {
		return nil
	}
	c.headed = true
	return writeCSV(c.w, csvHeader)
}

func (c *csvRows) end(Stats, int, bool) error { return c.head() }

func (c *csvRows) add(m match) error {
	if err := c.head(); err != nil {
		return err
	}
	verdict := audit.Verdict{}
	if m.Verdict != nil {
		verdict = *m.Verdict
	}
	return writeCSV(c.w, []string{
		m.Time.UTC().Format(time.RFC3339Nano), string(m.Type), m.App, m.Project, m.Environment, m.Namespace, m.Repo, m.Path,
		m.Revision, m.Author, m.Subject, m.Outcome, strings.Join(m.Codes, " "), verdict.Decision,
		strings.Join(verdict.Denied, " "), strings.Join(verdict.Warned, " "), joined(verdict.Waived, waiverText),
		joined(m.references, SecretName), joined(m.Injections, func(i audit.Injection) string { return i.Kind + " " + i.Object }),
		string(m.change), strconv.Itoa(m.Objects), m.Output, m.Source, m.Certificate, verdict.Bundle,
		m.Instance, m.ID, strconv.FormatUint(m.Seq, 10), m.Message,
	})
}

func waiverText(w audit.Waiver) string {
	text := w.Rule
	if w.Object != "" {
		text += " for " + w.Object
	}
	return text + " by " + w.Owner + " until " + w.Expires + ": " + w.Reason
}

func joined[T any](list []T, text func(T) string) string {
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i] = text(one)
	}
	return strings.Join(texts, "; ")
}

// writeCSV quotes every cell, so that a program that takes another sign for the
// separator finds none in a text.
func writeCSV(w io.Writer, cells []string) error {
	var b strings.Builder
	for i, cell := range cells {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + strings.ReplaceAll(harmless(cell), `"`, `""`) + `"`)
	}
	b.WriteString("\r\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// formulas begin what spreadsheets compute or run, in ordinary and in full-width
// letters.
const formulas = "=+-@|%＝＋－＠"

// harmless puts an apostrophe before a text that a spreadsheet would take for a
// formula. White space before it does not hide it.
func harmless(text string) string {
	text = fault.Clean(text, maxCell)
	first, size := utf8.DecodeRuneInString(strings.TrimLeftFunc(text, unicode.IsSpace))
	if size > 0 && strings.ContainsRune(formulas, first) {
		return "'" + text
	}
	return text
}
