// Package lovely says which settings of argocd-lovely-plugin, and of the usual
// ways to run Helm in front of argocd-vault-plugin, are parameters of this
// plugin, and which are not.
package lovely

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Kind is the type of a parameter, as an Application writes it.
type Kind string

// The kinds.
const (
	String Kind = "string"
	Array  Kind = "array"
	Map    Kind = "map"
)

// Parameter is one parameter of this plugin.
type Parameter struct {
	Name  string
	Kind  Kind
	Text  string
	Items []string
	// Pairs are the entries of a map, in their order.
	Pairs [][2]string
}

// Outcome is what becomes of one variable.
type Outcome struct {
	// Parameters take its place. With none and no reason, it is needless here.
	Parameters []Parameter
	// Reason says why it stays, and Fix what a person can do.
	Reason, Fix string
}

// Prefix begins the names of argocd-lovely-plugin's variables.
const Prefix = "LOVELY_"

const inProcess = "rendering happens in the plugin's own process, without other programs"

// Known tells whether a variable means something to this package.
func Known(name string) bool {
	name = normal(name)
	return strings.HasPrefix(name, Prefix) || name == "HELM_ARGS" || name == "HELM_VALUES"
}

// normal is a name without Argo CD's prefix, in capitals: as a parameter of
// argocd-lovely-plugin it is in small letters.
func normal(name string) string { return strings.ToUpper(strings.TrimPrefix(name, "ARGOCD_ENV_")) }

// Translate tells what becomes of a variable. several tells that the application has
// more values files than one.
func Translate(name, value string, several bool) Outcome {
	value = strings.TrimSuffix(value, "\n")
	switch normal(name) {
	case "LOVELY_HELM_NAME":
		return text("helm-release-name", value)
	case "LOVELY_HELM_NAMESPACE":
		return text("helm-namespace", value)
	case "LOVELY_HELM_VALUES":
		return words("helm-values-files", value)
	case "LOVELY_HELM_CRDS":
		return crds(value)
	case "LOVELY_HELM_MERGE":
		return merge(value, several)
	case "HELM_VALUES":
		return text("helm-values", value)
	case "LOVELY_HELM_TEMPLATE_PARAMS", "HELM_ARGS":
		return flags(value)
	case "LOVELY_KUSTOMIZE_MERGE":
		return kustomization(value)
	case "LOVELY_PLUGINS":
		return plugins(value)
	}
	if reason, ok := reasons[normal(name)]; ok {
		return Outcome{Reason: reason[0], Fix: reason[1]}
	}
	return Outcome{Reason: "the variable is not known here", Fix: "look for a parameter in docs/parameters.md, or remove it"}
}

// reasons are the settings that have no counterpart.
var reasons = map[string][2]string{
	"LOVELY_PLUGINS_YAML":             {inProcess, "remove it; values come from references to Vault"},
	"LOVELY_PREPROCESSORS":            {inProcess, "commit what the preprocessor writes"},
	"LOVELY_PREPROCESSORS_YAML":       {inProcess, "commit what the preprocessor writes"},
	"LOVELY_DETECTION_REGEX":          {"files are told by their names and contents", "remove it"},
	"LOVELY_KUSTOMIZE_PATH":           {inProcess, "remove it"},
	"LOVELY_HELM_PATH":                {inProcess, "remove it"},
	"LOVELY_HELMFILE_PATH":            {"helmfile is not rendered", "write a chart or a kustomization with helmCharts"},
	"LOVELY_HELMFILE_CRDS":            {"helmfile is not rendered", "write a chart or a kustomization with helmCharts"},
	"LOVELY_HELMFILE_MERGE":           {"helmfile is not rendered", "write a chart or a kustomization with helmCharts"},
	"LOVELY_HELMFILE_PATCH":           {"helmfile is not rendered", "write a chart or a kustomization with helmCharts"},
	"LOVELY_HELMFILE_TEMPLATE_PARAMS": {"helmfile is not rendered", "write a chart or a kustomization with helmCharts"},
	"LOVELY_HELM_REPO_ADD_PARAMS":     {"the platform says which repositories may be used, and how", "ask the platform team to allow the repository"},
	"LOVELY_HELM_PATCH":               {"a values file cannot be patched by operations", "write what the patch gives into helm-values"},
	"LOVELY_KUSTOMIZE_PATCH":          {"a kustomization cannot be patched by operations", "write the change into the kustomization, or use the parameters that begin with kustomize-"},
	"LOVELY_KUSTOMIZE_PARAMS":         {"kustomize takes no options here", "remove it; helmCharts are rendered without one"},
	"LOVELY_ALLOW_GITCHECKOUT":        {"no file of the repository is touched", "remove it"},
	"LOVELY_SIDECAR":                  {"no file of the repository is touched", "remove it"},
	"LOVELY_ARGOCD_VAULT_REPLACER":    {"references to Vault have their own form here", "write them as <vault:MOUNT/PATH#KEY>"},
	"LOVELY_HELM_KUSTOMIZE":           {"a chart beside a kustomization is always rendered before it", "remove it"},
	"LOVELY_KUSTOMIZE_RESOURCES":      {"the resources of a kustomization are those that it lists", "list them in the kustomization"},
}

func text(name, value string) Outcome {
	if unclear(value) && name != "helm-values" {
		return unclearOutcome()
	}
	return Outcome{Parameters: []Parameter{{Name: name, Kind: String, Text: value}}}
}

func words(name, value string) Outcome {
	items := strings.Fields(value)
	if unclear(value) || strings.ContainsAny(value, `"'`) {
		return unclearOutcome()
	}
	return Outcome{Parameters: []Parameter{{Name: name, Kind: Array, Items: items}}}
}

// unclear tells of a text that a shell would have changed.
func unclear(value string) bool { return strings.ContainsAny(value, "$`") }

func unclearOutcome() Outcome {
	return Outcome{Reason: "the value has variables or quotes that a shell would read", Fix: "write the value out, and migrate again"}
}

func crds(value string) Outcome {
	switch strings.ToLower(value) {
	case "true", "1", "t":
		return Outcome{} // they are kept anyway
	case "false", "0", "f":
		return Outcome{Parameters: []Parameter{{Name: "helm-skip-crds", Kind: String, Text: "true"}}}
	}
	return Outcome{Reason: "the value is neither true nor false", Fix: "set the parameter helm-skip-crds"}
}

// merge maps values that are merged into the first values file.
func merge(value string, several bool) Outcome {
	var fields map[string]any
	switch err := yaml.Unmarshal([]byte(value), &fields); {
	case err != nil:
		return Outcome{Reason: "the value is not a YAML mapping", Fix: "set the parameter helm-values"}
	case strings.Contains(value, "$patch") || strings.Contains(value, "$setElementOrder") || strings.Contains(value, "$retainKeys"):
		return Outcome{Reason: "it has directives of a strategic merge", Fix: "write what they give into helm-values"}
	case several:
		return Outcome{Reason: "it is merged into the first of several values files, and helm-values wins over all of them", Fix: "write it into a file of its own, and list that behind the first in helm-values-files"}
	}
	return Outcome{Parameters: []Parameter{{Name: "helm-values", Kind: String, Text: value}}}
}

func plugins(value string) Outcome {
	for program := range strings.SplitSeq(value, ",") {
		fields := strings.Fields(program)
		if len(fields) == 0 {
			continue
		}
		if slices.Equal(fields, []string{"argocd-vault-plugin", "generate", "-"}) {
			continue // the plugin resolves references itself
		}
		return Outcome{Reason: fmt.Sprintf("it runs %s; %s", fields[0], inProcess), Fix: "do without the program, or keep argocd-lovely-plugin for this application"}
	}
	return Outcome{}
}
