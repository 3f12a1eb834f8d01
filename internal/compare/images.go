package compare

import (
	"maps"
	"slices"
)

// images lists the containers of an object whose image is not the same on both
// sides, wherever in the object they stand.
func images(p pair) []Image {
	before, after := map[string]string{}, map[string]string{}
	if p.before != nil {
		collectImages(before, p.before.Fields)
	}
	if p.after != nil {
		collectImages(after, p.after.Fields)
	}
	names := map[string]bool{}
	for name := range before {
		names[name] = true
	}
	for name := range after {
		names[name] = true
	}
	var found []Image
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if before[name] != after[name] {
			found = append(found, Image{Object: p.name(), Container: name, Before: before[name], After: after[name]})
		}
	}
	return found
}

// containerFields are the lists of containers of a pod.
var containerFields = []string{"containers", "initContainers", "ephemeralContainers"}

func collectImages(into map[string]string, node any) {
	switch node := node.(type) {
	case map[string]any:
		for key, value := range node {
			if containers, ok := value.([]any); ok && slices.Contains(containerFields, key) {
				for _, container := range containers {
					fields, _ := container.(map[string]any)
					name, _ := fields["name"].(string)
					if image, _ := fields["image"].(string); image != "" && name != "" {
						into[name] = image
					}
				}
				continue
			}
			collectImages(into, value)
		}
	case []any:
		for _, value := range node {
			collectImages(into, value)
		}
	}
}
