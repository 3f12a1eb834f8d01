package helm

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/releaseutil"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

const notesSuffix = "NOTES.txt"

// Manifest is one rendered document, or one file of custom resource
// definitions.
type Manifest struct {
	// Template is the path in the source of what rendered it; a file in a
	// packed chart is named as if the archive were a directory.
	Template string
	// Text is the YAML as Helm prints it.
	Text string
	// Objects is what the text decodes to, at least one object. Their File is
	// Template; their Line is set for definitions only, since a line of a
	// rendered document is not the template's.
	Objects []object.Object
}

// definitions returns the crds directories of a chart and its subcharts.
func (l *chartLoader) definitions(c *chart.Chart) ([]Manifest, error) {
	var manifests []Manifest
	for _, crd := range c.CRDObjects() {
		file := l.sources[crd.File]
		text := string(crd.File.Data) + "\n"
		objects, err := object.Decode(file, []byte(text))
		if err != nil {
			return nil, err
		}
		if len(objects) > 0 {
			manifests = append(manifests, Manifest{Template: file, Text: text, Objects: objects})
		}
	}
	return manifests, nil
}

// collector sorts rendered documents into what is installed and what hooks run.
type collector struct {
	options  Options
	sources  map[string]string
	generic  []Manifest
	hooks    []Manifest
	warnings []*fault.Error
	faults   fault.List
}

// collect splits what the templates rendered into documents, in the order of
// "helm template". All documents that cannot be read are reported.
func (c *collector) collect(rendered map[string]string) ([]Manifest, error) {
	for _, template := range slices.Sorted(maps.Keys(rendered)) {
		text := rendered[template]
		if strings.HasSuffix(template, notesSuffix) || strings.HasPrefix(path.Base(template), "_") {
			continue
		}
		// Helm's own rule for where a document ends: templates rely on it where
		// trimmed white space joins a separator and the line that follows.
		documents := releaseutil.SplitManifests(text)
		order := slices.Collect(maps.Keys(documents))
		slices.SortFunc(order, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
		for _, key := range order {
			// The newline that Helm prints after a document belongs to a block
			// scalar that ends it.
			c.add(sourceOf(template, c.sources), documents[key]+"\n")
		}
	}
	if err := c.faults.OrNil(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(c.generic, byInstallOrder)
	slices.SortStableFunc(c.hooks, byInstallOrder)
	return append(c.generic, c.hooks...), nil
}

func (c *collector) add(file, text string) {
	objects, err := object.Decode(file, []byte(text))
	if err != nil {
		c.faults = append(c.faults, c.documentFaults(err, text)...)
		return
	}
	if len(objects) == 0 {
		return
	}
	for i := range objects {
		objects[i].Line = 0
	}
	manifest := Manifest{Template: file, Text: text, Objects: objects}
	switch hook, problem := hookOf(objects[0]); {
	case problem != nil && hook == hookDropped:
		c.warnings = append(c.warnings, problem)
	case problem != nil:
		c.faults = append(c.faults, problem)
	case hook == hookNone:
		c.generic = append(c.generic, manifest)
	case c.options.SkipHooks || hook == hookTest && c.options.SkipTests:
		// Left out on request.
	default:
		c.hooks = append(c.hooks, manifest)
	}
}

// documentFaults locates faults of a rendered document at its template, whose
// lines are not those of the document: the line itself says more.
func (c *collector) documentFaults(err error, text string) fault.List {
	var located fault.List
	for _, problem := range fault.Of(err) {
		moved := *problem
		if moved.Code == fault.YAML && !c.options.QuoteErrors {
			moved.Message = "the document is not YAML"
		}
		if moved.Line > 0 {
			moved.Message = "line " + strconv.Itoa(moved.Line) + " of a rendered document: " + moved.Message
			if lines := strings.Split(text, "\n"); c.options.QuoteErrors && problem.Line <= len(lines) {
				moved.Message += ": " + fault.Clean(strings.TrimSpace(lines[problem.Line-1]), 128)
			}
		}
		moved.Line, moved.Column = 0, 0
		located = append(located, &moved)
	}
	return located
}

// byInstallOrder is the order in which Helm installs kinds; kinds that it does
// not know come last, by name.
func byInstallOrder(a, b Manifest) int {
	kindA, kindB := a.Objects[0].Kind(), b.Objects[0].Kind()
	rankA, rankB := installRank(kindA), installRank(kindB)
	if rankA == len(releaseutil.InstallOrder) && rankB == rankA {
		return cmp.Compare(kindA, kindB)
	}
	return cmp.Compare(rankA, rankB)
}

func installRank(kind string) int {
	if rank := slices.Index(releaseutil.InstallOrder, kind); rank >= 0 {
		return rank
	}
	return len(releaseutil.InstallOrder)
}
