package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
)

const (
	configFolder = "../.."
	docsFolder   = "../../docs" // seen from configFolder
)

// TestDocsAreCurrent fails when a type has changed and go generate has not run.
func TestDocsAreCurrent(t *testing.T) {
	t.Chdir(configFolder)
	schema, guide, err := generate(docsFolder)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]byte{schemaFile: schema, guideFile: guide} {
		got, err := os.ReadFile(filepath.Join(docsFolder, name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("docs/%s is stale, run go generate ./plugin/config (-want +got):\n%s", name, diff)
		}
	}
}

// TestEveryFieldIsDescribed walks the types rather than the schema, so that a
// field cannot be lost on the way to the guide.
func TestEveryFieldIsDescribed(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join(configFolder, docsFolder, guideFile))
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for line := range strings.Lines(string(guide)) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) == 4 && strings.TrimSuffix(cells[3], " |") != "" {
			described[strings.Trim(cells[0], "| `")] = true
		}
	}
	fields := append(paths("", reflect.TypeFor[config.ConfigManagementPlugin]()), paths("", reflect.TypeFor[config.SealConfig]())...)
	if len(fields) < 60 {
		t.Fatalf("only %d fields were found", len(fields))
	}
	for _, field := range fields {
		if !described[field] {
			t.Errorf("%s has no description in docs/%s", field, guideFile)
		}
	}
}

func paths(prefix string, of reflect.Type) []string {
	var all []string
	for i := range of.NumField() {
		name, below := prefix+of.Field(i).Tag.Get("json"), of.Field(i).Type
		all = append(all, name)
		switch {
		case below.Kind() == reflect.Struct:
			all = append(all, paths(name+".", below)...)
		case below.Kind() == reflect.Slice && below.Elem().Kind() == reflect.Struct:
			all = append(all, paths(name+"[].", below.Elem())...)
		}
	}
	return all
}

// TestSchemaAgreesWithTheReader tries documents on both: an editor must neither
// accept what the sidecar refuses, nor the other way round. Ranges of sizes and
// durations, and rules between fields, are beyond a schema.
func TestSchemaAgreesWithTheReader(t *testing.T) {
	schema := compiled(t)
	first := "apiVersion: argoproj.io/v1alpha1\nkind: ConfigManagementPlugin\nmetadata: {name: p}\nspec: {generate: {command: [argocd-seal]}%s}\n"
	second := "apiVersion: argocd-seal.io/v1alpha1\nkind: SealConfig\n%s\n"
	for _, tc := range []struct {
		plugin, seal string
		valid        bool
	}{
		{"", "", true},
		{`, version: "1", discover: {fileName: x}, parameters: {static: [{name: a, map: {k: v}}]}`, "", true},
		{"", "render: {timeout: 90s, workers: {memory: 512Mi, spares: 3}, sandbox: {require: [seccomp]}}", true},
		{"", "render: {workers: {memory: 536870912}}", true},
		{"", "aliases: [a, b]\ntelemetry: {logLevel: debug, address: ':8080'}\nsocket: {allowedUIDs: [1]}", true},
		{"", "environments: [{name: a, policy: {level: basic-security, parameters: {a: [1, {b: null}], c: 1.5}, bundles: [dir, {directory: dir, data: [x]}]}}]", true},
		{"", "environments: [{name: a, promotion: {from: ../b, codeowners: gitlab, requireOwners: true}}]", true},
		{"", "environments: [{name: a, policy: {parameters: []}}]", false},
		{"", "environments: [{name: a, policy: {bundles: [1]}}]", false},
		{"", "environments: [{name: a, policy: {bundles: [{dir: x}]}}]", false},
		{"", "environments: [{name: a, promotion: {from: ../b, codeowners: gitea}}]", false},
		{", discovr: {}", "", false},
		{", version: 1.0", "", false},
		{", parameters: {static: [{title: a}]}", "", false},
		{", parameters: {static: [{name: a, collectionType: set}]}", "", false},
		{"", "rendr: {}", false},
		{"", "render: {timeout: 90}", false},
		{"", "render: {timeout: soon}", false},
		{"", "render: {workers: {memory: lots}}", false},
		{"", "render: {workers: {spares: 65}}", false},
		{"", "render: {sandbox: {require: [gvisor]}}", false},
		{"", "telemetry: {logLevel: loud}", false},
		{"", "aliases: a", false},
		{"", "socket: {allowedUIDs: [-1]}", false},
	} {
		documents := []string{fmt.Sprintf(first, tc.plugin), fmt.Sprintf(second, tc.seal)}
		var invalid error
		for _, document := range documents {
			var value any
			if err := yaml.Unmarshal([]byte(document), &value); err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(value); err != nil {
				invalid = err
			}
		}
		_, refused := config.Parse("plugin.yaml", []byte(strings.Join(documents, "---\n")))
		if (invalid == nil) != tc.valid || (refused == nil) != tc.valid {
			t.Errorf("%q %q: schema says %v, reader says %v, want valid %v", tc.plugin, tc.seal, invalid, refused, tc.valid)
		}
	}
}

func TestSchemaAcceptsTheRepositoryFile(t *testing.T) {
	schema := compiled(t)
	file, err := os.Open("../../../../plugin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	decoder := yaml.NewDecoder(file)
	for i := range 2 {
		var value any
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("document %d: %v", i+1, err)
		}
	}
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	encoded, err := os.ReadFile(filepath.Join(configFolder, docsFolder, schemaFile))
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(schemaFile, document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// TestDefaultsCanBeWritten reads the defaults back as a file would say them:
// each is a well-formed value inside its own range and choices.
func TestDefaultsCanBeWritten(t *testing.T) {
	encoded, err := yaml.Marshal(plain(reflect.ValueOf(config.Default())))
	if err != nil {
		t.Fatal(err)
	}
	first := "apiVersion: argoproj.io/v1alpha1\nkind: ConfigManagementPlugin\nmetadata: {name: p}\nspec: {generate: {command: [argocd-seal]}}\n---\n"
	file, err := config.Parse("defaults", append([]byte(first), encoded...))
	if err != nil {
		t.Fatalf("%v\n%s", err, encoded)
	}
	if diff := cmp.Diff(config.Default(), file.Seal); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// plain turns a section into what YAML writes with the names of its json tags.
func plain(value reflect.Value) any {
	if text, ok := value.Interface().(fmt.Stringer); ok {
		return text.String()
	}
	if value.Kind() != reflect.Struct {
		return value.Interface()
	}
	fields := map[string]any{}
	for i := range value.NumField() {
		if field := value.Field(i); !field.IsZero() {
			fields[value.Type().Field(i).Tag.Get("json")] = plain(field)
		}
	}
	return fields
}
