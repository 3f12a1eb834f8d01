// Package fault is the one error type that leaves the plugin: a stable code,
// where it happened, what is wrong and what to do about it.
//
// Every stage returns faults. Argo CD shows them to app teams, stores them in
// Redis and puts them in the Application's status, so a fault's text is
// bounded (see [Text]) and free of control characters, and it never carries a
// value from Vault: the stages that have read a value build faults from
// positions only.
package fault

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxText is the size in bytes of the longest text a fault or a list of faults
// is given as. Argo CD keeps the text in the Application object, whose size
// etcd bounds.
const MaxText = 2048

// maxPart bounds one part of a fault: tenants choose names and paths.
const maxPart = 512

// Error is one fault. The zero value is not useful: set at least Code and
// Message. Error is a plain value, safe to copy and to share between goroutines
// once built. It travels from the worker to the parent as JSON.
type Error struct {
	// Code is one of the codes of this package, such as E_REMOTE_REF.
	Code Code `json:"code"`
	// File is the slash-separated path below the root of the source, or empty.
	File string `json:"file,omitempty"`
	// Line and Column count from 1; 0 means unknown.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Object names one Kubernetes object, such as "Deployment prod/web".
	Object string `json:"object,omitempty"`
	// Field is a path in that object or file, such as "spec.replicas".
	Field string `json:"field,omitempty"`
	// Message says what is wrong, in lower case and without a final stop.
	Message string `json:"message"`
	// Expected says what would be right, where the message does not say it. Forms
	// of one line leave it out.
	Expected string `json:"expected,omitempty"`
	// Nearest is the existing name that a misspelt one is most like.
	Nearest string `json:"nearest,omitempty"`
	// Known are the names that would do, where they are few, with commas between.
	Known string `json:"known,omitempty"`
	// Fix says what to do, as a sentence part that follows "fix: ".
	Fix string `json:"fix,omitempty"`
	// Quote is the line that the fault speaks of, where it may be shown. It never
	// travels: only who has the file itself decides what of it is shown.
	Quote *Quote `json:"-"`
}

// New returns a fault with a formatted message.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// In returns a copy located in a file; line 0 means that the line is unknown.
func (e *Error) In(file string, line int) *Error {
	located := *e
	located.File, located.Line = file, line
	return &located
}

// At returns a copy located in an object and a field of it.
func (e *Error) At(object, field string) *Error {
	located := *e
	located.Object, located.Field = object, field
	return &located
}

// WithFix returns a copy that says what to do.
func (e *Error) WithFix(format string, args ...any) *Error {
	advised := *e
	advised.Fix = fmt.Sprintf(format, args...)
	return &advised
}

// Error gives the fault as one line: code, place, message, fix. The text is at
// most [MaxText] bytes of valid UTF-8 without control characters.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Code))
	b.WriteString(": ")
	if place := e.place(); place != "" {
		b.WriteString(place)
		b.WriteString(": ")
	}
	b.WriteString(Clean(e.Message, 2*maxPart))
	if advice := e.Advice(); advice != "" {
		b.WriteString("; fix: ")
		b.WriteString(advice)
	}
	return trim(b.String(), MaxText)
}

func (e *Error) place() string {
	var parts []string
	if e.File != "" {
		parts = append(parts, position(e.File, e.Line, e.Column))
	}
	if e.Object != "" {
		parts = append(parts, Clean(e.Object, maxPart))
	}
	if e.Field != "" {
		parts = append(parts, Clean(e.Field, maxPart))
	}
	return strings.Join(parts, " ")
}

// position names a place in a file as compilers do.
func position(file string, line, column int) string {
	at := Clean(file, maxPart)
	if line > 0 {
		at = fmt.Sprintf("%s:%d", at, line)
		if column > 0 {
			at = fmt.Sprintf("%s:%d", at, column)
		}
	}
	return at
}

// List is several faults of one request, reported together.
type List []*Error

// Error gives all faults, sorted, one a line, at most [MaxText] bytes: those
// that do not fit are counted in a last line "+N more".
func (l List) Error() string { return Text(l) }

// Unwrap lets errors.As find the first fault.
func (l List) Unwrap() []error {
	errs := make([]error, len(l))
	for i, e := range l {
		errs[i] = e
	}
	return errs
}

// OrNil returns nil for an empty list, so that a function can collect faults
// and return them as an error.
func (l List) OrNil() error {
	if len(l) == 0 {
		return nil
	}
	return l
}

// Of returns every fault in err, whether err is one fault, a list or wraps
// either. An error that holds none gives one E_INTERNAL fault whose message
// does not repeat the error's text: the text may come from a library and quote
// what it read.
func Of(err error) List {
	if err == nil {
		return nil
	}
	var list List
	if errors.As(err, &list) {
		return list
	}
	var one *Error
	if errors.As(err, &one) {
		return List{one}
	}
	return List{New(Internal, "unexpected failure")}
}

// CodeOf returns the code of the first fault in err, [Internal] where err holds
// none, and the empty code for nil.
func CodeOf(err error) Code {
	list := Of(err)
	if len(list) == 0 {
		return ""
	}
	return list[0].Code
}

// sorted returns a copy of a list in the order in which faults are shown.
func sorted(list List) List {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Object, b.Object), cmp.Compare(a.Field, b.Field),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
	})
	return list
}

// Text joins faults, sorted by place, in at most [MaxText] bytes, one a line: the
// form of logs and of the audit trail.
func Text(list List) string { return lines(sorted(list), (*Error).Error) }

const reserve = len("\n+1000000 more")

// lines writes one line for each fault in at most [MaxText] bytes.
func lines(sorted List, form func(*Error) string) string {
	var b strings.Builder
	for i, e := range sorted {
		line := form(e)
		if i > 0 && b.Len()+1+len(line) > MaxText-reserve {
			fmt.Fprintf(&b, "\n+%d more", len(sorted)-i)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(trim(line, MaxText-reserve))
	}
	return b.String()
}

// Clean returns text as one printable line of at most limit bytes: control
// characters and invalid UTF-8 are shown as escapes, so that a tenant's text
// can neither forge a line of a log nor drive a terminal.
func Clean(text string, limit int) string {
	if len(text) > 4*limit {
		text = text[:4*limit]
	}
	var b strings.Builder
	for i := 0; i < len(text) && b.Len() <= limit; {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteByte(' ')
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return trim(b.String(), limit)
}

// trim cuts text to limit bytes at a rune boundary and marks the cut.
func trim(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const mark = "..."
	cut := limit - len(mark)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + mark
}
