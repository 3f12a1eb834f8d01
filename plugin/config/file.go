package config

import (
	"bytes"
	"errors"
	"io"
	"os"
	"regexp"
	"strconv"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/nearest"
	"github.com/argocd-seal/argocd-seal-plugin/internal/quote"
	"github.com/argocd-seal/argocd-seal-plugin/internal/yamlhint"
)

// maxFileBytes bounds plugin.yaml.
const maxFileBytes = 1 << 20

// File is what plugin.yaml says. It is complete, checked and not changed after
// [Load] or [Parse] returned it, so that goroutines may share it.
type File struct {
	// Plugin is the first document.
	Plugin ConfigManagementPlugin
	// Seal is the second document over the defaults.
	Seal SealConfig
}

// Load reads and checks a file. Every error is a fault or a list of faults with
// the code E_CONFIG.
func Load(file string) (*File, error) {
	opened, err := os.Open(file)
	if err != nil {
		return nil, unreadable(file, err)
	}
	// Closing a file that was only read loses nothing.
	defer func() { _ = opened.Close() }()
	data, err := io.ReadAll(io.LimitReader(opened, maxFileBytes+1))
	if err != nil {
		return nil, unreadable(file, err)
	}
	return Parse(file, data)
}

// Parse reads and checks the content of a file; name is what faults call it.
// Its errors are those of [Load].
func Parse(name string, data []byte) (*File, error) {
	if len(data) > maxFileBytes {
		return nil, fault.New(fault.Config, "the file is larger than %d bytes", maxFileBytes).In(name, 0)
	}
	file, err := parse(name, data)
	return file, quote.Platform(err, quote.File(name, data))
}

func parse(name string, data []byte) (*File, error) {
	documents, err := split(name, data)
	if err != nil {
		return nil, err
	}
	file := &File{Seal: Default()}
	faults := read(name, documents[0], &file.Plugin).faults
	if len(documents) > 1 {
		r := read(name, documents[1], &file.Seal)
		file.checkTogether(r)
		faults = append(faults, r.faults...)
	}
	if err := faults.OrNil(); err != nil {
		return nil, err
	}
	return file, nil
}

// document is one of the types that a document of the file is read into.
type document interface {
	// kind returns the apiVersion and kind that the document must have.
	kind() (apiVersion, kind string)
	// check reports values that are well-formed but cannot work.
	check(r *reader)
}

// read reads one document into a type and checks it.
func read(name string, root *yaml.Node, into document) *reader {
	r := newReader(name)
	apiVersion, kind := into.kind()
	if got := scalarField(root, "kind"); got != kind {
		r.faults = fault.List{r.wrongKind(root, got, kind)}
		return r
	}
	r.readRoot(root, into)
	if got := scalarField(root, "apiVersion"); got != apiVersion {
		r.refuse("apiVersion", "write "+apiVersion, "expected %s, found %q", apiVersion, fault.Clean(got, 80))
	}
	into.check(r)
	return r
}

// wrongKind is the one fault of a document that is not what its place in the
// file asks for: faults about its fields would only confuse.
func (r *reader) wrongKind(root *yaml.Node, got, want string) *fault.Error {
	problem := fault.New(fault.Config, "the document has no kind, and %s is expected here", want)
	if got != "" {
		problem = fault.New(fault.Config, "expected %s, found %q", want, fault.Clean(got, 80))
	}
	problem.Nearest = nearest.Of(got, []string{want})
	problem.Fix = "put ConfigManagementPlugin first and SealConfig second, with --- between them"
	problem.File, problem.Field = r.file, "kind"
	problem.Line, problem.Column = root.Line, root.Column
	return problem
}

// split parses the YAML documents and leaves out empty ones behind the first.
func split(name string, data []byte) ([]*yaml.Node, error) {
	if !utf8.Valid(data) { // the parser would take UTF-16
		return nil, fault.New(fault.Config, "the file is not UTF-8").In(name, 1).WithFix("save it as UTF-8")
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var documents []*yaml.Node
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, syntax(name, data, err)
		}
		root := document.Content[0]
		switch {
		case len(documents) > 0 && isNull(root):
		case len(documents) == 2:
			return nil, fault.New(fault.Config, "there is a third document").In(name, root.Line).
				WithFix("keep ConfigManagementPlugin and SealConfig only")
		default:
			documents = append(documents, root)
		}
	}
	if len(documents) == 0 || isNull(documents[0]) {
		return nil, fault.New(fault.Config, "the file is empty").In(name, 1).
			WithFix("write at least the ConfigManagementPlugin document")
	}
	return documents, nil
}

var syntaxError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// syntax locates an error of the YAML parser.
func syntax(name string, data []byte, err error) *fault.Error {
	parts := syntaxError.FindStringSubmatch(err.Error())
	if parts == nil {
		return fault.New(fault.Config, "the file is not YAML").In(name, 1)
	}
	line, err := strconv.Atoi(parts[1])
	if line = yamlhint.Line(parts[2], line, data); err != nil && line == 0 {
		line = unnamedLine(data, parts[2])
	}
	return fault.New(fault.Config, "the file is not YAML: %s", fault.Clean(parts[2], 300)).In(name, line).WithFix("%s", yamlhint.Fix(parts[2]))
}

var (
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
	// control is what YAML has no place for.
	control = regexp.MustCompile(`[^\t\n\r\x{20}-\x{7e}\x{85}\x{a0}-\x{d7ff}\x{e000}-\x{fefe}\x{ff00}-\x{fffd}\x{10000}-\x{10ffff}]`)
)

// unnamedLine finds the line of an error for which the parser names none: what
// is in the first line, a control character, an anchor that is missing.
func unnamedLine(data []byte, message string) int {
	place := []int{0}
	if missing := unknownAnchor.FindStringSubmatch(message); missing != nil {
		place = regexp.MustCompile(`\*` + regexp.QuoteMeta(missing[1]) + `(?:[\s,\]}]|$)`).FindIndex(data)
	} else if message == "control characters are not allowed" {
		place = control.FindIndex(bytes.TrimPrefix(data, []byte("\ufeff")))
	}
	if place == nil {
		return 1
	}
	return 1 + bytes.Count(data[:place[0]], []byte("\n"))
}

// unreadable gives the system's reason; the path is in the fault already.
func unreadable(file string, err error) *fault.Error {
	reason := err
	var at *os.PathError
	if errors.As(err, &at) {
		reason = at.Err
	}
	return fault.New(fault.Config, "the file cannot be read: %v", reason).In(file, 0)
}
