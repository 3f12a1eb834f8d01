// Package waiver reads the exceptions that a platform grants: which rule, for
// which objects, who answers for it, why, and until when. A waiver without an
// end is not valid, and none hides anything: what it lets pass is reported as
// waived, and one that has expired or is not needed is reported too.
package waiver

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/internal/quote"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// maxBytes bounds one file of waivers.
const maxBytes = 1 << 20

// Waiver lets the outcomes of one rule on some objects pass for a while.
type Waiver struct {
	Rule         string   `yaml:"rule"`
	Objects      Selector `yaml:"objects"`
	Environments []string `yaml:"environments"`
	Owner        string   `yaml:"owner"`
	Reason       string   `yaml:"reason"`
	// Expires is the last day on which the waiver holds, as YYYY-MM-DD in UTC.
	Expires string `yaml:"expires"`

	file string
	line int
	end  time.Time
}

// Selector chooses objects. Each field may hold the wildcards * ? [; an empty
// field is every value, but not all of them may be empty.
type Selector struct {
	Kind      string `yaml:"kind"`
	Namespace string `yaml:"namespace"`
	Name      string `yaml:"name"`
}

// Set is the waivers of a platform. It is read-only and safe for concurrent
// use.
type Set struct {
	waivers []Waiver
	digest  string
}

// Load reads a file of waivers from fsys. Known says whether a bundle has a
// rule with an id: a waiver for another rule would never be missed. Every wrong
// waiver is a fault E_WAIVER with its line.
// Names are the ids that a misspelt one may have meant.
func Load(fsys fs.FS, name string, known func(rule string) bool, names ...string) (*Set, error) {
	body, err := Read(fsys, name)
	if err != nil {
		return nil, err
	}
	set, err := parse(body, name, known, names)
	return set, quote.Platform(err, quote.File(name, body))
}

// Read returns the content of a file of waivers.
func Read(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fault.New(fault.Waiver, "the file of waivers cannot be read").In(name, 0).
			WithFix("correct the path under waivers in plugin.yaml, or the file's mode")
	}
	defer func() { _ = f.Close() }()
	body, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil || len(body) > maxBytes {
		return nil, fault.New(fault.Waiver, "the file of waivers cannot be read or is larger than %d bytes", maxBytes).In(name, 0)
	}
	return body, nil
}

// mark is the byte order mark of UTF-8, with which some editors begin a file.
var mark = []byte("\ufeff")

func parse(body []byte, name string, known func(rule string) bool, names []string) (*Set, error) {
	if !utf8.Valid(body) { // the parser would take UTF-16
		return nil, fault.New(fault.Waiver, "the file is not UTF-8").In(name, 1).WithFix("save it as UTF-8")
	}
	// A second mark would hide what follows it from one reader and not from another.
	if rest := bytes.TrimPrefix(body, mark); bytes.HasPrefix(rest, mark) || bytes.Contains(rest, append([]byte("\n"), mark...)) {
		return nil, fault.New(fault.Waiver, "a byte order mark stands inside of the file").In(name, 1).WithFix("remove it: files that were joined may have one each")
	}
	waivers, err := decode(body)
	var located *fault.Error
	if errors.As(err, &located) {
		located.File = name
		return nil, located
	}
	if err != nil {
		return nil, unreadable(err).In(name, lineOf(err, body))
	}
	sum := sha256.Sum256(body)
	set := &Set{digest: "sha256:" + hex.EncodeToString(sum[:])}
	var faults fault.List
	for _, w := range waivers {
		w.file = name
		if problem := w.check(known, names); problem != nil {
			faults = append(faults, problem.In(name, w.line))
			continue
		}
		set.waivers = append(set.waivers, w)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return set, nil
}

func (w *Waiver) check(known func(string) bool, names []string) *fault.Error {
	for _, required := range []struct{ name, value string }{
		{"rule", w.Rule}, {"owner", w.Owner}, {"reason", w.Reason}, {"expires", w.Expires},
	} {
		if required.value == "" {
			return fault.New(fault.Waiver, "the waiver has no %s", required.name).WithFix("add %s", required.name)
		}
	}
	if !known(w.Rule) {
		return fault.New(fault.Waiver, "no bundle has the rule %q", w.Rule).MeantWord(w.Rule, names).At("", "rule").WithFix("argocd-seal policy list shows the rules")
	}
	if w.Objects == (Selector{}) {
		return fault.New(fault.Waiver, "the waiver selects no objects").WithFix("name a kind, namespace or name under objects")
	}
	for _, pattern := range append([]string{w.Objects.Kind, w.Objects.Namespace, w.Objects.Name}, w.Environments...) {
		if _, err := path.Match(pattern, ""); err != nil {
			return fault.New(fault.Waiver, "%q is not a valid pattern", pattern).WithFix("close its brackets, or put a backslash before them")
		}
	}
	if slices.Contains(w.Environments, "") {
		return fault.New(fault.Waiver, "the waiver names an environment that is empty").WithFix("remove environments for all of them")
	}
	day, err := time.Parse(time.DateOnly, w.Expires)
	if err != nil {
		return fault.New(fault.Waiver, "expires %q is not a day", w.Expires).WithFix("write it as YYYY-MM-DD")
	}
	w.end = day.AddDate(0, 0, 1)
	return nil
}

// Digest names the waivers' content; it is empty for no set.
func (s *Set) Digest() string {
	if s == nil {
		return ""
	}
	return s.digest
}

// Find returns the first waiver for a rule on all of the objects in an
// environment that holds at the time, and otherwise the first that has expired.
func (s *Set) Find(rule string, objects []object.Object, namespace, environment string, at time.Time) (waiver *Waiver, expired bool) {
	if s == nil || len(objects) == 0 {
		return nil, false
	}
	for i := range s.waivers {
		w := &s.waivers[i]
		if w.Rule != rule || slices.ContainsFunc(objects, func(o object.Object) bool { return !w.selects(o, namespace, environment) }) {
			continue
		}
		if at.Before(w.end) {
			return w, false
		}
		if waiver == nil {
			waiver, expired = w, true
		}
	}
	return waiver, expired
}

// Selecting returns the waivers that select the object in the environment,
// whatever their rule.
func (s *Set) Selecting(o object.Object, namespace, environment string) []*Waiver {
	if s == nil {
		return nil
	}
	var selecting []*Waiver
	for i := range s.waivers {
		if s.waivers[i].selects(o, namespace, environment) {
			selecting = append(selecting, &s.waivers[i])
		}
	}
	return selecting
}

func (w *Waiver) selects(o object.Object, namespace, environment string) bool {
	if o.Namespace() != "" {
		namespace = o.Namespace()
	}
	if len(w.Environments) > 0 && !slices.ContainsFunc(w.Environments, func(pattern string) bool { return matches(pattern, environment) }) {
		return false
	}
	return matches(w.Objects.Kind, o.Kind()) && matches(w.Objects.Namespace, namespace) && matches(w.Objects.Name, o.Name())
}

func matches(pattern, value string) bool {
	if pattern == "" {
		return true
	}
	matched, err := path.Match(pattern, value)
	return err == nil && matched
}

// Fault returns a notice about the waiver, at its line.
func (w *Waiver) Fault(format string, args ...any) *fault.Error {
	return fault.New(fault.Waiver, format, args...).In(w.file, w.line)
}

// Grant returns what a verdict says of the waiver.
func (w *Waiver) Grant() *verdict.Waiver {
	return &verdict.Waiver{Owner: w.Owner, Reason: w.Reason, Expires: w.Expires, File: w.file, Line: w.line}
}
