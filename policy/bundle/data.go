package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// reserved are the roots of the data document that belong to others.
var reserved = []string{"conftest", "request"}

// merge reads data files into one document as OPA's loader does: a file in a
// directory a/b stands under data.a.b, a file at the root is the root, and two
// files may fill one object together but never the same key.
func merge(files []File) (map[string]any, error) {
	root := map[string]any{}
	for _, f := range files {
		content, err := decode(f)
		if err != nil {
			return nil, err
		}
		if dir := path.Dir(f.Path); dir != "." {
			parts := strings.Split(dir, "/")
			slices.Reverse(parts)
			for _, part := range parts {
				content = map[string]any{part: content}
			}
		}
		fields, ok := content.(map[string]any)
		if !ok {
			return nil, fault.New(fault.PolicyLoad, "data at the root of a bundle must be a mapping").In(f.Name, 1)
		}
		for _, name := range reserved {
			if _, taken := fields[name]; taken {
				return nil, fault.New(fault.PolicyLoad, "data.%s is reserved", name).In(f.Name, 0).WithFix("rename the key or directory")
			}
		}
		if conflict, ok := overlay(root, fields, "data"); !ok {
			return nil, fault.New(fault.PolicyLoad, "%s is set by an earlier data file too", conflict).In(f.Name, 0).WithFix("keep it in one file")
		}
	}
	return root, nil
}

func decode(f File) (any, error) {
	asJSON, err := yaml.YAMLToJSONStrict(f.Body)
	if err != nil {
		return nil, fault.New(fault.PolicyLoad, "the data is not YAML: %s", fault.Clean(err.Error(), 200)).In(f.Name, lineIn(err.Error()))
	}
	decoder := json.NewDecoder(bytes.NewReader(asJSON))
	decoder.UseNumber()
	var content any
	if err := decoder.Decode(&content); err != nil {
		return nil, fault.New(fault.PolicyLoad, "the data is not JSON: %s", fault.Clean(err.Error(), 200)).In(f.Name, 0)
	}
	return content, nil
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// lineIn finds the line in a message of the YAML library, which has no field
// for it.
func lineIn(message string) int {
	match := yamlLine.FindStringSubmatch(message)
	if match == nil {
		return 1
	}
	line, err := strconv.Atoi(match[1])
	if err != nil {
		return 1
	}
	return line
}

// overlay adds fields to into, and names the first key that both have with a
// value that is not a mapping.
func overlay(into, fields map[string]any, at string) (conflict string, ok bool) {
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		there, exists := into[key]
		if !exists {
			into[key] = fields[key]
			continue
		}
		a, isMap := there.(map[string]any)
		b, isMapToo := fields[key].(map[string]any)
		place := fmt.Sprintf("%s.%s", at, key)
		if !isMap || !isMapToo {
			return place, false
		}
		if conflict, ok := overlay(a, b, place); !ok {
			return conflict, false
		}
	}
	return "", true
}
