package helm

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/ignore"
	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

const (
	chartFile    = "Chart.yaml"
	valuesFile   = "values.yaml"
	schemaFile   = "values.schema.json"
	chartsPrefix = "charts/"
	archiveExt   = ".tgz"
)

// maxFileBytes is the largest file that Helm takes into a chart.
const maxFileBytes = 5 << 20

var utf8BOM = []byte("\xef\xbb\xbf")

// IsChart tells whether dir holds a chart.
func IsChart(tree *source.Tree, dir string) bool {
	_, ok := tree.File(path.Join(dir, chartFile))
	return ok
}

// IsLibrary tells whether a directory holds a chart that only other charts use.
func IsLibrary(tree *source.Tree, dir string) bool {
	content, _ := tree.File(path.Join(dir, chartFile))
	var metadata struct {
		Type string `json:"type"`
	}
	return yaml.Unmarshal(content, &metadata) == nil && strings.EqualFold(metadata.Type, "library")
}

// entry is one file of a chart: its name within the chart and where people
// find it in the source.
type entry struct {
	name   string
	source string
	data   []byte
}

// chartLoader builds one chart and all that it depends on. Helm's own loader
// unpacks every archive in charts/ with a fresh budget and to any depth, and
// visits charts/ in random order, so it is given one chart's files at a time.
type chartLoader struct {
	tree   *source.Tree
	root   string
	quote  bool
	budget archiveBudget
	// sources tells where a file of a loaded chart stands in the source. Files
	// keep their identity when Helm copies charts for aliases.
	sources  map[*chart.File]string
	warnings []*fault.Error
}

func newChartLoader(tree *source.Tree, root string, quote bool) *chartLoader {
	return &chartLoader{
		tree: tree, root: root, quote: quote, budget: newArchiveBudget(),
		sources: map[*chart.File]string{},
	}
}

// loadDir loads the chart in a directory of the tree with everything it
// depends on. Links counts how many file:// dependencies led here.
func (l *chartLoader) loadDir(dir string, links int) (*chart.Chart, error) {
	entries, err := l.readDir(dir)
	if err != nil {
		return nil, err
	}
	c, err := l.build(entries, dir, 0)
	if err != nil {
		return nil, err
	}
	return c, l.completeDependencies(c, dir, links)
}

// readDir returns the files of a chart that its .helmignore lets through.
func (l *chartLoader) readDir(dir string) ([]entry, error) {
	ignored, err := newIgnorer(l.tree, dir)
	if err != nil {
		return nil, err
	}
	var entries []entry
	for _, file := range l.tree.Files(dir) {
		name := file
		if dir != "." {
			name = strings.TrimPrefix(file, dir+"/")
		}
		if ignored.file(name) {
			continue
		}
		data, _ := l.tree.File(file)
		if len(data) > maxFileBytes {
			return nil, fault.New(fault.Limit, "the file has %d bytes, Helm takes at most %d", len(data), maxFileBytes).
				In(file, 0).WithFix("exclude it from the chart in .helmignore")
		}
		entries = append(entries, entry{name: name, source: file, data: bytes.TrimPrefix(data, utf8BOM)})
	}
	if IsChart(l.tree, dir) && ignored.file(chartFile) {
		return nil, fault.New(fault.Chart, "the file excludes Chart.yaml").In(path.Join(dir, ignore.HelmIgnore), 0).
			WithFix("a pattern with ! excludes everything that it does not match: take it out")
	}
	return entries, nil
}

// build makes a chart of its files. Base is where the chart stands in the
// source, archives how many archives it is packed in.
func (l *chartLoader) build(entries []entry, base string, archives int) (*chart.Chart, error) {
	var own []*loader.BufferedFile
	vendored := map[string][]entry{}
	for _, e := range entries {
		below, inCharts := strings.CutPrefix(e.name, chartsPrefix)
		switch {
		case e.name == "Chart.lock":
			// What is vendored counts, not what was once resolved.
		case inCharts && path.Ext(e.name) != ".prov":
			first, rest, _ := strings.Cut(below, "/")
			vendored[first] = append(vendored[first], entry{name: rest, source: e.source, data: e.data})
		default:
			if e.name == valuesFile || e.name == chartFile {
				if err := object.CheckAliases(e.source, e.data); err != nil {
					return nil, err
				}
			}
			own = append(own, &loader.BufferedFile{Name: e.name, Data: e.data})
		}
	}
	c, err := loader.LoadFiles(own)
	if err != nil {
		return nil, l.loadFault(err, base)
	}
	if err := checkChartName(c, path.Join(base, chartFile)); err != nil {
		return nil, err
	}
	for _, files := range [][]*chart.File{c.Raw, c.Templates, c.Files} {
		for _, f := range files {
			l.sources[f] = path.Join(base, f.Name)
		}
	}
	for _, name := range sortedKeys(vendored) {
		sub, err := l.vendored(name, vendored[name], base, archives)
		if err != nil {
			return nil, err
		}
		if sub != nil {
			c.AddDependency(sub)
		}
	}
	return c, nil
}

// vendored loads what stands in charts/ under one name; nil where Helm skips it.
func (l *chartLoader) vendored(name string, entries []entry, base string, archives int) (*chart.Chart, error) {
	at := path.Join(base, chartsPrefix, name)
	isFile := len(entries) == 1 && entries[0].name == ""
	switch {
	case strings.HasPrefix(name, "_") || strings.HasPrefix(name, "."):
		return nil, nil
	case isFile && path.Ext(name) == archiveExt:
		unpacked, err := l.budget.unpack(entries[0], archives+1)
		if err != nil {
			return nil, err
		}
		return l.build(unpacked, at, archives+1)
	case isFile:
		return nil, fault.New(fault.Chart, "a file in charts/ must be a chart archive").In(entries[0].source, 0).
			WithFix("move it, or begin its name with _")
	case path.Ext(name) == archiveExt:
		return nil, fault.New(fault.Chart, "a directory in charts/ must not be named like an archive").In(at, 0)
	default:
		return l.build(entries, at, archives)
	}
}

// place returns the path in the source of one of a chart's own files, and its
// content.
func (l *chartLoader) place(c *chart.Chart, name string) (string, []byte) {
	at := slices.IndexFunc(c.Raw, func(f *chart.File) bool { return f.Name == name })
	if at < 0 {
		return name, nil
	}
	return l.sources[c.Raw[at]], c.Raw[at].Data
}
