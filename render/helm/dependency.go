package helm

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

const (
	// maxLinks is how long a chain of file:// dependencies may be.
	maxLinks = 8
	// maxInstances bounds how often charts are rendered: every alias renders
	// its chart and all below it once more.
	maxInstances = 1000
)

const fileScheme = "file://"

// completeDependencies sees to it that every dependency that a chart lists is
// there. One that names a directory of the source by file:// is taken from
// there, as Argo CD does by running "helm dependency build"; anything else must
// be vendored. All that are missing are reported together.
func (l *chartLoader) completeDependencies(c *chart.Chart, dir string, links int) error {
	var faults fault.List
	for _, wanted := range c.Metadata.Dependencies {
		if hasDependency(c, wanted.Name) {
			continue
		}
		linked, err := l.linked(c, wanted, dir, links)
		switch {
		case err != nil:
			faults = append(faults, fault.Of(err)...)
		case linked != nil:
			c.AddDependency(linked)
		default:
			faults = append(faults, l.missing(c, wanted))
		}
	}
	for _, sub := range c.Dependencies() {
		l.warnMissing(sub)
	}
	return faults.OrNil()
}

// linked loads a file:// dependency from the tree; nil where the dependency is
// none or its directory holds no chart.
func (l *chartLoader) linked(c *chart.Chart, wanted *chart.Dependency, dir string, links int) (*chart.Chart, error) {
	ref, isFile := strings.CutPrefix(wanted.Repository, fileScheme)
	if !isFile {
		return nil, nil
	}
	target, ok := source.Join(dir, ref)
	if !ok || !inside(l.root, target) || !IsChart(l.tree, target) {
		return nil, nil
	}
	file, line := l.dependencyLine(c, wanted)
	if links >= maxLinks {
		return nil, fault.New(fault.Dependency, "the file:// dependency %s is more than %d charts away", wanted.Name, maxLinks).
			In(file, line).WithFix("look for charts that depend on each other")
	}
	sub, err := l.loadDir(target, links+1)
	if err != nil {
		return nil, err
	}
	if sub.Name() != wanted.Name {
		return nil, fault.New(fault.Dependency, "the dependency is called %s, the chart in %s is called %s",
			fault.Clean(wanted.Name, 128), target, fault.Clean(sub.Name(), 128)).In(file, line)
	}
	if !chartutil.IsCompatibleRange(wanted.Version, sub.Metadata.Version) {
		return nil, fault.New(fault.Dependency, "the dependency %s wants version %q, the chart in %s has %q",
			wanted.Name, fault.Clean(wanted.Version, 64), target, fault.Clean(sub.Metadata.Version, 64)).In(file, line)
	}
	return sub, nil
}

// missing is the fault of a dependency that is nowhere in the source.
func (l *chartLoader) missing(c *chart.Chart, wanted *chart.Dependency) *fault.Error {
	file, line := l.dependencyLine(c, wanted)
	problem := fault.New(fault.Dependency, "the dependency %s %s of %s is not in charts/",
		fault.Clean(wanted.Name, 128), fault.Clean(wanted.Version, 64), repositoryOf(wanted)).In(file, line)
	if strings.HasPrefix(wanted.Repository, fileScheme) {
		return problem.WithFix("the directory must hold a chart and be sent by the repo-server: list it in argocd.argoproj.io/manifest-generate-paths, or run helm dependency update and commit charts/")
	}
	return problem.WithFix("run helm dependency update and commit charts/, or ask the platform team to allow the repository")
}

// warnMissing reports what Helm leaves out without a word: it checks the
// dependencies of the chart that it renders but not those of its subcharts.
func (l *chartLoader) warnMissing(c *chart.Chart) {
	for _, wanted := range c.Metadata.Dependencies {
		if !hasDependency(c, wanted.Name) {
			problem := l.missing(c, wanted)
			problem.Message += ", and Helm renders the subchart without it"
			if !slices.ContainsFunc(l.warnings, func(w *fault.Error) bool { return *w == *problem }) {
				l.warnings = append(l.warnings, problem)
			}
		}
	}
	for _, sub := range c.Dependencies() {
		l.warnMissing(sub)
	}
}

func hasDependency(c *chart.Chart, name string) bool {
	return slices.ContainsFunc(c.Dependencies(), func(d *chart.Chart) bool { return d.Name() == name })
}

// repositoryOf names a dependency's repository without a password in its URL.
func repositoryOf(wanted *chart.Dependency) string {
	if wanted.Repository == "" {
		return "no repository"
	}
	address, err := url.Parse(wanted.Repository)
	if err != nil {
		return "its repository"
	}
	return fault.Clean(address.Redacted(), 256)
}

// dependencyLine finds where a chart lists a dependency; charts list one name
// several times under different aliases.
func (l *chartLoader) dependencyLine(c *chart.Chart, wanted *chart.Dependency) (string, int) {
	name := regexp.MustCompile(`^\s*(?:-\s+)?name:\s*["']?` + regexp.QuoteMeta(wanted.Name) + `["']?\s*(?:#.*)?$`)
	earlier := 0
	for _, listed := range c.Metadata.Dependencies[:slices.Index(c.Metadata.Dependencies, wanted)] {
		if listed.Name == wanted.Name {
			earlier++
		}
	}
	for _, file := range []string{"requirements.yaml", chartFile} {
		at, content := l.place(c, file)
		listed, skip := false, earlier
		for i, line := range strings.Split(string(content), "\n") {
			listed = listed || strings.HasPrefix(line, "dependencies:")
			if !listed || !name.MatchString(strings.TrimRight(line, "\r")) {
				continue
			}
			if skip--; skip < 0 {
				return at, i + 1
			}
		}
	}
	at, _ := l.place(c, chartFile)
	return at, 0
}

// inside tells whether a clean path is root or lies below it.
func inside(root, name string) bool {
	root = path.Clean(root)
	return root == "." || name == root || strings.HasPrefix(name, root+"/")
}

// countInstances returns how many charts Helm will render for c, at most one
// more than maxInstances: each dependency that a chart lists is a copy of its
// own, and so is each vendored chart that it does not list.
func countInstances(c *chart.Chart, known map[*chart.Chart]int) int {
	if count, ok := known[c]; ok {
		return count
	}
	total := 1
	for _, sub := range c.Dependencies() {
		copies := 0
		for _, wanted := range c.Metadata.Dependencies {
			if wanted.Name == sub.Name() {
				copies++
			}
		}
		total = min(total+max(copies, 1)*countInstances(sub, known), maxInstances+1)
	}
	known[c] = total
	return total
}
