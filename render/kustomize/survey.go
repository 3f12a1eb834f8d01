package kustomize

import (
	"slices"

	"sigs.k8s.io/kustomize/api/types"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// Bounds of one build. They count visits and not files: a few small
// kustomizations that list each other twice make exponentially many.
const (
	maxVisits       = 500
	maxReplacements = 1000
	maxDepth        = 100
)

// survey is what is known of a build before kustomize starts.
type survey struct {
	files *files
	quote bool
	top   *kustomization
	// opened holds every kustomization that was read, by directory.
	opened map[string]*kustomization
	// order lists the kustomizations that will be visited, each once.
	order []*kustomization
	// pluginDirs are the directories of plugin configurations, inner ones first.
	pluginDirs   []pluginDir
	customSchema bool
	origins      origins

	faults   fault.List
	warnings []*fault.Error

	visits       int
	replacements int
	exhausted    bool
}

// place is how the objects of a kustomization are changed by those above it.
type place struct {
	prefix, suffix string
	// namespace is the one that wins: the outermost. chartNamespace is the
	// nearest, which is what kustomize hands to charts.
	namespace, chartNamespace string
}

func (p place) enter(k *kustomization) place {
	p.prefix += k.spec.NamePrefix
	p.suffix = k.spec.NameSuffix + p.suffix
	if p.namespace == "" {
		p.namespace = k.spec.Namespace
	}
	if k.spec.Namespace != "" {
		p.chartNamespace = k.spec.Namespace
	}
	return p
}

func newSurvey(fsys *files, quote bool) *survey {
	return &survey{files: fsys, quote: quote, opened: map[string]*kustomization{}, origins: newOrigins()}
}

// open reads the kustomization of a directory, once. The first one that is
// opened is the application's.
func (s *survey) open(dir string) (*kustomization, error) {
	if k, ok := s.opened[dir]; ok {
		return k, nil
	}
	k, err := load(s.files, dir, s.quote)
	if err != nil {
		return nil, err
	}
	s.opened[dir] = k
	if s.top == nil {
		s.top = k
	}
	return k, nil
}

// visit follows a kustomization and all below it. chain holds the directories
// of those that lead to it.
func (s *survey) visit(k *kustomization, chain []string, above place) {
	if s.exhausted {
		return
	}
	if s.visits++; s.visits > maxVisits || len(chain) > maxDepth {
		s.exhaust(k, "the build visits more than %d kustomizations, or more than %d deep", maxVisits, maxDepth)
		return
	}
	if !k.surveyed {
		k.surveyed = true
		s.order = append(s.order, k)
		s.inspect(k)
	}
	if s.replacements += s.countReplacements(k); s.replacements > maxReplacements {
		s.exhaust(k, "the build makes more than %d replacements", maxReplacements)
		return
	}
	here := above.enter(k)
	chain = append(slices.Clip(chain), k.dir)
	for _, ref := range k.refs {
		s.follow(k, ref, chain, here)
	}
	s.addCharts(k, here)
	s.origins.addGenerators(k, here)
}

func (s *survey) follow(k *kustomization, ref *reference, chain []string, here place) {
	if ref.kind == toResource && ref.file != "" && !s.files.generated(ref.file) {
		data, _ := s.files.file(ref.file)
		s.origins.addFile(ref.file, data, here)
	}
	if ref.dir == nil {
		return
	}
	for _, visited := range chain {
		if source.Within(ref.dir.dir, visited) {
			s.report(k, ref, fault.New(fault.Kustomize, "%q leads back to %q, which is being built", ref.value, visited).
				WithFix("a kustomization cannot use a directory at or above itself"))
			return
		}
	}
	s.visit(ref.dir, chain, here)
	if ref.kind == toPlugin {
		s.pluginDirs = append(s.pluginDirs, pluginDir{owner: k, ref: ref})
	}
}

// inspect does what is done once for each kustomization: it finds what the
// references lead to and refuses what is never allowed.
func (s *survey) inspect(k *kustomization) {
	s.warnDeprecated(k)
	s.refusePlugins(k)
	s.boundGrowth(k)
	if len(k.spec.OpenAPI) > 0 {
		s.customSchema = true
	}
	for _, ref := range k.refs {
		s.inspectReference(k, ref)
	}
}

func (s *survey) inspectReference(k *kustomization, ref *reference) {
	if ref.kind == inline || isInline(ref) {
		if ref.kind == toPlugin {
			s.checkPluginFile(k, ref, k.file, []byte(ref.value))
		} else {
			s.reportError(k, ref, checkText(k.file, []byte(ref.value)))
		}
		return
	}
	file, dir, err := s.files.reach(k.dir, ref.kind, ref.value)
	if err != nil {
		s.report(k, ref, err)
		return
	}
	if dir != "" {
		child, err := s.open(dir)
		s.reportError(k, ref, err)
		ref.dir = child
		return
	}
	ref.file = file
	data, _ := s.files.file(file)
	switch ref.kind {
	case toFile:
	case toPlugin:
		s.checkPluginFile(k, ref, file, data)
	default:
		s.addError(checkText(file, data))
	}
}

// countReplacements counts the replacements of one visit, those in files too.
func (s *survey) countReplacements(k *kustomization) int {
	count := 0
	for _, field := range k.spec.Replacements {
		count += len(s.replacementsOf(k, field))
	}
	return count
}

// replacementsOf returns the replacements of one entry. A file holds one or a
// list; what cannot be read is left to kustomize.
func (s *survey) replacementsOf(k *kustomization, field types.ReplacementField) []types.Replacement {
	if field.Path == "" {
		return []types.Replacement{field.Replacement}
	}
	name, ok := s.files.resolve(k.dir, field.Path)
	if !ok {
		return nil
	}
	data, _ := s.files.file(name)
	var list []types.Replacement
	if sigsyaml.Unmarshal(data, &list) == nil {
		return list
	}
	var one types.Replacement
	if sigsyaml.Unmarshal(data, &one) == nil {
		return []types.Replacement{one}
	}
	return nil
}

// report adds a fault at a reference. A column inside an inline text would not be
// one of the file.
func (s *survey) report(k *kustomization, ref *reference, found *fault.Error) {
	file := k.file
	if ref.fromParameter {
		file = ""
	}
	located := found.In(file, ref.line).At("", ref.field)
	located.Column = 0
	s.faults = append(s.faults, located)
}

// reportError adds a fault that has no place, or only one in an inline text, at
// the reference that led to it. Faults inside another file keep their place.
func (s *survey) reportError(k *kustomization, ref *reference, err error) {
	for _, found := range fault.Of(err) {
		if found.File == "" || found.File == k.file {
			s.report(k, ref, found)
		} else {
			s.faults = append(s.faults, found)
		}
	}
}

func (s *survey) addError(err error) { s.faults = append(s.faults, fault.Of(err)...) }

func (s *survey) exhaust(k *kustomization, format string, args ...any) {
	s.exhausted = true
	s.faults = append(s.faults, fault.New(fault.Limit, format, args...).In(k.file, 0).
		WithFix("look for kustomizations that list each other, or split the application"))
}
