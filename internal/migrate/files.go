package migrate

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/same"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/yamledit"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/render/helm"
	"github.com/argocd-seal/argocd-seal-plugin/render/kustomize"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// file is one file of the tree that may hold something of the two plugins.
type file struct {
	name string
	data []byte
	// inScope tells whether the file may change.
	inScope bool
	// text is nil for a file that is no YAML: a template, or what a generator of
	// kustomize reads.
	text      *yamledit.Text
	documents []*document
	sites     []*site
	// written is the file with what moves, as of state.
	written []byte
	state   string
}

// document is one document of a YAML file, or one item of a list in it.
type document struct {
	file *file
	node *yaml.Node
	// object is set where the document is a Kubernetes object.
	object *object.Object
	// annotations are its own, or those that it takes from a base.
	annotations same.Annotations
	inherits    *document
	// listed tells that the document is an item of a List.
	listed bool
	// heirs are the documents that take its annotations.
	heirs []*document
	// keep holds the annotations for placeholders that cannot be seen here.
	keep  bool
	sites []*site
}

// annotated tells whether the document itself says where its placeholders look.
func (d *document) annotated() bool {
	return d.object != nil && d.object.Annotations()[annotationPath] != ""
}

const (
	annotationPrefix = "avp.kubernetes.io/"
	annotationPath   = annotationPrefix + "path"
)

// signs are what makes a file that cannot be read worth a finding.
var signs = [][]byte{[]byte("<path:"), []byte(annotationPrefix)}

func suspicious(data []byte) bool {
	return slices.ContainsFunc(signs, func(sign []byte) bool { return bytes.Contains(data, sign) })
}

// load reads the files of the tree that can matter.
func (p *planner) load() {
	generated := p.generatorFiles()
	for _, name := range p.Tree.Files(".") {
		data, _ := p.Tree.File(name)
		f := &file{name: name, data: data, inScope: source.Within(p.Scope, name)}
		template := p.inTemplates(name)
		switch {
		case p.Linked != nil && p.Linked(name):
			p.link(f)
			continue
		case template || !isYAML(name):
			if !template && !generated[name] {
				continue
			}
		default:
			p.parse(f)
			if f.text == nil {
				continue
			}
		}
		p.files = append(p.files, f)
	}
}

func isYAML(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return kustomizationNames[path.Base(name)]
}

var kustomizationNames = map[string]bool{"kustomization.yaml": true, "kustomization.yml": true, "Kustomization": true}

// link reports a link to placeholders that are not changed in their own place.
func (p *planner) link(f *file) {
	inside := func(name string) bool {
		data, _ := p.Tree.File(name)
		return source.Within(p.Scope, name) && !p.Linked(name) && bytes.Equal(data, f.data)
	}
	if suspicious(f.data) && !slices.ContainsFunc(p.Tree.Files("."), inside) {
		p.find(f, 0, f.name, &avp.Obstacle{Code: CodeLink, Message: "it is a symbolic link, and what it leads to is outside of the directory that is migrated",
			Fix: "migrate the directory that holds the file"})
	}
}

// inTemplates tells whether a file is a template of a chart of the tree.
func (p *planner) inTemplates(name string) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if path.Base(dir) == "templates" && helm.IsChart(p.Tree, path.Dir(dir)) {
			return true
		}
	}
	return false
}

// parse reads a YAML file. One that cannot be read is a finding where it has to
// do with argocd-vault-plugin, and nobody's concern here where it has not.
func (p *planner) parse(f *file) {
	_, err := object.CheckEncoding(f.name, f.data)
	if err == nil {
		err = object.CheckAliases(f.name, f.data)
	}
	if err == nil {
		f.text, err = yamledit.Parse(f.name, f.data)
	}
	if err != nil {
		f.text = nil
		if suspicious(f.data) {
			one := fault.Of(err)[0]
			reason := "the file cannot be read as YAML: " + one.Message
			if bytes.Contains(f.data, []byte("{{")) {
				reason = "the file is a template outside of a chart, and no YAML: " + one.Message
			}
			p.find(f, one.Line, f.name, &avp.Obstacle{Code: CodeYAML, Message: reason, Fix: "correct the file, or write its references by hand"})
		}
		return
	}
	for _, root := range f.text.Documents {
		p.addDocument(f, root, 0)
	}
}

// addDocument adds a document, and the items of a list each as one.
func (p *planner) addDocument(f *file, node *yaml.Node, depth int) {
	const maxLists = 8
	d := &document{file: f, node: node, listed: depth > 0}
	if fields := decoded(node); fields != nil && textOf(fields["apiVersion"]) != "" && textOf(fields["kind"]) != "" {
		if items := child(node, "items"); items != nil && items.Kind == yaml.SequenceNode && strings.HasSuffix(textOf(fields["kind"]), "List") && depth < maxLists {
			for _, item := range items.Content {
				p.addDocument(f, item, depth+1)
			}
			return
		}
		d.object = &object.Object{Fields: fields, File: f.name, Line: node.Line}
	}
	f.documents = append(f.documents, d)
}

// decoded returns a mapping's content, nil for anything else.
func decoded(node *yaml.Node) map[string]any {
	var fields map[string]any
	if node.Kind != yaml.MappingNode || node.Decode(&fields) != nil {
		return nil
	}
	return fields
}

// child returns the value of a key of a mapping, nil where there is none.
func child(node *yaml.Node, key string) *yaml.Node {
	if i := indexOf(node, key); i >= 0 {
		return node.Content[i+1]
	}
	return nil
}

// indexOf returns where a key stands in a mapping's content, or -1.
func indexOf(node *yaml.Node, key string) int {
	if node == nil || node.Kind != yaml.MappingNode {
		return -1
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return i
		}
	}
	return -1
}

// at follows keys from a mapping down.
func at(node *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		if node = child(node, key); node == nil {
			return nil
		}
	}
	return node
}

func textOf(value any) string {
	text, _ := value.(string)
	return text
}

func scalarOf(node *yaml.Node) string {
	if node == nil || node.Kind != yaml.ScalarNode {
		return ""
	}
	return node.Value
}

// generatorFiles are the files that generators of kustomizations read.
func (p *planner) generatorFiles() map[string]bool {
	found := map[string]bool{}
	for _, name := range p.Tree.Files(".") {
		data, _ := p.Tree.File(name)
		if !kustomizationNames[path.Base(name)] || object.CheckAliases(name, data) != nil {
			continue
		}
		text, err := yamledit.Parse(name, data)
		if err != nil {
			continue
		}
		for _, root := range text.Documents {
			for _, generators := range []string{"secretGenerator", "configMapGenerator"} {
				for _, generator := range itemsOf(child(root, generators)) {
					for _, ref := range generatorRefs(generator) {
						found[path.Join(path.Dir(name), ref)] = true
					}
				}
			}
		}
	}
	return found
}

func generatorRefs(generator *yaml.Node) []string {
	var refs []string
	if env := scalarOf(child(generator, "env")); env != "" {
		refs = append(refs, env)
	}
	for _, list := range []string{"envs", "files"} {
		for _, item := range itemsOf(child(generator, list)) {
			_, ref, named := strings.Cut(item.Value, "=")
			if !named {
				ref = item.Value
			}
			refs = append(refs, ref)
		}
	}
	return refs
}

func itemsOf(node *yaml.Node) []*yaml.Node {
	if node == nil || node.Kind != yaml.SequenceNode {
		return nil
	}
	return node.Content
}

// reached returns a directory and all that its kustomization builds upon.
func (p *planner) reached(dir string) []string {
	if found, ok := p.reach[dir]; ok {
		return found
	}
	p.reach[dir] = []string{dir} // ends circles
	all := []string{dir}
	for _, used := range kustomize.Outlined(p.Tree, dir).Uses {
		for _, below := range p.reached(used) {
			if !slices.Contains(all, below) {
				all = append(all, below)
			}
		}
	}
	p.reach[dir] = all
	return all
}
