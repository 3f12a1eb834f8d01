package bundle

import (
	"os"
	"path/filepath"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Local returns the file or the directory at path as a source.
func Local(path string) (Source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Source{}, fault.New(fault.PolicyLoad, "it cannot be read: %s", cause(err)).In(path, 0)
	}
	if info.IsDir() {
		return Dir(path), nil
	}
	dir, name := filepath.Split(path)
	body, err := readFile(os.DirFS(filepath.Clean(dir)), name)
	if err != nil {
		return Source{}, fault.New(fault.PolicyLoad, "the file cannot be read: %s", cause(err)).In(path, 0)
	}
	return Source{Name: filepath.Clean(dir), Files: map[string][]byte{name: body}}, nil
}

// Locals returns the files and directories at paths as sources.
func Locals(paths []string) ([]Source, error) {
	var sources []Source
	var faults fault.List
	for _, path := range paths {
		source, err := Local(path)
		if err != nil {
			faults = append(faults, fault.Of(err)...)
			continue
		}
		sources = append(sources, source)
	}
	return sources, faults.OrNil()
}
