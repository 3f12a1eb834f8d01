// Package carry carries a plan out: it writes the new content of files, all of
// them or none, each in one step.
package carry

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

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
		}
	}()
	for _, change := range plan.Changes {
		one, err := stage(options.Root, change)
		if err != nil {
			return err
		}
		ready = append(ready, one)
	}
	if err := writePlugin(plan, options); err != nil {
		return err
	}
	for done, one := range ready {
		if err := os.Rename(one.temporary, one.name); err != nil {
			for _, former := range ready[:done] {
				former.restore()
			}
			return unwritable(one.shown, err)
		}
	}
	return nil
}

// staged is a file's new content beside it.
type staged struct {
	name, temporary, shown string
	mode                   fs.FileMode
	before                 []byte
}

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
	temporary, err := os.CreateTemp(filepath.Dir(name), ".argocd-seal-*")
	if err != nil {
		return staged{}, unwritable(change.File, err)
	}
	one := staged{name: name, temporary: temporary.Name(), shown: change.File, mode: info.Mode().Perm(), before: change.Before}
	_, err = temporary.Write(change.After)
	err = errors.Join(err, temporary.Chmod(one.mode), temporary.Sync(), temporary.Close())
	if err != nil {
		_ = os.Remove(one.temporary)
		return staged{}, unwritable(change.File, err)
	}
	return one, nil
}

// below tells whether a directory is root or lies in it.
func below(dir, root string) bool {
	if resolved, err := filepath.EvalSymlinks(root); err == nil {
		root = resolved
	}
	relative, err := filepath.Rel(root, dir)
	return err == nil && filepath.IsLocal(relative)
}

// restore puts the former content back, as well as that can be done.
func (s staged) restore() { _ = os.WriteFile(s.name, s.before, s.mode) }

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

// writePlugin writes plugin.yaml, which must not be there.
func writePlugin(plan *migrate.Plan, options Options) error {
	if options.PluginFile == "" || len(plan.Plugin) == 0 {
		return nil
	}
	file, err := os.OpenFile(options.PluginFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return unwritable(options.PluginFile, err)
	}
	_, err = file.Write(plan.Plugin)
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(options.PluginFile)
		return unwritable(options.PluginFile, err)
	}
	return nil
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
