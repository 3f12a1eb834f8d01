// Package watch tells when files change, as a person who edits them means it: a
// save is one change, however an editor writes the file.
package watch

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

const (
	// quiet is how long nothing must happen for a change to be over, and most how
	// long it may go on: editors write a file in several steps.
	quiet = 15 * time.Millisecond
	most  = 150 * time.Millisecond
	// again is how often a directory that has gone is looked for.
	again = 250 * time.Millisecond
)

// Config says what to watch.
type Config struct {
	// Root is watched with all directories below it, but for those that Skip names
	// and Git's own. It may go and come back.
	Root string
	// Skip leaves out files and directories by their slash-separated name below
	// Root; nil leaves out none.
	Skip func(name string, isDir bool) bool
	// More are other files and directories, each of which counts as a whole: below
	// Root, Skip does not leave them out. A file may be replaced, or not be there
	// yet.
	More []string
}

// Watcher watches files until it is closed. It is not safe for concurrent use.
type Watcher struct {
	config  Config
	system  *fsnotify.Watcher
	missing map[string]bool // what is to be watched and is not there
}

// New starts to watch. E_PATH says that Root cannot be watched, E_LIMIT that the
// system watches no more directories. Close must follow.
func New(config Config) (*Watcher, error) {
	system, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, unwatchable(config.Root, err)
	}
	w := &Watcher{config: config, system: system, missing: map[string]bool{}}
	for _, dir := range append([]string{config.Root}, config.More...) {
		if err := w.begin(dir); err != nil {
			_ = system.Close() // nothing was watched yet
			return nil, err
		}
	}
	return w, nil
}

// Close ends the watching.
func (w *Watcher) Close() error { return w.system.Close() }

// begin watches the root, or one of the others. What is not there is looked for
// again.
func (w *Watcher) begin(name string) error {
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		err = w.below(name)
	case name != w.config.Root:
		// An editor may put a new file in the place of a file, so that its
		// directory is what stays.
		err = w.system.Add(filepath.Dir(name))
	}
	if errors.Is(err, fs.ErrNotExist) {
		w.missing[name] = true
		return nil
	}
	delete(w.missing, name)
	return err
}

// below watches a directory and those below it. A directory is watched before it
// is listed, so that nothing comes into it unseen.
func (w *Watcher) below(dir string) error {
	if w.skips(dir, true) {
		return nil
	}
	if err := w.system.Add(dir); err != nil {
		if errors.Is(err, fs.ErrNotExist) && dir != w.config.Root {
			return nil // gone already
		}
		return unwatchable(dir, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil //nolint:nilerr // what cannot be listed says so when it is read
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := w.below(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// skips tells whether a file or directory does not count.
func (w *Watcher) skips(name string, isDir bool) bool {
	relative, err := filepath.Rel(w.config.Root, name)
	if err != nil || !filepath.IsLocal(relative) {
		return false
	}
	parts := strings.Split(filepath.ToSlash(relative), "/")
	if slices.Contains(parts, ".git") {
		return true
	}
	if relative == "." || w.config.Skip == nil || slices.ContainsFunc(w.config.More, func(more string) bool { return within(name, more) || within(more, name) }) {
		return false
	}
	// What lies above one of the others is watched and may be left out itself, with
	// all else in it.
	for i := range parts {
		if w.config.Skip(strings.Join(parts[:i+1], "/"), isDir || i+1 < len(parts)) {
			return true
		}
	}
	return false
}

// within tells whether name is dir, or lies below it.
func within(name, dir string) bool {
	return name == dir || strings.HasPrefix(name, dir+string(filepath.Separator))
}

// Next waits until files have changed and nothing more happens for a moment, and
// returns their names without repeats. It returns nil when ctx ends. What changes
// between two calls is not lost.
func (w *Watcher) Next(ctx context.Context) ([]string, error) {
	var changed []string
	var over, late <-chan time.Time
	for {
		var more []string
		var err error
		select {
		case <-ctx.Done():
			return nil, nil
		case <-over:
			return changed, nil
		case <-late:
			return changed, nil
		case <-w.comeback():
			more, err = w.returned()
		case event, ok := <-w.system.Events:
			if !ok {
				return nil, nil
			}
			more, err = w.see(event)
		case _, ok := <-w.system.Errors:
			if !ok {
				return nil, nil
			}
			// Events were lost: what changed is not known, but that something did.
			more, err = []string{w.config.Root}, w.begin(w.config.Root)
		}
		if err != nil {
			return nil, err
		}
		for _, name := range more {
			if !slices.Contains(changed, name) {
				changed = append(changed, name)
			}
		}
		if len(changed) > 0 {
			over = time.After(quiet)
			if late == nil {
				late = time.After(most)
			}
		}
	}
}

// returned looks for what is missing, and names what is there again.
func (w *Watcher) returned() ([]string, error) {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(w.missing)) {
		if err := w.begin(name); err != nil {
			return nil, err
		}
		if !w.missing[name] {
			found = append(found, name)
		}
	}
	return found, nil
}

// comeback fires where something is missing.
func (w *Watcher) comeback() <-chan time.Time {
	if len(w.missing) == 0 {
		return nil
	}
	return time.After(again)
}

// see looks at one event, and names what changed if it counts.
func (w *Watcher) see(event fsnotify.Event) ([]string, error) {
	if event.Op == fsnotify.Chmod {
		return nil, nil
	}
	info, err := os.Lstat(event.Name)
	isDir := err == nil && info.IsDir()
	if !w.ours(event.Name) || w.skips(event.Name, isDir) {
		return nil, nil
	}
	if event.Has(fsnotify.Remove) || event.Has(fsnotify.Rename) {
		w.gone(event.Name)
	}
	if event.Has(fsnotify.Create) {
		if isDir {
			return []string{event.Name}, w.below(event.Name)
		}
		delete(w.missing, event.Name)
	}
	return []string{event.Name}, nil
}

// ours tells whether an event is about what is watched: the directory of a single
// file holds others too.
func (w *Watcher) ours(name string) bool {
	for _, watched := range append([]string{w.config.Root}, w.config.More...) {
		if within(name, watched) {
			return true
		}
	}
	return false
}

// gone notes that something is to be looked for again. A file whose directory is
// still watched comes back by itself.
func (w *Watcher) gone(name string) {
	for _, watched := range append([]string{w.config.Root}, w.config.More...) {
		if within(watched, name) {
			w.missing[watched] = true
		}
	}
}

func unwatchable(dir string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EMFILE) {
		return fault.New(fault.Limit, "the system watches no more directories").
			WithFix("raise fs.inotify.max_user_watches and max_user_instances, or watch a smaller --root")
	}
	return fault.New(fault.Path, "%s cannot be watched: %s", fault.Clean(dir, 200), fault.Clean(reason(err), 200))
}

// reason is an error without the path that it repeats.
func reason(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}
