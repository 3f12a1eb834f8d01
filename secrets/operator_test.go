package secrets_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
)

// operatorSchema is the definition of ExternalSecret in External Secrets
// Operator's own release.
const operatorSchema = "../.cache/servers/external-secrets-crd-0.20.4.yaml"

// definition is what the API server makes of one version of the definition.
type definition struct {
	structural *structural.Structural
	validator  validation.SchemaValidator
}

func operator(t *testing.T, version string) definition {
	t.Helper()
	content, err := os.ReadFile(operatorSchema)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("make servers fetches it: %v", err)
	}
	var typed apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(content, &typed); err != nil {
		t.Fatal(err)
	}
	for _, one := range typed.Spec.Versions {
		if one.Name != version {
			continue
		}
		var props apiextensions.JSONSchemaProps
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(one.Schema.OpenAPIV3Schema, &props, nil); err != nil {
			t.Fatal(err)
		}
		made := definition{}
		if made.structural, err = structural.NewStructural(&props); err != nil {
			t.Fatal(err)
		}
		if made.validator, _, err = validation.NewSchemaValidator(&props); err != nil {
			t.Fatal(err)
		}
		return made
	}
	t.Fatalf("the operator's definition has no version %s", version)
	return definition{}
}

// takes expects the API server to store an object just as it is: with no field
// that it does not know, none against the schema, and no default to add, which
// Argo CD would show as a difference.
func (d definition) takes(t *testing.T, o object.Object) {
	t.Helper()
	line, err := o.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := utiljson.Unmarshal(line, &fields); err != nil {
		t.Fatal(err)
	}
	unknown := pruning.PruneWithOptions(fields, d.structural, true, structural.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	if len(unknown) > 0 {
		t.Errorf("the operator knows no %v in %s", unknown, line)
	}
	if refused := validation.ValidateCustomResource(nil, fields, d.validator); len(refused) > 0 {
		t.Errorf("the schema refuses it: %v\n%s", refused.ToAggregate(), line)
	}
	defaulting.Default(fields, d.structural)
	var before map[string]any
	if err := json.Unmarshal(line, &before); err != nil {
		t.Fatal(err)
	}
	after, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	var defaulted map[string]any
	if err := json.Unmarshal(after, &defaulted); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, defaulted); diff != "" {
		t.Errorf("the API server would add defaults (-emitted +stored):\n%s", diff)
	}
}

func TestTheOperatorTakesWhatIsEmitted(t *testing.T) {
	for _, version := range []string{"v1", "v1beta1"} {
		definition := operator(t, version)
		for _, test := range pointerCases {
			t.Run(version+" "+test.name, func(t *testing.T) {
				result, err := apply(t, newStage(t, withStores), secrets.Request{
					Identity: identity, Injection: test.injection, Objects: parse(t, secretWith(test.data)), APIVersions: []string{"external-secrets.io/" + version},
				})
				if err != nil {
					t.Fatal(err)
				}
				definition.takes(t, result.Objects[0])
			})
		}
	}
}
