package promotion

import (
	"fmt"
	"maps"
	"slices"

	"github.com/distribution/reference"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// image is one image that an object runs.
type image struct {
	// object is the number of the object, and field where in it the image stands.
	object int
	field  string
	text   string
	// repository and digest are empty where the text is no image or names none.
	repository, digest string
}

// holders are the fields that hold containers, as a list or as one: those of
// pods, and those of Argo's workflows.
var holders = []string{"containers", "initContainers", "ephemeralContainers", "sidecars", "container", "script"}

// imagesOf returns the images of all objects. It looks for containers at any
// depth and in any kind of object: a workload that this program does not know
// runs images too.
func imagesOf(objects []object.Object) []image {
	var images []image
	for i, o := range objects {
		walk(o.Fields, "", func(field, text string) {
			found := image{object: i, field: field, text: text}
			found.repository, found.digest = parse(text)
			images = append(images, found)
		})
	}
	return images
}

// parse takes an image apart. A digest that is none gives no digest.
func parse(text string) (repository, digest string) {
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return "", ""
	}
	if digested, ok := named.(reference.Digested); ok {
		digest = digested.Digest().String()
	}
	return reference.FamiliarName(named), digest
}

// walk visits the images below a value, in a fixed order.
func walk(value any, field string, visit func(field, text string)) {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			at := key
			if field != "" {
				at = field + "." + key
			}
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

func visitText(fields map[string]any, key, field string, visit func(field, text string)) {
	if text, ok := fields[key].(string); ok {
		visit(field+"."+key, text)
	}
}
