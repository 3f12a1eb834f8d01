package stream

import (
	"cmp"
	"context"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/argoproj/argo-cd/v2/util/io/files"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

const (
	gitDir = ".git"
	// gitGlob leaves out what is in it and keeps the directory, as docs/install.md
	// advises.
	gitGlob = ".git/*"
	// maxGlobs bounds what is excluded because .gitignore names it: each glob is
	// compared with each path.
	maxGlobs = 1000
	// worthwhile is how large a directory is that is worth a glob, and maxExclusions
	// how many globs are proposed.
	worthwhile    = 256 << 10
	maxExclusions = 10
)

// walk measures directories, and finds what .gitignore names.
func (m *measure) walk(ctx context.Context) error {
	root, err := os.OpenRoot(m.Root)
	if err != nil {
		return fault.New(fault.Path, "the repository cannot be read").In(m.Root, 0)
	}
	defer func() { _ = root.Close() }()
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return fault.New(fault.Path, "the repository cannot be read").In(name, 0)
		}
		if name != "." && !source.Within(gitDir, name) && m.skip(name, entry.IsDir()) {
			if m.ignored = append(m.ignored, literal(name)); len(m.ignored) > maxGlobs {
				return fault.New(fault.Limit, "more than %d files and directories are named by .gitignore", maxGlobs).
					WithFix("look at a fresh clone: git clone . /tmp/clone")
			}
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return nil // it has just gone
		}
		for dir := path.Dir(name); ; dir = path.Dir(dir) {
			if m.sizes[dir] += info.Size(); dir == "." {
				return nil
			}
		}
	})
}

// literal is the glob that a path alone matches.
func literal(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}

// packed is the size of what the repo-server streams of a directory of the
// repository: Argo CD's own code packs it.
func (m *measure) packed(ctx context.Context, dir string, globs []string) (Size, error) {
	key := dir + "\x00" + strings.Join(globs, "\x00")
	if known, ok := m.known[key]; ok {
		return known, nil
	}
	excluded := slices.Clone(globs)
	for _, glob := range m.ignored {
		switch rest, inside := strings.CutPrefix(glob, literal(dir)+"/"); {
		case dir == ".":
			excluded = append(excluded, glob)
		case inside:
			excluded = append(excluded, rest)
		}
	}
	counted := &counter{ended: ctx.Err}
	if _, err := files.Tgz(filepath.Join(m.Root, filepath.FromSlash(dir)), nil, excluded, counted); err != nil {
		if ctx.Err() != nil {
			return Size{}, fault.New(fault.Timeout, "the repository takes too long to pack").WithFix("name a smaller --repository, or exclude .git/*")
		}
		return Size{}, fault.New(fault.Path, "the repository cannot be packed: a file cannot be read, or a glob is none").In(dir, 0)
	}
	size := m.unpacked(dir, excluded)
	size.Packed = counted.bytes
	m.known[key] = size
	return size, nil
}

// counter counts what is written until it is ended.
type counter struct {
	ended func() error
	bytes int64
}

func (c *counter) Write(p []byte) (int, error) {
	if err := c.ended(); err != nil {
		return 0, err
	}
	c.bytes += int64(len(p))
	return len(p), nil
}

// tarBlock is what a header of an archive takes, and what content is filled up to.
const tarBlock = 512

// unpacked is the size of the archive before it is compressed.
func (m *measure) unpacked(dir string, globs []string) Size {
	var size Size
	base := filepath.Join(m.Root, filepath.FromSlash(dir))
	_ = filepath.WalkDir(base, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // packing has read it
		}
		name, err := filepath.Rel(base, file)
		if err != nil {
			return nil
		}
		for _, glob := range globs {
			if found, _ := filepath.Match(glob, name); !found {
				continue
			}
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		size.Entries++
		size.Unpacked += tarBlock
		if info, err := entry.Info(); err == nil && entry.Type().IsRegular() {
			size.Unpacked += (info.Size() + tarBlock - 1) / tarBlock * tarBlock
			if !source.Within(gitDir, filepath.ToSlash(name)) {
				size.Largest = max(size.Largest, info.Size())
			}
		}
		return nil
	})
	return size
}

// unread lists the topmost directories that no application reads.
func (m *measure) unread(apps []App) []Directory {
	var needed []string
	for _, app := range m.everyApplication(apps) {
		needed = append(needed, app.Reads...)
		if app.Root != "." && common(app.Reads) != app.Root {
			needed = append(needed, app.Root)
		}
	}
	var unread []Directory
	var taken []string
	for _, dir := range slices.Sorted(maps.Keys(m.sizes)) {
		reads := func(need string) bool { return source.Within(need, dir) || source.Within(dir, need) }
		inside := func(above string) bool { return source.Within(above, dir) }
		if dir == "." || slices.ContainsFunc(needed, reads) || slices.ContainsFunc(taken, inside) {
			continue
		}
		taken = append(taken, dir)
		unread = append(unread, Directory{Path: dir, Bytes: m.sizes[dir]})
	}
	slices.SortStableFunc(unread, func(a, b Directory) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return unread
}

// everyApplication adds those that were not asked for: globs hold for all of
// them.
func (m *measure) everyApplication(apps []App) []App {
	all := slices.Clone(apps)
	for _, dir := range m.deployed() {
		if !slices.ContainsFunc(apps, func(app App) bool { return app.Path == dir }) {
			all = append(all, App{Path: dir, Reads: m.reads(dir), Root: "."})
		}
	}
	return all
}

// exclusions are globs for the largest directories that nobody reads. Each
// application must render to the same objects without them.
func (m *measure) exclusions(ctx context.Context, answer Answer) []string {
	var globs, dirs []string
	for _, one := range answer.Unread {
		glob := literal(one.Path) + "/*"
		if one.Path == gitDir {
			glob = gitGlob
		}
		if one.Bytes < worthwhile || len(globs) == maxExclusions || slices.Contains(m.Excluded, glob) || slices.Contains(m.Excluded, one.Path) {
			continue
		}
		globs, dirs = append(globs, glob), append(dirs, one.Path)
	}
	if m.unchanged(ctx, answer.Apps, dirs) {
		return globs
	}
	if slices.Contains(globs, gitGlob) { // no renderer reads it
		return []string{gitGlob}
	}
	return nil
}

// unchanged tells whether applications render to the same objects without some
// directories.
func (m *measure) unchanged(ctx context.Context, apps []App, dirs []string) bool {
	rest := source.NewTree()
	for _, name := range m.tree.Files(".") {
		if !slices.ContainsFunc(dirs, func(dir string) bool { return source.Within(dir, name) }) {
			content, _ := m.tree.File(name)
			rest.Add(name, content)
		}
	}
	if rest.Len() == m.tree.Len() {
		return true
	}
	for _, app := range apps {
		if app.Fault != nil {
			continue
		}
		whole, err := m.render(ctx, m.tree, app.Path)
		if err != nil {
			return false
		}
		if part, err := m.render(ctx, rest, app.Path); err != nil || part != whole {
			return false
		}
	}
	return true
}
