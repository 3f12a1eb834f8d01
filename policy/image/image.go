// Package image finds the images that rendered objects run, takes their names
// apart, and writes digests into them.
package image

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// Image is one image that an object runs.
type Image struct {
	// Object is the number of the object, and Field where in it the image stands,
	// such as spec.containers[0].image.
	Object int
	Field  string
	// Text is what stands there.
	Text string
	// Name is what the text means. It is zero where the text names no image.
	Name Name
	// pin replaces the text.
	pin func(text string)
}

// Name is the name of an image, taken apart by the rules of
// https://pkg.go.dev/github.com/distribution/reference: the registry of a short
// name is docker.io.
type Name struct {
	// Registry is host or host:port, and Repository the path below it.
	Registry, Repository string
	// Tag is "latest" where the text has neither tag nor digest.
	Tag string
	// Digest is ALGORITHM:HEX, and empty where the text has none.
	Digest string
}

// Parse takes an image apart. ok tells whether the text is one.
func Parse(text string) (name Name, ok bool) {
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return Name{}, false
	}
	name = Name{Registry: Host(reference.Domain(named)), Repository: reference.Path(named)}
	if tagged, isTagged := named.(reference.Tagged); isTagged {
		name.Tag = tagged.Tag()
	}
	if digested, isDigested := named.(reference.Digested); isDigested {
		name.Digest = digested.Digest().String()
	}
	if name.Tag == "" && name.Digest == "" {
		name.Tag = "latest"
	}
	return name, true
}

// Host is the one spelling of a registry: names that reach the same one must not
// lead to different rules.
func Host(registry string) string {
	registry = strings.TrimSuffix(strings.ToLower(registry), ":443")
	if registry == "registry-1.docker.io" || registry == "index.docker.io" {
		return "docker.io"
	}
	return registry
}

// Full is registry and repository, as patterns of plugin.yaml see an image.
func (n Name) Full() string { return n.Registry + "/" + n.Repository }

// Familiar is registry and repository as people write them: without docker.io.
func (n Name) Familiar() string {
	named, err := reference.ParseNormalizedNamed(n.Full())
	if err != nil {
		return n.Full()
	}
	return reference.FamiliarName(named)
}

// Pin writes a digest into the object, behind name and tag: whoever reads it sees
// both, and what runs is what has the digest. The object is changed in place.
func (i *Image) Pin(digest string) {
	i.Text += "@" + digest
	i.Name.Digest = digest
	i.pin(i.Text)
}

// Holders are the fields that hold containers, as a list or as one: those of
// pods, and those of Argo's workflows.
var holders = []string{"containers", "initContainers", "ephemeralContainers", "sidecars", "container", "script"}

// Of returns the images of all objects, in a fixed order. It looks for containers
// and image volumes at any depth and in any kind of object: a workload that this
// program does not know runs images too. Fields are those of other kinds.
func Of(objects []object.Object, fields ...Field) []Image {
	var images []Image
	for i, o := range objects {
		seen := map[string]bool{}
		visit := func(field, text string, pin func(string)) {
			if seen[field] {
				return
			}
			seen[field] = true
			name, _ := Parse(text)
			images = append(images, Image{Object: i, Field: field, Text: text, Name: name, pin: pin})
		}
		walk(o.Fields, "", visit)
		for _, field := range fields {
			field.visit(o, visit)
		}
	}
	return images
}

// visitor is called with a text, where it stands, and what replaces it.
type visitor func(field, text string, pin func(text string))

// walk visits the images below a value, in a fixed order.
func walk(value any, field string, visit visitor) {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			at := join(field, key)
			switch {
			case slices.Contains(holders, key):
				each(value[key], at, func(container map[string]any, at string) { visitText(container, "image", at, visit) })
			case key == "volumes":
				each(value[key], at, func(volume map[string]any, at string) {
					if source, ok := volume["image"].(map[string]any); ok {
						visitText(source, "reference", at+".image", visit)
					}
				})
			}
			walk(value[key], at, visit)
		}
	case []any:
		for i, item := range value {
			walk(item, fmt.Sprintf("%s[%d]", field, i), visit)
		}
	}
}

func join(field, key string) string {
	if field == "" {
		return key
	}
	return field + "." + key
}

func each(value any, field string, visit func(fields map[string]any, field string)) {
	switch value := value.(type) {
	case map[string]any:
		visit(value, field)
	case []any:
		for i, item := range value {
			if fields, ok := item.(map[string]any); ok {
				visit(fields, fmt.Sprintf("%s[%d]", field, i))
			}
		}
	}
}

func visitText(fields map[string]any, key, field string, visit visitor) {
	if text, ok := fields[key].(string); ok {
		visit(field+"."+key, text, func(text string) { fields[key] = text })
	}
}
