package setup

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// File is one file to write.
type File struct {
	// Path is below the directory, with slashes.
	Path    string
	Content []byte
}

// Free refuses a directory in which something is already. What begins with a dot
// may be there, so that a fresh clone can be filled.
func Free(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || !info.IsDir() {
		return fault.New(fault.Path, "%s is there and is no directory", dir).WithFix("name another directory")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fault.New(fault.Path, "the directory %s cannot be read", dir)
	}
	var there []string
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			there = append(there, entry.Name())
		}
	}
	if len(there) == 0 {
		return nil
	}
	const shown = 12
	if len(there) > shown {
		there = append(there[:shown], "and more")
	}
	return fault.New(fault.Path, "the directory %s is not empty, and nothing is overwritten: %s", dir, strings.Join(there, ", ")).
		WithFix("name a new directory: argocd-seal init %s", filepath.ToSlash(filepath.Join(dir, "argocd-seal")))
}

// Write writes all files, or none: where one cannot be written, those before it
// and the directories made for them are taken away again. It overwrites nothing.
func Write(dir string, files []File) (err error) {
	if err := Free(dir); err != nil {
		return err
	}
	w := &writer{}
	defer func() {
		if err != nil {
			w.undo()
		}
	}()
	if err := w.directory(dir); err != nil {
		return err
	}
	for _, file := range files {
		if err := w.directory(filepath.Join(dir, filepath.FromSlash(path.Dir(file.Path)))); err != nil {
			return err
		}
		if err := w.file(filepath.Join(dir, filepath.FromSlash(file.Path)), file.Content); err != nil {
			return err
		}
	}
	return nil
}

// writer remembers what it made, in order.
type writer struct{ made []string }

func (w *writer) undo() {
	for _, path := range slices.Backward(w.made) {
		_ = os.Remove(path) // a directory in which something else is stays
	}
}

// directory makes a directory and those above it.
func (w *writer) directory(dir string) error {
	var missing []string
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil || !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
		missing = append(missing, at)
	}
	for _, at := range slices.Backward(missing) {
		if err := os.Mkdir(at, 0o755); err != nil {
			return unwritten(at, err)
		}
		w.made = append(w.made, at)
	}
	return nil
}

func (w *writer) file(name string, content []byte) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return unwritten(name, err)
	}
	w.made = append(w.made, name)
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err != nil {
		return unwritten(name, err)
	}
	return nil
}

func unwritten(name string, err error) error {
	reason := err
	var at *fs.PathError
	if errors.As(err, &at) {
		reason = at.Err
	}
	return fault.New(fault.Path, "%s cannot be written: %s; nothing was written", name, fault.Clean(reason.Error(), 200))
}
