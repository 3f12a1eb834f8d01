package remote

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/memory"
)

// entry is one object of a pack, which may lie about its length.
type entry struct {
	kind   plumbing.ObjectType
	length int64
	base   plumbing.Hash
	body   []byte
}

func pack(count uint32, entries ...entry) []byte {
	var b bytes.Buffer
	b.WriteString("PACK")
	_ = binary.Write(&b, binary.BigEndian, []uint32{2, count})
	for _, e := range entries {
		first, rest := byte(e.kind)<<4|byte(e.length&15), e.length>>4
		for ; rest > 0; rest >>= 7 {
			b.WriteByte(first | 0x80)
			first = byte(rest & 0x7f)
		}
		b.WriteByte(first)
		if e.kind == plumbing.REFDeltaObject {
			b.Write(e.base[:])
		}
		w := zlib.NewWriter(&b)
		_, _ = w.Write(e.body)
		_ = w.Close()
	}
	return b.Bytes()
}

// A pack that lies, or that would become much larger than it is, is refused
// before go-git allocates what it declares.
func TestHostilePacks(t *testing.T) {
	blob := func(length int64, body []byte) entry {
		return entry{kind: plumbing.BlobObject, length: length, body: body}
	}
	delta := func(becomes uint64) entry {
		body := binary.AppendUvarint(binary.AppendUvarint(nil, 4), becomes)
		return entry{kind: plumbing.REFDeltaObject, length: int64(len(body)), body: body}
	}
	zeros := make([]byte, maxExpanded/2+1)
	large := "more than 50000 objects or 134217728 bytes"
	tests := map[string]struct {
		pack []byte
		want string
	}{
		"nothing":                        {nil, "no pack"},
		"no pack":                        {[]byte("<html>"), "no pack"},
		"four billion objects":           {pack(1<<32 - 1), large},
		"fewer objects than it says":     {pack(2, blob(1, []byte("a"))), "no pack"},
		"an object of an exabyte":        {pack(1, blob(1<<60, nil)), "no pack"},
		"an object of two bounds":        {pack(1, blob(2*maxExpanded, nil)), large},
		"an object longer than it says":  {pack(1, blob(1, []byte("ab"))), "no pack"},
		"an object shorter than it says": {pack(1, blob(3, []byte("ab"))), "no pack"},
		"zeros":                          {pack(2, blob(int64(len(zeros)), zeros), blob(int64(len(zeros)), zeros)), large},
		"a delta of an exabyte":          {pack(1, delta(1<<60)), large},
		"a delta of more than there is":  {pack(1, delta(1<<63+1)), large},
		"many deltas":                    {pack(2, delta(maxExpanded/2+1), delta(maxExpanded/2+1)), large},
		"a delta without a length":       {pack(1, entry{kind: plumbing.REFDeltaObject}), "no pack"},
		"a delta of nothing there":       {pack(1, delta(4)), "no pack"},
		"another commit":                 {pack(1, blob(1, []byte("a"))), "did not send the commit"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := unpack(test.pack, strings.Repeat("1", 40), ""); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// treePack returns a pack with a commit of a tree, and the commit.
func treePack(t *testing.T, grow func(store func(plumbing.EncodedObject) plumbing.Hash) plumbing.Hash) (packed []byte, commit string) {
	t.Helper()
	objects := memory.NewStorage()
	var all []plumbing.Hash
	store := func(o plumbing.EncodedObject) plumbing.Hash {
		hash, err := objects.SetEncodedObject(o)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, hash)
		return hash
	}
	made := &plumbing.MemoryObject{}
	if err := (&object.Commit{TreeHash: grow(store)}).Encode(made); err != nil {
		t.Fatal(err)
	}
	commit = store(made).String()
	var b bytes.Buffer
	if _, err := packfile.NewEncoder(&b, objects, false).Encode(all, 0); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), commit
}

// tree encodes entries as they are; go-git would refuse some names.
func tree(entries ...object.TreeEntry) plumbing.EncodedObject {
	made := &plumbing.MemoryObject{}
	made.SetType(plumbing.TreeObject)
	for _, e := range entries {
		mode := map[filemode.FileMode]string{filemode.Dir: "40000", filemode.Regular: "100644"}[e.Mode]
		_, _ = made.Write(append([]byte(mode+" "+e.Name+"\x00"), e.Hash[:]...))
	}
	return made
}

func TestHostileTrees(t *testing.T) {
	tests := map[string]struct {
		grow func(store func(plumbing.EncodedObject) plumbing.Hash) plumbing.Hash
		want string
	}{
		"directories that repeat": {func(store func(plumbing.EncodedObject) plumbing.Hash) plumbing.Hash {
			below := store(tree())
			for range 12 {
				var entries []object.TreeEntry
				for _, name := range "abcdefghij" {
					entries = append(entries, object.TreeEntry{Name: string(name), Mode: filemode.Dir, Hash: below})
				}
				below = store(tree(entries...))
			}
			return below
		}, "more than 20000 files and directories"},
		"directories without end": {func(store func(plumbing.EncodedObject) plumbing.Hash) plumbing.Hash {
			below := store(tree())
			for range 100 {
				below = store(tree(object.TreeEntry{Name: "a", Mode: filemode.Dir, Hash: below}))
			}
			return below
		}, "more than 32 deep"},
	}
	for _, name := range []string{"..", ".", "a/b.rego", "../a.rego", "/a.rego", `a\b.rego`} {
		test := tests["directories without end"]
		test.want = "no pack"
		test.grow = func(store func(plumbing.EncodedObject) plumbing.Hash) plumbing.Hash {
			return store(tree(object.TreeEntry{Name: name, Mode: filemode.Dir, Hash: store(tree())}))
		}
		tests["the name "+name] = test
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			packed, commit := treePack(t, test.grow)
			if _, err := unpack(packed, commit, ""); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
