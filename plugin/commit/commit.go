// Package commit finds one commit in the Git directory that a repo-server
// streams together with a repository. It reads while the archive passes by and
// keeps nothing else, so that a large history costs no memory.
package commit

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1" //nolint:gosec // the hash that Git names commits by
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Commit is what a commit says of itself. Both are as somebody wrote them:
// clean and bound them before they are shown.
type Commit struct {
	// Author is a name and a mail address, such as "Ada <ada@example.com>".
	Author string
	// Subject is the first line of the message.
	Subject string
}

// maxCommit bounds a commit, in bytes. Messages that are longer belong to no
// person.
const maxCommit = 64 << 10

const objects = ".git/objects/"

// Finder looks for one commit among the files of a Git directory. A file that is
// not what Git writes, a commit that is too long, and one that a pack holds as a
// difference from another are passed over: who made a commit is told where it is
// known, and nothing depends on it. A nil Finder finds nothing. It is not safe
// for concurrent use.
type Finder struct {
	hash  []byte
	loose string
	// offsets is where packs hold the commit, by the pack's name.
	offsets map[string]int64
	found   *Commit
}

// NewFinder returns a finder for the commit of this name, 40 hexadecimal digits,
// and nil for any other text.
func NewFinder(revision string) *Finder {
	hash, err := hex.DecodeString(revision)
	if err != nil || len(hash) != sha1.Size {
		return nil
	}
	revision = hex.EncodeToString(hash)
	return &Finder{hash: hash, loose: objects + revision[:2] + "/" + revision[2:], offsets: map[string]int64{}}
}

// See takes a file of the archive, in the archive's order, in which the index of
// a pack comes before the pack. It reads as much of the content as it needs.
func (f *Finder) See(name string, content io.Reader) {
	if f == nil || f.found != nil {
		return
	}
	pack, packed := strings.CutPrefix(name, objects+"pack/")
	switch {
	case name == f.loose:
		f.found = f.inflate(content, false)
	case packed && strings.HasSuffix(pack, ".idx"):
		if offset, ok := locate(content, f.hash); ok {
			f.offsets[strings.TrimSuffix(pack, ".idx")] = offset
		}
	case packed && strings.HasSuffix(pack, ".pack"):
		if offset, ok := f.offsets[strings.TrimSuffix(pack, ".pack")]; ok && whole(content, offset) {
			f.found = f.inflate(content, true)
		}
	}
}

// Commit returns the commit, and false where it was not found.
func (f *Finder) Commit() (Commit, bool) {
	if f == nil || f.found == nil {
		return Commit{}, false
	}
	return *f.found, true
}

// inflate reads the commit, which has a header of its own outside of packs. It
// counts only where it has the name that is looked for.
func (f *Finder) inflate(content io.Reader, packed bool) *Commit {
	inflated, err := zlib.NewReader(content)
	if err != nil {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(inflated, maxCommit+1))
	if err != nil || len(text) > maxCommit {
		return nil
	}
	if packed {
		text = append(fmt.Appendf(nil, "commit %d\x00", len(text)), text...)
	}
	sum := sha1.Sum(text) //nolint:gosec // the hash that Git names commits by
	_, body, ok := bytes.Cut(text, []byte{0})
	if !ok || !bytes.Equal(sum[:], f.hash) {
		return nil
	}
	return parse(body)
}

// parse fences the library: a server that sends repositories can name a commit as
// it likes, and must not end the process with one.
func parse(body []byte) (found *Commit) {
	defer func() {
		if recover() != nil {
			found = nil
		}
	}()
	stored := &plumbing.MemoryObject{}
	stored.SetType(plumbing.CommitObject)
	if _, err := stored.Write(body); err != nil {
		return nil
	}
	var commit object.Commit
	if err := commit.Decode(stored); err != nil {
		return nil
	}
	subject, _, _ := strings.Cut(strings.TrimLeft(commit.Message, "\n"), "\n")
	return &Commit{Author: fmt.Sprintf("%s <%s>", commit.Author.Name, commit.Author.Email), Subject: subject}
}
