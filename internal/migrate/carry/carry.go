// Package carry carries a plan out: it writes the new content of files, all of
// them or none, each in one step.
package carry

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/bounded"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate"
)

// Options say what is written where.
type Options struct {
	// Root is the directory that the plan's names are below.
	Root string
	// PluginFile is where plugin.yaml goes; empty writes none. A file that is there
	// is never overwritten.
	PluginFile string
	// Force writes even where the Git work tree has changes of its own.
	Force bool
}

// Write writes a plan's files. Where one cannot be written none is changed. Its
// errors are faults: E_PATH for what cannot be written, for a work tree with
// changes of its own, and for a file that is another one than the plan was made
// from.
func Write(plan *migrate.Plan, options Options) error {
	if err := checkPluginFile(options); err != nil {
		return err
	}
	if !options.Force {
		if err := checkWorkTree(plan, options.Root); err != nil {
			return err
		}
	}
	var ready []staged
	defer func() {
		for _, one := range ready {
			_ = os.Remove(one.temporary) // where it was not put into place
			_ = os.Remove(one.former)
		}
	}()
	for _, change := range plan.Changes {
		one, err := stage(options.Root, change)
		if err != nil {
			return err
		}
		ready = append(ready, one)
	}
	return put(ready, plan, options)
}

// put brings all files into place, or takes back what it has done.
func put(ready []staged, plan *migrate.Plan, options Options) error {
	written, err := writePlugin(plan, options)
	if err != nil {
		return err
	}
	for done, one := range ready {
		err := os.Rename(one.temporary, one.name)
		if err == nil {
			continue
		}
		var kept []string
		for i := range ready[:done] {
			if ready[i].restore() != nil {
				kept = append(kept, ready[i].shown+", whose former content is in "+filepath.Base(ready[i].former))
				ready[i].former = "" // so that it stays
			}
		}
		if written && os.Remove(options.PluginFile) != nil {
			kept = append(kept, options.PluginFile)
		}
		problem := unwritable(one.shown, err)
		if len(kept) > 0 {
			problem.Message += "; this could not be taken back: " + fault.Clean(strings.Join(kept, ", "), 1000)
		}
		return problem
	}
	return nil
}

// staged is a file's new content beside it, and its former one to go back to.
type staged struct{ name, temporary, former, shown string }

// stage writes a new content beside its file, of the same mode.
func stage(root string, change migrate.Change) (staged, error) {
	name := filepath.Join(root, filepath.FromSlash(change.File))
	info, err := os.Lstat(name)
	if err != nil {
		return staged{}, unwritable(change.File, err)
	}
	if !info.Mode().IsRegular() {
		return staged{}, fault.New(fault.Path, "it is no regular file any more").In(change.File, 0)
	}
	if resolved, err := filepath.EvalSymlinks(filepath.Dir(name)); err != nil || !below(resolved, root) {
		return staged{}, fault.New(fault.Path, "its directory is a link that leads out of the repository").In(change.File, 0)
	}
	current, err := bounded.ReadFile(name, int64(len(change.Before)))
	if err != nil || !bytes.Equal(current, change.Before) {
		return staged{}, fault.New(fault.Path, "the file has changed since it was read, so that nothing is written").In(change.File, 0).WithFix("migrate again")
	}
	one := staged{name: name, shown: change.File}
	if one.temporary, err = beside(name, change.After, info.Mode().Perm()); err != nil {
		return staged{}, unwritable(change.File, err)
	}
	if one.former, err = beside(name, change.Before, info.Mode().Perm()); err != nil {
		_ = os.Remove(one.temporary)
		return staged{}, unwritable(change.File, err)
	}
	return one, nil
}

// beside writes a file of another name into a file's directory.
func beside(name string, content []byte, mode fs.FileMode) (string, error) {
	file, err := os.CreateTemp(filepath.Dir(name), ".argocd-seal-*")
	if err != nil {
		return "", err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Chmod(mode), file.Sync(), file.Close()); err != nil {
		_ = os.Remove(file.Name())
		return "", err
	}
	return file.Name(), nil
}

// below tells whether a directory is root or lies in it.
func below(dir, root string) bool {
	if resolved, err := filepath.EvalSymlinks(root); err == nil {
		root = resolved
	}
	relative, err := filepath.Rel(root, dir)
	return err == nil && filepath.IsLocal(relative)
}

// restore puts the former content back, in one step and without a need for space.
func (s staged) restore() error { return os.Rename(s.former, s.name) }

// checkPluginFile refuses to overwrite a file, before anything is written.
func checkPluginFile(options Options) error {
	if options.PluginFile == "" {
		return nil
	}
	_, err := os.Lstat(options.PluginFile)
	switch {
	case err == nil:
		return fault.New(fault.Path, "the file is there already and is not overwritten").In(options.PluginFile, 0).WithFix("name another file with --plugin-yaml, and take over what is new")
	case !errors.Is(err, fs.ErrNotExist):
		return unwritable(options.PluginFile, err)
	}
	return nil
}

// writePlugin writes plugin.yaml, which must not be there, and tells whether there
// was one to write.
func writePlugin(plan *migrate.Plan, options Options) (bool, error) {
	if options.PluginFile == "" || len(plan.Plugin) == 0 {
		return false, nil
	}
	file, err := os.OpenFile(options.PluginFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return false, unwritable(options.PluginFile, err)
	}
	_, err = file.Write(plan.Plugin)
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(options.PluginFile)
		return false, unwritable(options.PluginFile, err)
	}
	return true, nil
}

// unwritable gives the system's reason without its path.
func unwritable(name string, err error) *fault.Error {
	reason := err
	var at *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &at):
		reason = at.Err
	case errors.As(err, &link):
		reason = link.Err
	}
	return fault.New(fault.Path, "cannot be written: %s", fault.Clean(reason.Error(), 200)).In(name, 0)
}
