package plugin

import (
	"encoding/json"
	"path"
	"strings"

	repository "github.com/argoproj/argo-cd/v2/reposerver/apiclient"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// The bounds of what is announced; the Parameters tab is for people.
const (
	maxAnnounced      = 500
	maxAnnouncedText  = 1024
	maxAnnouncedDepth = 20
	maxVisitedFiles   = 200
)

// Announce lists the parameters that fit the kind of source in a directory. The
// chart's values and the images of a kustomization are given as they stand in
// the files, which are read but not rendered; files that cannot be read are
// left out, since rendering will report them.
func Announce(tree *source.Tree, dir string) []*repository.ParameterAnnouncement {
	chart, kustomization := chartIn(tree, dir), kustomizationIn(tree, dir)
	var announcements []*repository.ParameterAnnouncement
	for _, spec := range parameterSpecs {
		engine, _, _ := strings.Cut(spec.Name, "-")
		switch {
		case engine == "helm" && !chart, engine == "kustomize" && kustomization == "",
			engine == "directory" && (chart || kustomization != ""):
			continue
		}
		announcement := spec.announcement()
		switch spec.Name {
		case "helm-parameters":
			announcement.Map = chartValues(tree, dir)
		case "kustomize-images":
			announcement.Array = kustomizeImages(tree, dir)
		}
		announcements = append(announcements, announcement)
	}
	return announcements
}

func (s ParameterSpec) announcement() *repository.ParameterAnnouncement {
	announcement := &repository.ParameterAnnouncement{Name: s.Name, Title: s.Title, Tooltip: s.Tooltip}
	if s.Collection != CollectionString {
		announcement.CollectionType = string(s.Collection)
	}
	return announcement
}

func chartIn(tree *source.Tree, dir string) bool {
	_, ok := tree.File(path.Join(dir, "Chart.yaml"))
	return ok
}

// kustomizationIn returns the path of the directory's kustomization, or nothing.
func kustomizationIn(tree *source.Tree, dir string) string {
	for _, base := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		name := path.Join(dir, base)
		if _, ok := tree.File(name); ok {
			return name
		}
	}
	return ""
}

// chartValues gives the chart's values by dotted path, as helm --set takes them.
func chartValues(tree *source.Tree, dir string) map[string]string {
	values := map[string]string{}
	name := path.Join(dir, "values.yaml")
	content, _ := tree.File(name)
	documents, err := object.Decode(name, content)
	if err != nil || len(documents) == 0 {
		return values
	}
	flatten(values, "", documents[0].Fields, 0)
	return values
}

func flatten(into map[string]string, prefix string, value any, depth int) {
	if len(into) >= maxAnnounced || depth > maxAnnouncedDepth {
		return
	}
	switch value := value.(type) {
	case map[string]any:
		for key, child := range value {
			name := strings.ReplaceAll(key, ".", `\.`)
			if prefix != "" {
				name = prefix + "." + name
			}
			flatten(into, name, child, depth+1)
		}
	case string:
		if len(value) <= maxAnnouncedText {
			into[prefix] = value
		}
	case nil:
		into[prefix] = ""
	default:
		if text, err := json.Marshal(value); err == nil && len(text) <= maxAnnouncedText {
			into[prefix] = string(text)
		}
	}
}

// kustomizeImages gives the images of the objects that a kustomization and its
// bases list, with the overrides of their images fields.
func kustomizeImages(tree *source.Tree, dir string) []string {
	visit := &imageVisit{tree: tree, visited: map[string]bool{}}
	var images []string
	seen := map[string]bool{}
	for _, image := range visit.directory(dir) {
		if !seen[image] && len(images) < maxAnnounced && len(image) <= maxAnnouncedText {
			seen[image] = true
			images = append(images, image)
		}
	}
	return images
}

type imageVisit struct {
	tree    *source.Tree
	visited map[string]bool
}

func (v *imageVisit) directory(dir string) []string {
	name := kustomizationIn(v.tree, dir)
	var images []string
	for _, kustomization := range v.read(name) {
		for _, field := range []string{"resources", "bases", "components"} {
			entries, _ := kustomization.Fields[field].([]any)
			for _, entry := range entries {
				reference, _ := entry.(string)
				images = append(images, v.reference(dir, reference)...)
			}
		}
		images = override(images, kustomization.Fields["images"])
	}
	return images
}

func (v *imageVisit) reference(dir, reference string) []string {
	name, ok := source.Join(dir, reference)
	if !ok {
		return nil
	}
	if v.tree.HasDir(name) {
		return v.directory(name)
	}
	var images []string
	for _, o := range v.read(name) {
		images = append(images, containerImages(o.Fields, 0)...)
	}
	return images
}

func (v *imageVisit) read(name string) []object.Object {
	content, ok := v.tree.File(name)
	if !ok || v.visited[name] || len(v.visited) >= maxVisitedFiles {
		return nil
	}
	v.visited[name] = true
	objects, _ := object.Decode(name, content)
	return objects
}

// containerImages finds the image of every container of an object.
func containerImages(value any, depth int) []string {
	if depth > maxAnnouncedDepth {
		return nil
	}
	var images []string
	switch value := value.(type) {
	case map[string]any:
		for _, field := range []string{"initContainers", "containers"} {
			containers, _ := value[field].([]any)
			for _, container := range containers {
				fields, _ := container.(map[string]any)
				if image, ok := fields["image"].(string); ok {
					images = append(images, image)
				}
			}
		}
		for _, field := range []string{"spec", "template", "jobTemplate", "items"} {
			images = append(images, containerImages(value[field], depth+1)...)
		}
	case []any:
		for _, item := range value {
			images = append(images, containerImages(item, depth+1)...)
		}
	}
	return images
}

// override applies the images field of a kustomization.
func override(images []string, field any) []string {
	rules, _ := field.([]any)
	for _, rule := range rules {
		fields, _ := rule.(map[string]any)
		get := func(key string) string { s, _ := fields[key].(string); return s }
		for i, image := range images {
			if name, rest := splitImage(image); name == get("name") {
				images[i] = renamed(name, rest, get("newName"), get("newTag"), get("digest"))
			}
		}
	}
	return images
}

func renamed(name, rest, newName, newTag, digest string) string {
	if newName != "" {
		name = newName
	}
	switch {
	case digest != "":
		return name + "@" + digest
	case newTag != "":
		return name + ":" + newTag
	default:
		return name + rest
	}
}

// splitImage cuts an image into its name and ":tag" or "@digest".
func splitImage(image string) (name, rest string) {
	if at := strings.IndexByte(image, '@'); at >= 0 {
		return image[:at], image[at:]
	}
	if colon := strings.LastIndexByte(image, ':'); colon > strings.LastIndexByte(image, '/') {
		return image[:colon], image[colon:]
	}
	return image, ""
}
