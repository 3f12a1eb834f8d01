package bundle

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Metadata describes a rule to people. It comes from the METADATA comment of
// the rule, or of its package where the rule has none.
type Metadata struct {
	// ID is custom.id, by which waivers and messages name the rule.
	ID string `json:"id,omitempty"`
	// Title is the rule in a few words, and Description why it exists.
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	// Fix is custom.fix: what to do about a violation.
	Fix string `json:"fix,omitempty"`
	// Severity is custom.severity, such as "high".
	Severity string `json:"severity,omitempty"`
	// Level is custom.level: the lowest level of the built-in bundle that holds
	// the rule.
	Level string `json:"level,omitempty"`
	// Input is custom.input: "render" for a rule whose input is the list of all
	// objects, as with conftest's --combine.
	Input string `json:"input,omitempty"`
	// Parameters are custom.parameters: the data a platform may set, by name.
	Parameters map[string]any `json:"parameters,omitempty"`
	// Example is custom.example: an object, or a list of them, that the rule
	// gives a message about.
	Example any `json:"example,omitempty"`
	// References are the URLs of related_resources.
	References []Reference `json:"references,omitempty"`
}

// Reference points to the standard that a rule comes from.
type Reference struct {
	Title string `json:"title,omitempty"`
	URL   string `json:"url"`
}

func metadataOf(module *ast.Module, rule *ast.Rule) Metadata {
	var ofPackage *ast.Annotations
	for _, annotations := range module.Annotations {
		switch annotations.Scope {
		case "rule", "document":
			if target := annotations.GetTargetPath(); target != nil && target.Equal(rule.Ref().GroundPrefix()) {
				return metadataFrom(annotations)
			}
		case "package":
			ofPackage = annotations
		}
	}
	if ofPackage == nil {
		return Metadata{}
	}
	return metadataFrom(ofPackage)
}

func metadataFrom(annotations *ast.Annotations) Metadata {
	meta := Metadata{
		ID:          custom(annotations, "id"),
		Title:       annotations.Title,
		Description: strings.TrimSpace(annotations.Description),
		Fix:         custom(annotations, "fix"),
		Severity:    custom(annotations, "severity"),
		Level:       custom(annotations, "level"),
		Input:       custom(annotations, "input"),
	}
	meta.Parameters, _ = annotations.Custom["parameters"].(map[string]any)
	meta.Example = annotations.Custom["example"]
	for _, related := range annotations.RelatedResources {
		meta.References = append(meta.References, Reference{Title: related.Description, URL: related.Ref.String()})
	}
	return meta
}

func custom(annotations *ast.Annotations, name string) string {
	text, _ := annotations.Custom[name].(string)
	return strings.TrimSpace(text)
}
