package commit

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
)

const (
	hashSize = 20
	// commitType is that of an object in a pack.
	commitType = 1
	// large marks an offset that stands in the table of those with 8 bytes.
	large = 1 << 31
)

// indexHeader begins the index of a pack in version 2, which Git has written
// since 2008: https://git-scm.com/docs/gitformat-pack.
var indexHeader = []byte{0xff, 't', 'O', 'c', 0, 0, 0, 2}

// locate reads an index of a pack, once from its beginning, and returns where
// the pack holds an object.
func locate(content io.Reader, hash []byte) (offset int64, ok bool) {
	index := &index{from: bufio.NewReader(content)}
	if !bytes.Equal(index.next(int64(len(indexHeader))), indexHeader) {
		return 0, false
	}
	// For each first byte, how many objects have it or a smaller one.
	counts := index.next(256 * 4)
	if index.failed {
		return 0, false
	}
	count := func(first int) int64 {
		if first < 0 {
			return 0
		}
		return int64(binary.BigEndian.Uint32(counts[4*first:]))
	}
	from, to, all := count(int(hash[0])-1), count(int(hash[0])), count(255)
	index.skip(from * hashSize)
	at := from
	for at < to && !index.failed && !bytes.Equal(index.next(hashSize), hash) {
		at++
	}
	if at >= to || index.failed {
		return 0, false
	}
	// The other names, a checksum of each object, and the offsets before.
	index.skip((all-at-1)*hashSize + all*4 + at*4)
	offset = int64(index.number(4))
	if offset&large != 0 {
		index.skip((all-at-1)*4 + (offset&^large)*8)
		offset = int64(index.number(8)) //nolint:gosec // a negative one is refused
	}
	return offset, !index.failed && offset > 0
}

// index reads forwards, and remembers that something was missing.
type index struct {
	from   *bufio.Reader
	buffer [256 * 4]byte
	failed bool
}

// next returns the next bytes, at most 1 KiB. They are valid until the next call.
func (x *index) next(size int64) []byte {
	part := x.buffer[:size]
	if _, err := io.ReadFull(x.from, part); err != nil {
		x.failed = true
	}
	return part
}

func (x *index) number(size int64) uint64 {
	var number uint64
	for _, digit := range x.next(size) {
		number = number<<8 | uint64(digit)
	}
	return number
}

func (x *index) skip(size int64) {
	if size < 0 || x.failed {
		x.failed = true
		return
	}
	if _, err := io.CopyN(io.Discard, x.from, size); err != nil {
		x.failed = true
	}
}

// whole skips a pack up to an object, and tells whether a whole commit follows.
func whole(content io.Reader, offset int64) bool {
	if _, err := io.CopyN(io.Discard, content, offset); err != nil {
		return false
	}
	// The type stands in the first byte; the size, which inflating tells as well,
	// goes on as long as the highest bit is set.
	for first, digits := true, 0; digits < 10; digits++ {
		var one [1]byte
		if _, err := io.ReadFull(content, one[:]); err != nil || first && one[0]>>4&7 != commitType {
			return false
		}
		if first = false; one[0]&0x80 == 0 {
			return true
		}
	}
	return false
}
