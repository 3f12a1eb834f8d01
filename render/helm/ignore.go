package helm

import (
	"bytes"
	"io/fs"
	"path"
	"strings"
	"time"

	"helm.sh/helm/v3/pkg/ignore"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// ignorer applies a chart's .helmignore as Helm does when it walks a directory:
// an ignored directory takes all that is below it along.
type ignorer struct {
	rules *ignore.Rules
	dirs  map[string]bool
}

func newIgnorer(tree *source.Tree, dir string) (*ignorer, error) {
	rules := ignore.Empty()
	file := path.Join(dir, ignore.HelmIgnore)
	if content, ok := tree.File(file); ok {
		parsed, err := ignore.Parse(bytes.NewReader(content))
		if err != nil {
			return nil, fault.New(fault.Chart, "a pattern cannot be used: %s", fault.Clean(err.Error(), 128)).In(file, 0)
		}
		rules = parsed
	}
	rules.AddDefaults()
	return &ignorer{rules: rules, dirs: map[string]bool{".": false}}, nil
}

// file tells whether a file, or a directory above it, is ignored.
func (i *ignorer) file(name string) bool {
	return i.dir(path.Dir(name)) || i.rules.Ignore(name, nodeInfo{name: name})
}

func (i *ignorer) dir(name string) bool {
	ignored, known := i.dirs[name]
	if !known {
		ignored = i.dir(path.Dir(name)) || i.rules.Ignore(name, nodeInfo{name: name, dir: true})
		i.dirs[name] = ignored
	}
	return ignored
}

// nodeInfo is as much of a file's description as ignore rules look at.
type nodeInfo struct {
	name string
	dir  bool
}

func (n nodeInfo) Name() string       { return path.Base(strings.TrimSuffix(n.name, "/")) }
func (n nodeInfo) IsDir() bool        { return n.dir }
func (n nodeInfo) Size() int64        { return 0 }
func (n nodeInfo) ModTime() time.Time { return time.Time{} }
func (n nodeInfo) Sys() any           { return nil }
func (n nodeInfo) Mode() fs.FileMode {
	if n.dir {
		return fs.ModeDir
	}
	return 0
}
