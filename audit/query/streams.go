package query

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// segments are the files of a trail in its directory. Their names sort in the
// order in which they were written.
const segments = "trail-*.jsonl"

// Stream is a trail of one process: files whose events follow each other.
type Stream struct {
	files []file
	paths []string
}

// Paths returns where the trail is, for whoever wants to prove it: its directory,
// or single files. Standard input has none.
func (s Stream) Paths() []string { return s.paths }

type file struct {
	name string
	open func() (io.ReadCloser, error)
}

// Open finds the trails that paths name: the directory of a trail, a directory
// of such directories, single files, or - for standard input. Files of one
// directory are one trail, in the order of their names. Nothing is opened yet.
func Open(paths []string, stdin io.Reader) ([]Stream, error) {
	var streams []Stream
	single := map[string]int{}
	for _, path := range paths {
		if path == "-" {
			standard := file{name: "standard input", open: func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil }}
			streams = append(streams, Stream{files: []file{standard}})
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, fault.New(fault.Path, "there is no file or directory %s", fault.Clean(path, 200))
		}
		if info.IsDir() {
			found, err := directory(path)
			if err != nil {
				return nil, err
			}
			streams = append(streams, found...)
			continue
		}
		// What a shell made of trail/*.jsonl is one trail again.
		dir := filepath.Dir(path)
		at, known := single[dir]
		if !known {
			at, single[dir] = len(streams), len(streams)
			streams = append(streams, Stream{})
		}
		streams[at].files = append(streams[at].files, onDisk(path))
		streams[at].paths = append(streams[at].paths, path)
	}
	for _, at := range single {
		slices.SortFunc(streams[at].files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	}
	return streams, nil
}

// directory returns the trail in a directory and those in the directories in it:
// one for each replica.
func directory(dir string) ([]Stream, error) {
	streams, below, err := trail(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range below {
		found, _, err := trail(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		streams = append(streams, found...)
	}
	if len(streams) == 0 {
		return nil, fault.New(fault.Path, "there is no trail in %s", fault.Clean(dir, 200)).
			WithFix("name the directory with the files %s, or the files themselves", segments)
	}
	return streams, nil
}

// trail returns the trail that lies in a directory, if there is one, and the
// names of the directories in it.
func trail(dir string) (streams []Stream, below []string, err error) {
	// Sorted by name.
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fault.New(fault.Path, "the directory %s cannot be listed", fault.Clean(dir, 200))
	}
	found := Stream{paths: []string{dir}}
	for _, entry := range entries {
		if entry.IsDir() {
			below = append(below, entry.Name())
		} else if matched, _ := filepath.Match(segments, entry.Name()); matched {
			found.files = append(found.files, onDisk(filepath.Join(dir, entry.Name())))
		}
	}
	if len(found.files) > 0 {
		streams = append(streams, found)
	}
	return streams, below, nil
}

func onDisk(name string) file {
	return file{name: filepath.ToSlash(name), open: func() (io.ReadCloser, error) { return os.Open(name) }}
}
