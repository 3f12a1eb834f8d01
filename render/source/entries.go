package source

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Entry is one file, directory or symbolic link of a source that is neither an
// archive nor a directory of the file system, such as a commit's.
type Entry struct {
	// Name is the path below the root, separated by slashes.
	Name string
	// Dir and Link say what it is; where neither is set, it is a regular file.
	Dir, Link bool
	// Size is the number of bytes that Open gives. It is checked before Open is
	// called, and not believed.
	Size int64
	// Open gives the content of a file or the target of a link. It is not called
	// for directories.
	Open func() (io.ReadCloser, error)
}

// ReadEntries reads entries, in any order, into a tree, as [ReadArchive] reads
// those of an archive and under the same rules. ctx ends the reading between
// entries. An error of entries ends the reading and is returned as it is;
// others are faults, E_PATH where a content cannot be read.
func ReadEntries(ctx context.Context, entries iter.Seq2[Entry, error], limits Limits) (*Tree, error) {
	in := newIntake(limits.withDefaults())
	for entry, err := range entries {
		if err != nil {
			return nil, err
		}
		if ended := ctx.Err(); ended != nil {
			return nil, damaged(ended)
		}
		// Names are checked first: whoever walks into directories stops at the depth
		// that the limits allow, in what is dropped too.
		if err := checkName(entry.Name, in.limits); err != nil {
			return nil, err
		}
		if inGit(entry.Name) {
			continue
		}
		if err := in.addEntry(entry); err != nil {
			return nil, err
		}
	}
	return in.finish()
}

func (in *intake) addEntry(entry Entry) error {
	if entry.Dir {
		return in.addDir(entry.Name)
	}
	if entry.Size > in.limits.FileBytes {
		return in.spend(entry.Name, entry.Size)
	}
	content, err := entry.read(in.limits.FileBytes)
	if err != nil {
		return err
	}
	if entry.Link {
		return in.addLink(entry.Name, string(content))
	}
	if err := in.admitFile(entry.Name, int64(len(content))); err != nil {
		return err
	}
	in.tree.Add(entry.Name, content)
	return nil
}

// read reads one byte more than allowed at most, which admitFile refuses.
func (e Entry) read(limit int64) ([]byte, error) {
	opened, err := e.Open()
	if err != nil {
		return nil, e.unreadable(err)
	}
	defer func() { _ = opened.Close() }()
	content, err := io.ReadAll(io.LimitReader(opened, limit+1))
	if err != nil {
		return nil, e.unreadable(err)
	}
	return content, nil
}

// unreadable keeps a fault as it is.
func (e Entry) unreadable(err error) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return known
	}
	return unreadable(e.Name, err)
}
