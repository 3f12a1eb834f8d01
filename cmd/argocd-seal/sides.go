package main

import (
	"context"
	"io"
	"maps"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/argocd-seal/argocd-seal-plugin/internal/compare"
	"github.com/argocd-seal/argocd-seal-plugin/internal/compare/report"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/render/engine"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// side is one of the two states that are compared.
type side struct {
	end report.End
	// job is what all applications of the side have in common.
	job plugin.Job
	// dir is set for a directory, and is its path below the root of the source.
	dir   string
	isDir bool
}

// sides are the two states, and where in each to look for applications.
type sides struct {
	before, after side
	// scopes are the directories below which applications are looked for, on
	// either side.
	scopesBefore, scopesAfter []string
	options                   compare.Options
	preview                   previewing
	named                     bool // the applications have the name of --app
}

// sides reads the two states.
func (o *diffOptions) sides(ctx context.Context, a, b string, paths []string, limits source.Limits) (*sides, error) {
	finder := &sideFinder{options: o, limits: limits}
	s := &sides{named: o.identity.App != ""}
	var err error
	if s.before, err = finder.find(ctx, a); err != nil {
		return nil, err
	}
	if s.after, err = finder.find(ctx, b); err != nil {
		return nil, err
	}
	s.options.Overlays = s.before.isDir && s.after.isDir
	baseBefore, baseAfter := s.before.dir, s.after.dir
	switch {
	case !s.before.isDir && !s.after.isDir:
		if len(paths) > 0 {
			baseBefore, err = finder.here()
		}
		baseAfter = baseBefore
	case !s.before.isDir:
		baseBefore = baseAfter
	case !s.after.isDir:
		baseAfter = baseBefore
	}
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	for _, one := range paths {
		before, okBefore := beneath(baseBefore, one)
		after, okAfter := beneath(baseAfter, one)
		if !okBefore || !okAfter {
			return nil, fault.New(fault.Path, "%s leads out of what is compared", fault.Clean(one, 200)).
				WithFix("name directories below the repository, or below both directories")
		}
		s.scopesBefore, s.scopesAfter = append(s.scopesBefore, before), append(s.scopesAfter, after)
	}
	return s, nil
}

// beneath joins a path of the command line to a directory of a source.
func beneath(base, name string) (string, bool) {
	joined := path.Join(base, filepath.ToSlash(name))
	return joined, filepath.IsLocal(joined) || joined == "."
}

// applications returns a job for each application in a side's scopes, by its path
// as it is matched with the other side's.
func (s *sides) applications(of side, scopes []string) map[string]plugin.Job {
	found := map[string]plugin.Job{}
	for _, scope := range scopes {
		for _, application := range engine.Applications(of.job.Source, scope) {
			one := of.job
			one.Path, one.Identity.Path = application, application
			if !s.named && application != "." {
				one.Identity.App = path.Base(application)
			}
			found[s.key(of, application)] = one
		}
	}
	return found
}

// unchanged tells whether an application need not be rendered, which costs a
// worker for each side: most of a large repository is the same on both. Where its
// images must have been in another directory first, that one counts too.
func (s *sides) unchanged(pipeline *plugin.Pipeline, before, after plugin.Job) bool {
	return !s.options.Overlays && !promoted(pipeline) && len(after.Parameters) == 0 && before.Path == after.Path &&
		engine.Unchanged(before.Source, after.Source, after.Path)
}

// promoted tells whether images must have been in another directory first.
func promoted(pipeline *plugin.Pipeline) bool {
	return slices.ContainsFunc(pipeline.Environments, func(e plugin.Environment) bool { return e.Judged && e.PromotedFrom != "" })
}

// key is what both sides call an application: between two directories its path
// below them, otherwise its path.
func (s *sides) key(of side, application string) string {
	if !s.options.Overlays {
		return application
	}
	relative, err := filepath.Rel(of.dir, application)
	if err != nil {
		return application
	}
	return filepath.ToSlash(relative)
}

// compare renders both sides of each application, as many at a time as there are
// processors, and compares them.
func (s *sides) compare(ctx context.Context, pipeline *plugin.Pipeline, shown io.Writer) (report.Report, error) {
	before, after := s.applications(s.before, s.scopesBefore), s.applications(s.after, s.scopesAfter)
	keys := slices.Collect(maps.Keys(before))
	for key := range after {
		if _, both := before[key]; !both {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return report.Report{}, fault.New(fault.Empty, "there is no application at or below %s", fault.Clean(strings.Join(s.scopesAfter, ", "), 200))
	}
	slices.Sort(keys)
	all := make([]compare.Application, len(keys))
	progress := startProgress(shown, "applications", len(keys), progressAfter)
	defer progress.stop()
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, key := range keys {
		group.Go(func() error {
			all[i] = s.application(ctx, pipeline, before, after, key)
			progress.done.Add(1)
			return nil
		})
	}
	_ = group.Wait()
	result := report.Report{Before: s.before.end, After: s.after.end, Applications: []compare.Application{}}
	for _, application := range all {
		if application.Status == "" {
			result.Unchanged++
		} else {
			result.Applications = append(result.Applications, application)
		}
	}
	return result, nil
}

// application compares one application.
func (s *sides) application(ctx context.Context, pipeline *plugin.Pipeline, before, after map[string]plugin.Job, key string) compare.Application {
	was, had := before[key]
	is, has := after[key]
	if had && has && s.unchanged(pipeline, was, is) {
		return compare.Application{Path: is.Path}
	}
	var former, later compare.Side
	if had {
		former = sideOf(ctx, s.preview, was)
	}
	if has {
		later = sideOf(ctx, s.preview, is)
	}
	return compare.Compare(former, later, s.options)
}
