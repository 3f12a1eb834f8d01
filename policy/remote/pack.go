package remote

import (
	"bytes"
	"encoding/binary"
	"io"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/memory"
)

// The bounds of what a pack may become.
const (
	maxObjects  = 50_000
	maxExpanded = 128 << 20
	maxEntries  = 20_000
	maxDepth    = 32
)

var errPack = refuse("fetch it with git to see whether the repository is sound", "what the server sends is no pack of Git")

// unpack returns the files of a commit at and below a directory. Objects are
// known by the hash of their content alone, so that nothing but the commit that
// was asked for is ever found under its name.
func unpack(pack []byte, commit, root string) (*files, error) {
	if err := measure(pack); err != nil {
		return nil, err
	}
	objects := memory.NewStorage()
	parser, err := packfile.NewParserWithStorage(packfile.NewScanner(bytes.NewReader(pack)), objects)
	if err != nil {
		return nil, errPack
	}
	if _, err := parser.Parse(); err != nil {
		return nil, errPack
	}
	of, err := object.GetCommit(objects, plumbing.NewHash(commit))
	if err != nil {
		return nil, refuse("name a commit that the repository has", "the server did not send the commit")
	}
	tree, err := of.Tree()
	if err == nil && root != "" && root != "." {
		tree, err = tree.Tree(root)
	}
	if err != nil {
		return nil, refuse("correct the path", "the commit has no directory %q", root)
	}
	w := walker{objects: objects, found: newFiles("")}
	return w.found, w.walk(tree, ".", 0)
}

// measure refuses a pack that would become too large: go-git allocates what the
// pack declares, and a few bytes of a delta can stand for any length.
func measure(pack []byte) error {
	scanner := packfile.NewScanner(bytes.NewReader(pack))
	_, count, err := scanner.Header()
	if err != nil {
		return errPack
	}
	large := refuse(tooLarge, "the commit has more than %d objects or %d bytes", maxObjects, maxExpanded)
	if count > maxObjects {
		return large
	}
	left := int64(maxExpanded)
	for range count {
		header, err := scanner.NextObjectHeader()
		if err != nil {
			return errPack
		}
		if header.Length < 0 || header.Length > left {
			return large
		}
		content := &head{left: header.Length}
		if _, _, err := scanner.NextObject(content); err != nil || content.left != 0 {
			return errPack
		}
		left -= header.Length
		if header.Type.IsDelta() {
			becomes, ok := content.becomes()
			if !ok {
				return errPack
			}
			if becomes > uint64(left) {
				return large
			}
			left -= int64(becomes)
		}
	}
	return nil
}

// head takes in exactly so many bytes and keeps the first.
type head struct {
	left  int64
	first []byte
}

func (h *head) Write(p []byte) (int, error) {
	if h.left -= int64(len(p)); h.left < 0 {
		return 0, io.ErrShortWrite
	}
	if keep := 2*binary.MaxVarintLen64 - len(h.first); keep > 0 {
		h.first = append(h.first, p[:min(keep, len(p))]...)
	}
	return len(p), nil
}

// becomes reads the second number of a delta: how large its result is.
func (h *head) becomes() (uint64, bool) {
	_, n := binary.Uvarint(h.first)
	if n <= 0 {
		return 0, false
	}
	size, n := binary.Uvarint(h.first[n:])
	return size, n > 0
}

// walker collects the files of a tree.
type walker struct {
	objects *memory.Storage
	found   *files
	entries int
}

func (w *walker) walk(tree *object.Tree, dir string, depth int) error {
	if depth > maxDepth {
		return refuse(tooLarge, "directories are nested more than %d deep", maxDepth)
	}
	for _, entry := range tree.Entries {
		if w.entries++; w.entries > maxEntries {
			return refuse(tooLarge, "the commit has more than %d files and directories", maxEntries)
		}
		if err := w.found.check(entry.Name, 0); err != nil || entry.Name == "." || strings.ContainsRune(entry.Name, '/') {
			return errPack
		}
		at := path.Join(dir, entry.Name)
		if err := w.enter(entry, at, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) enter(entry object.TreeEntry, at string, depth int) error {
	below, wanted := w.found.within(at)
	switch {
	case entry.Mode == filemode.Submodule:
		return refuse("copy its policies into the repository, or set path", "%q is a submodule, which is not fetched", at)
	case entry.Mode == filemode.Dir:
		tree, err := object.GetTree(w.objects, entry.Hash)
		if err != nil {
			return errPack
		}
		return w.walk(tree, at, depth+1)
	case !wanted:
		return nil
	case entry.Mode == filemode.Symlink:
		return refuse("commit the file itself", "%q is a symbolic link, which is not followed", at)
	}
	blob, err := object.GetBlob(w.objects, entry.Hash)
	if err != nil {
		return refuse(tooLarge, "the file %q was not sent: it may be larger than %d bytes", at, maxFileBytes)
	}
	if err := w.found.check(at, blob.Size); err != nil {
		return err
	}
	content, err := blob.Reader()
	if err != nil {
		return errPack
	}
	defer func() { _ = content.Close() }()
	body, err := io.ReadAll(content)
	if err != nil {
		return errPack
	}
	return w.found.add(below, body)
}
