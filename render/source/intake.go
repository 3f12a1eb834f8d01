package source

import (
	"io"
	"maps"
	"path"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// intake builds a tree from entries in any order. It refuses what two readers
// could understand in two ways: names that come twice, files that are also
// directories, and symbolic links that lead anywhere but to a file.
type intake struct {
	limits Limits
	tree   *Tree
	// links holds each symbolic link's target, until finish resolves them.
	links map[string]string
	// listed holds the directories that have an entry of their own.
	listed map[string]bool
	// sizes holds each file's size, also where its content is not kept.
	sizes map[string]int64

	// git is shown the Git directory's files; nil is shown none.
	git func(name string, content io.Reader)

	entries    int
	namesBytes int64
	fileBytes  int64
}

func newIntake(limits Limits) *intake {
	return &intake{
		limits: limits, tree: NewTree(),
		links: map[string]string{}, listed: map[string]bool{}, sizes: map[string]int64{},
	}
}

// addDir takes a directory's entry. The root may have one too.
func (in *intake) addDir(name string) error {
	if err := in.claim(name); err != nil {
		return err
	}
	in.listed[name] = true
	in.tree.AddDir(name)
	return nil
}

// admitFile takes the name and size of a file, before its content is read: the
// caller then adds the file to the tree.
func (in *intake) admitFile(name string, size int64) error {
	if in.tree.HasDir(name) {
		return fault.New(fault.ArchiveDup, "a path is both a file and a directory").In(name, 0).WithFix(dupFix)
	}
	if err := in.claim(name); err != nil {
		return err
	}
	in.sizes[name] = size
	return in.spend(name, size)
}

// addLink takes a symbolic link, which finish replaces by a file.
func (in *intake) addLink(name, target string) error {
	if in.tree.HasDir(name) && !in.listed[name] {
		return badLink(name, "entries lie below a symbolic link")
	}
	if err := in.claim(name); err != nil {
		return err
	}
	in.links[name] = target
	in.tree.AddDir(path.Dir(name))
	return nil
}

// spend counts the bytes of one file.
func (in *intake) spend(name string, size int64) error {
	if size > in.limits.FileBytes {
		return overLimit("fileBytes", "a file is larger than %d bytes", in.limits.FileBytes).In(name, 0)
	}
	in.fileBytes += size
	if in.fileBytes > in.limits.ExpandedBytes {
		return overLimit("expandedBytes", "the files are larger than %d bytes together", in.limits.ExpandedBytes)
	}
	return nil
}

// claim counts an entry and refuses a name that is taken, or that lies below
// something other than a directory.
func (in *intake) claim(name string) error {
	in.entries++
	in.namesBytes += int64(len(name))
	_, file := in.tree.File(name)
	_, link := in.links[name]
	switch {
	case in.entries > in.limits.Entries:
		return overLimit("entries", "there are more than %d files and directories", in.limits.Entries)
	case in.namesBytes > in.limits.NamesBytes:
		return overLimit("namesBytes", "the names are longer than %d bytes together", in.limits.NamesBytes)
	case file || link || in.listed[name]:
		return fault.New(fault.ArchiveDup, "two entries have this name").In(name, 0).WithFix(dupFix)
	}
	for dir := path.Dir(name); !in.tree.HasDir(dir); dir = path.Dir(dir) {
		if _, file := in.tree.File(dir); file {
			return fault.New(fault.ArchiveDup, "a path is both a file and a directory").In(dir, 0).WithFix(dupFix)
		}
		if _, link := in.links[dir]; link {
			return badLink(dir, "entries lie below a symbolic link")
		}
	}
	return nil
}

const dupFix = "remove one of the two from the repository"

// finish replaces the links by the files that they lead to and returns the
// tree. All links that lead nowhere are reported together.
func (in *intake) finish() (*Tree, error) {
	var faults fault.List
	resolved := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(in.links)) {
		target, problem := in.follow(name)
		if problem != nil {
			faults = append(faults, problem)
			continue
		}
		if err := in.spend(name, in.sizes[target]); err != nil {
			return nil, err
		}
		resolved[name], _ = in.tree.File(target)
	}
	if err := faults.OrNil(); err != nil {
		return nil, err
	}
	for name, content := range resolved {
		in.tree.Add(name, content)
	}
	return in.tree, nil
}
