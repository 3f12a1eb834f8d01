package source

import (
	"archive/tar"
	"errors"
	"io"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// ReadArchive reads a gzipped tar archive, as the repo-server streams it, into
// a tree. Nothing is written to disk, and what the archive claims about itself
// is not believed.
//
// The archive is one gzip member that holds one tar archive, and nothing
// follows either. Its entries are regular files, directories and symbolic links
// (see [Limits] for how many); a pax global header, as git archive writes it, is
// refused too, because the repo-server writes none and its records would change
// every entry after it. Git directories are dropped. A symbolic link becomes a
// copy of the regular file that it leads to and is refused where it leads to
// anything else.
//
// Errors are faults: E_STREAM, E_LIMIT, E_ARCHIVE_PATH, E_ARCHIVE_LINK,
// E_ARCHIVE_TYPE, E_ARCHIVE_DUP; a fault that r returns passes through. On an
// error there is no tree.
func ReadArchive(r io.Reader, limits Limits, options ...Option) (*Tree, error) {
	return readArchive(r, limits, true, options)
}

// Option changes how an archive is read.
type Option func(*intake)

// WithGit shows the regular files of the root's Git directory, such as
// ".git/HEAD", to see before they are dropped. What it reads of a content is
// bounded as the archive is.
func WithGit(see func(name string, content io.Reader)) Option {
	return func(in *intake) { in.git = see }
}

// ScanNames reads an archive as [ReadArchive] does and under the same rules,
// but keeps names only: the content of every file is nil. Matching a repository
// against discovery rules needs no more.
func ScanNames(r io.Reader, limits Limits, options ...Option) (*Tree, error) {
	return readArchive(r, limits, false, options)
}

func readArchive(r io.Reader, limits Limits, keep bool, options []Option) (*Tree, error) {
	limits = limits.withDefaults()
	expanded, err := newExpandedReader(r, limits)
	if err != nil {
		return nil, err
	}
	in := newIntake(limits)
	for _, option := range options {
		option(in)
	}
	archive := tar.NewReader(expanded)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		// The tar package may be told through GODEBUG to refuse names by itself;
		// addEntry knows better which.
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return nil, damaged(err)
		}
		if err := addEntry(in, archive, header, keep); err != nil {
			return nil, err
		}
	}
	if err := expanded.end(); err != nil {
		return nil, err
	}
	tree, err := in.finish()
	if err != nil {
		return nil, err
	}
	if tree.Len() == 0 {
		return nil, fault.New(fault.Stream, "the archive holds no files").WithFix(streamFix)
	}
	return tree, nil
}

// addEntry adds the entry that archive stands at.
func addEntry(in *intake, archive io.Reader, header *tar.Header, keep bool) error {
	if err := checkType(header); err != nil {
		return err
	}
	name, err := entryName(header.Name, header.Typeflag == tar.TypeDir, in.limits)
	if err != nil {
		return err
	}
	// What is dropped costs only the time to decompress it, which ExpandedBytes
	// bounds: pack files may be larger than any file that is kept.
	if inGit(name) {
		if in.git != nil && header.Typeflag == tar.TypeReg && strings.HasPrefix(name, ".git/") {
			in.git(name, archive)
		}
		return nil
	}
	switch header.Typeflag {
	case tar.TypeDir:
		return in.addDir(name)
	case tar.TypeSymlink:
		return in.addLink(name, header.Linkname)
	}
	if err := in.admitFile(name, header.Size); err != nil {
		return err
	}
	if !keep {
		in.tree.Add(name, nil)
		return nil
	}
	// The size is bounded by now, and an archive that holds fewer bytes than it
	// claims ends here: one file's worth of memory is the most it can waste.
	content := make([]byte, header.Size)
	if _, err := io.ReadFull(archive, content); err != nil {
		return damaged(err)
	}
	in.tree.Add(name, content)
	return nil
}

// checkType allows what a Git checkout consists of. Everything else, such as
// devices, hard links and sparse files, has no use in a source.
func checkType(header *tar.Header) error {
	switch header.Typeflag {
	case tar.TypeReg, tar.TypeDir, tar.TypeSymlink:
	default:
		return fault.New(fault.ArchiveType, "an entry of type %q is neither file, directory nor symbolic link",
			header.Typeflag).In(header.Name, 0).WithFix(typeFix)
	}
	for key := range header.PAXRecords {
		if !plainRecords[key] {
			return fault.New(fault.ArchiveType, "an entry has an extended header record that no plain file needs").
				In(header.Name, 0).WithFix(typeFix)
		}
	}
	return nil
}

const typeFix = "remove it from the repository"

// plainRecords are the pax records that say nothing but what an ordinary header
// says. Others describe sparse files, attributes and character sets.
var plainRecords = map[string]bool{
	"path": true, "linkpath": true, "size": true,
	"mtime": true, "atime": true, "ctime": true,
	"uid": true, "gid": true, "uname": true, "gname": true,
	"comment": true,
}
