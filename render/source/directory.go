package source

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// ReadDirectory reads a directory of the local file system into a tree, as
// [ReadArchive] reads an archive and under the same rules, so that a laptop and
// the sidecar see the same source. As the repo-server does, it leaves out what
// is neither file, directory nor symbolic link. The file system is read below
// root only, even while others change it. ctx ends the reading between files.
//
// Errors are faults, E_PATH where root or something below it cannot be read.
func ReadDirectory(ctx context.Context, root string, limits Limits, skip Skip) (*Tree, error) {
	limits = limits.withDefaults()
	opened, err := os.OpenRoot(root)
	if err != nil {
		return nil, unreadable(".", err)
	}
	// Closing a directory that was only read loses nothing.
	defer func() { _ = opened.Close() }()

	in := newIntake(limits)
	err = fs.WalkDir(opened.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if ended := ctx.Err(); ended != nil {
			return damaged(ended)
		}
		if err != nil {
			return unreadable(name, err)
		}
		if inGit(name) || skip != nil && name != "." && skip(name, entry.IsDir()) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		return addLocal(in, opened, name, entry.Type())
	})
	if err != nil {
		return nil, err
	}
	return in.finish()
}

func addLocal(in *intake, root *os.Root, name string, mode fs.FileMode) error {
	if !mode.IsRegular() && mode.Type() != fs.ModeDir && mode.Type() != fs.ModeSymlink {
		return nil
	}
	if err := checkName(name, in.limits); err != nil {
		return err
	}
	switch mode.Type() {
	case fs.ModeDir:
		return in.addDir(name)
	case fs.ModeSymlink:
		target, err := root.Readlink(name)
		if err != nil {
			return unreadable(name, err)
		}
		return in.addLink(name, target)
	}
	content, err := readLocal(root, name, in.limits)
	if err != nil {
		return err
	}
	if err := in.admitFile(name, int64(len(content))); err != nil {
		return err
	}
	in.tree.Add(name, content)
	return nil
}

// readLocal reads one regular file; one byte more than allowed shows that it is
// too large, whatever its size was when it was opened.
func readLocal(root *os.Root, name string, limits Limits) ([]byte, error) {
	file, err := root.Open(name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, limits.FileBytes+1))
	if err != nil {
		return nil, unreadable(name, err)
	}
	return content, nil
}

// unreadable names the reason without the absolute path that the operating
// system's error holds.
func unreadable(name string, err error) *fault.Error {
	reason := err
	var at *fs.PathError
	if errors.As(err, &at) {
		reason = at.Err
	}
	return fault.New(fault.Path, "cannot be read: %s", fault.Clean(reason.Error(), 200)).In(name, 0)
}
