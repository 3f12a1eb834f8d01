package chain

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	segmentPrefix = "trail-"
	segmentSuffix = ".jsonl"
	segmentDigits = 20
)

// Segment is one file of a trail.
type Segment struct {
	Path string
	// First is the seq of its first line, after its name.
	First uint64
	// Size is in bytes, at the time when it was listed.
	Size int64
}

// SegmentName returns the name of the file whose first line has that seq.
func SegmentName(first uint64) string {
	return fmt.Sprintf("%s%0*d%s", segmentPrefix, segmentDigits, first, segmentSuffix)
}

// ParseSegmentName is the inverse of SegmentName.
func ParseSegmentName(name string) (first uint64, ok bool) {
	digits, prefixed := strings.CutPrefix(name, segmentPrefix)
	digits, suffixed := strings.CutSuffix(digits, segmentSuffix)
	if !prefixed || !suffixed || len(digits) != segmentDigits || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, err == nil && first > 0
}

// Segments lists the files of the trail in a directory, oldest first. Other names
// are passed over.
func Segments(dir string) ([]Segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var segments []Segment
	for _, entry := range entries {
		first, ok := ParseSegmentName(entry.Name())
		if !ok || !entry.Type().IsRegular() {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // a writer has just deleted it
		}
		if err != nil {
			return nil, err
		}
		segments = append(segments, Segment{Path: filepath.Join(dir, entry.Name()), First: first, Size: info.Size()})
	}
	slices.SortFunc(segments, func(a, b Segment) int { return cmp.Compare(a.First, b.First) })
	return segments, nil
}
