package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/policy/schema/internal/catalog"
)

// schema is what is read of a schema in the document.
type schema struct {
	Ref                  string            `json:"$ref"`
	Type                 string            `json:"type"`
	Format               string            `json:"format"`
	Properties           map[string]schema `json:"properties"`
	Required             []string          `json:"required"`
	Items                *schema           `json:"items"`
	AdditionalProperties *schema           `json:"additionalProperties"`
	Kinds                []struct {
		Group   string `json:"group"`
		Version string `json:"version"`
		Kind    string `json:"kind"`
	} `json:"x-kubernetes-group-version-kind"`
}

// leaves are the definitions that have a reader of their own in Go, and so take
// other values than the document says.
var leaves = map[string]string{
	"apimachinery.pkg.api.resource.Quantity":   "q",
	"apimachinery.pkg.util.intstr.IntOrString": "o",
	"apimachinery.pkg.apis.meta.v1.Time":       "t",
	"apimachinery.pkg.apis.meta.v1.MicroTime":  "m",
	"apimachinery.pkg.apis.meta.v1.FieldsV1":   "*",
	"apimachinery.pkg.apis.meta.v1.Patch":      "*",
	"apimachinery.pkg.runtime.RawExtension":    "*",

	"apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON":                         "*",
	"apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray":       "*",
	"apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool":        "*",
	"apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray": "*",
}

// optional are the fields that the document requires and the API server does
// without: it has a default for them or takes what they are when empty.
var optional = map[string][]string{
	"api.apps.v1.ControllerRevision":                      {"revision"},
	"api.apps.v1.StatefulSetSpec":                         {"serviceName"},
	"api.batch.v1.PodFailurePolicyOnPodConditionsPattern": {"status"},
	"api.core.v1.HTTPHeader":                              {"value"},
	"api.core.v1.ISCSIPersistentVolumeSource":             {"lun"},
	"api.core.v1.ISCSIVolumeSource":                       {"lun"},
	"api.core.v1.LimitRangeSpec":                          {"limits"},
	"api.core.v1.PreferredSchedulingTerm":                 {"preference"},
	"api.core.v1.Sysctl":                                  {"value"},
	"api.discovery.v1.EndpointSlice":                      {"endpoints"},
	"api.networking.v1.NetworkPolicySpec":                 {"podSelector"},
	"api.rbac.v1.RoleRef":                                 {"apiGroup"},
	"api.scheduling.v1.PriorityClass":                     {"value"},
	"api.storage.v1.CSIDriver":                            {"spec"},

	"apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionVersion": {"served", "storage"},
}

// condense reduces a document to the definitions that a kind refers to.
func condense(document []byte) (map[string]catalog.Definition, error) {
	var read struct {
		Definitions map[string]schema `json:"definitions"`
	}
	if err := json.Unmarshal(document, &read); err != nil {
		return nil, err
	}
	all := map[string]catalog.Definition{}
	var faults []error
	for long, s := range read.Definitions {
		name := short(long)
		if leaves[name] != "" {
			continue
		}
		definition, err := s.definition(name)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", long, err))
		}
		all[name] = definition
	}
	return reachable(all), errors.Join(faults...)
}

func short(name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, "#/definitions/"), "io.k8s.")
}

// definition describes an object. No kind needs a status: the API server
// ignores the status of what is created.
func (s schema) definition(name string) (catalog.Definition, error) {
	var d catalog.Definition
	if s.Type != "object" || s.AdditionalProperties != nil {
		return d, fmt.Errorf("the type %q is not known", s.Type)
	}
	for _, kind := range s.Kinds {
		d.Kinds = append(d.Kinds, kind.Group+"/"+kind.Version+"/"+kind.Kind)
	}
	slices.Sort(d.Kinds)
	for _, field := range slices.Sorted(maps.Keys(s.Properties)) {
		kind, err := s.Properties[field].word()
		if err != nil {
			return d, fmt.Errorf("%s: %w", field, err)
		}
		mark := ":"
		if slices.Contains(s.Required, field) && !slices.Contains(optional[name], field) && (field != "status" || len(s.Kinds) == 0) {
			mark = "!:"
		}
		d.Fields = append(d.Fields, field+mark+kind)
	}
	return d, nil
}

// word writes the type of a field.
func (s schema) word() (string, error) {
	if s.Ref != "" {
		if leaf := leaves[short(s.Ref)]; leaf != "" {
			return leaf, nil
		}
		return "@" + short(s.Ref), nil
	}
	switch s.Type + " " + s.Format {
	case "string ":
		return "s", nil
	case "string byte":
		return "y", nil
	case "boolean ":
		return "b", nil
	case "integer int32":
		return "i", nil
	case "integer int64", "integer ":
		return "l", nil
	case "number double", "number ":
		return "f", nil
	case "array ":
		if s.Items != nil {
			of, err := s.Items.word()
			return "[" + of, err
		}
	case "object ":
		if s.AdditionalProperties != nil {
			of, err := s.AdditionalProperties.word()
			return "{" + of, err
		}
	}
	return "", fmt.Errorf("the type %q with the format %q is not known", s.Type, s.Format)
}

// reachable leaves out what no kind of the API needs, such as the answers to
// discovery.
func reachable(all map[string]catalog.Definition) map[string]catalog.Definition {
	kept := map[string]catalog.Definition{}
	var visit func(name string)
	visit = func(name string) {
		definition, known := all[name]
		if _, seen := kept[name]; seen || !known {
			return
		}
		kept[name] = definition
		for _, field := range definition.Fields {
			if _, ref, found := strings.Cut(field, "@"); found {
				visit(ref)
			}
		}
	}
	for name, definition := range all {
		if isKind(definition) {
			visit(name)
		}
	}
	return kept
}

// isKind tells a kind from what the API only answers or is asked with.
func isKind(d catalog.Definition) bool {
	return len(d.Kinds) == 1 && slices.ContainsFunc(d.Fields, func(field string) bool {
		return strings.HasPrefix(field, "metadata") && strings.HasSuffix(field, ".ObjectMeta")
	})
}
