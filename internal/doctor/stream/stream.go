// Package stream tells how much of a repository the repo-server would stream to
// the plugin for an application, what of it the application reads, and which
// settings of Argo CD leave the rest out.
//
// Argo CD packs the whole clone for each render, but for what
// --plugin-tar-exclude names. With --plugin-use-manifest-generate-paths it packs
// what lies below the common parent of the paths in the Application's annotation
// argocd.argoproj.io/manifest-generate-paths.
package stream

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/engine"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// Renderer renders one request, as a pool of workers does.
type Renderer interface {
	Render(ctx context.Context, request render.Request) (render.Result, error)
}

// Question says what to measure.
type Question struct {
	// Root is the directory of a clone.
	Root string
	// Apps are directories in it, with slashes; empty means all that somebody would
	// deploy.
	Apps []string
	// Excluded are the globs that the repo-server leaves out already.
	Excluded []string
	// Promotions are the directories that environments compare images with, seen
	// from an application's, and Owners tells that CODEOWNERS is read too, which
	// lies at the root.
	Promotions []string
	Owners     bool
	Limits     render.Limits
	Renderer   Renderer
}

// Answer is what the repo-server streams, and would stream.
type Answer struct {
	// Now is the whole repository without what is excluded already.
	Now Size
	// Unread are the directories that no application reads, the largest first.
	Unread []Directory
	// Exclusions are the globs that leave out what no application reads, besides
	// those that are there already. Then is the size with both.
	Exclusions []string
	Then       Size
	Apps       []App
	// More is how many applications were not looked at, because there are so many.
	More int
}

// Size is that of an archive.
type Size struct {
	// Packed is what goes through the socket, in bytes.
	Packed int64
	// Unpacked is what the sidecar holds, in bytes, and Entries are its files,
	// directories and links.
	Unpacked int64
	Entries  int
	// Largest is the largest file that the sidecar keeps, in bytes: of what Git keeps
	// it keeps nothing.
	Largest int64
}

// Directory is a part of the repository. Bytes are those of its files.
type Directory struct {
	Path  string
	Bytes int64
}

// App is one application.
type App struct {
	Path string
	// Fault is why it is not known what it reads: it cannot be rendered.
	Fault *fault.Error
	// Reads are the directories that it is made of, its own first.
	Reads []string
	// Root is the directory whose content renders to the same objects as the whole
	// repository.
	Root string
	// Annotation is the value that has Root streamed; empty where nothing smaller
	// than the repository does.
	Annotation string
	// Then is the size with the annotation and the exclusions.
	Then Size
}

// The bounds of a repository that is read for the look. They are wider than those
// of a request: what is too large for one is what the look is for.
const (
	maxBytes   = 1 << 30
	maxEntries = 500_000
	maxFile    = 256 << 20
	maxNames   = 64 << 20
	// maxApps is how many applications are rendered.
	maxApps = 100
)

// Measure packs the repository as the repo-server does, and renders applications
// to find what they read. Errors are faults.
func Measure(ctx context.Context, question Question) (Answer, error) {
	m, err := newMeasure(ctx, question)
	if err != nil {
		return Answer{}, err
	}
	answer := Answer{}
	if answer.Now, err = m.packed(ctx, ".", question.Excluded); err != nil {
		return Answer{}, err
	}
	apps, err := m.applications()
	if err != nil {
		return Answer{}, err
	}
	answer.More = max(len(apps)-maxApps, 0)
	apps = apps[:len(apps)-answer.More]
	for _, app := range apps {
		answer.Apps = append(answer.Apps, m.application(ctx, app))
		if ctx.Err() != nil {
			return Answer{}, fault.New(fault.Timeout, "the repository takes too long to look at").WithFix("name single applications with --app")
		}
	}
	answer.Unread = m.unread(answer.Apps)
	answer.Exclusions = m.exclusions(ctx, answer)
	excluded := slices.Concat(question.Excluded, answer.Exclusions)
	answer.Then = answer.Now
	if len(answer.Exclusions) > 0 {
		if answer.Then, err = m.packed(ctx, ".", excluded); err != nil {
			return Answer{}, err
		}
	}
	for i := range answer.Apps {
		app := &answer.Apps[i]
		app.Then = answer.Then
		if app.Annotation == "" {
			continue
		}
		if app.Then, err = m.packed(ctx, app.Root, excluded); err != nil {
			return Answer{}, err
		}
	}
	return answer, nil
}

// measure holds the repository while it is looked at.
type measure struct {
	Question
	tree *source.Tree
	// skip tells what is not in a clone: what .gitignore names.
	skip source.Skip
	// ignored are the globs for it.
	ignored []string
	// sizes are the bytes of the files at and below each directory, Git's own too.
	sizes map[string]int64
	// known are the sizes of archives by root and globs.
	known map[string]Size
}

func newMeasure(ctx context.Context, question Question) (*measure, error) {
	m := &measure{Question: question, sizes: map[string]int64{}, known: map[string]Size{}}
	var err error
	// Argo CD's code needs a path from the root.
	if m.Root, err = filepath.Abs(question.Root); err != nil {
		return nil, fault.New(fault.Path, "the working directory cannot be read")
	}
	if info, err := os.Stat(m.Root); err != nil || !info.IsDir() {
		return nil, fault.New(fault.Path, "there is no directory %s", question.Root).WithFix("name a clone of the repository with --repository")
	}
	if m.skip, err = source.GitIgnored(m.Root, ""); err != nil {
		return nil, err
	}
	limits := source.Limits{ExpandedBytes: maxBytes, FileBytes: maxFile, Entries: maxEntries, NamesBytes: maxNames}
	if m.tree, err = source.ReadDirectory(ctx, m.Root, limits, m.skip); err != nil {
		return nil, err
	}
	return m, m.walk(ctx)
}

// deployed are the directories that somebody would deploy.
func (m *measure) deployed() []string { return engine.Applications(m.tree, ".") }

// applications are those that were asked for, or all.
func (m *measure) applications() ([]string, error) {
	if len(m.Apps) == 0 {
		return m.deployed(), nil
	}
	var apps []string
	for _, app := range m.Apps {
		clean := path.Clean(app)
		if !m.tree.HasDir(clean) {
			return nil, fault.New(fault.Path, "the repository has no directory %q", fault.Clean(app, 120)).WithFix("name it as spec.source.path does")
		}
		apps = append(apps, clean)
	}
	return apps, nil
}
