package main

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

const (
	auditFolder = "../.."
	docsFolder  = "../docs" // seen from auditFolder
)

// TestDocsAreCurrent fails when a type has changed and go generate has not run.
func TestDocsAreCurrent(t *testing.T) {
	t.Chdir(auditFolder)
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
			t.Errorf("docs/%s is stale, run go generate ./audit (-want +got):\n%s", name, diff)
		}
	}
}

// TestEveryFieldIsDescribed walks the types rather than the schema, so that a
// field cannot be lost on the way to the guide.
func TestEveryFieldIsDescribed(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join(auditFolder, docsFolder, guideFile))
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for line := range strings.Lines(string(guide)) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) == 3 && strings.TrimSuffix(cells[2], " |") != "" {
			described[strings.Trim(cells[0], "| `")] = true
		}
	}
	fields := paths("", reflect.TypeFor[audit.Record]())
	if len(fields) < 50 {
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
		field := of.Field(i)
		if field.Anonymous {
			all = append(all, paths(prefix, field.Type)...)
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		all = append(all, prefix+name)
		below, separator := field.Type, "."
		if below.Kind() == reflect.Slice {
			below, separator = below.Elem(), "[]."
		}
		if below.Kind() == reflect.Pointer {
			below = below.Elem()
		}
		if below.Kind() == reflect.Struct && below.PkgPath() == auditPackage {
			all = append(all, paths(prefix+name+separator, below)...)
		}
	}
	return all
}

// The signature of a checkpoint is over all of the line before it.
func TestTheCheckpointIsLast(t *testing.T) {
	event := reflect.TypeFor[audit.Event]()
	if last := event.Field(event.NumField() - 1); last.Type != reflect.TypeFor[*audit.Signature]() {
		t.Errorf("the last field is %s", last.Name)
	}
	signature := reflect.TypeFor[audit.Signature]()
	if last := signature.Field(signature.NumField() - 1); last.Name != "Signature" {
		t.Errorf("the last field is %s", last.Name)
	}
}

func TestTheExamplesMeetTheSchema(t *testing.T) {
	encoded, err := os.ReadFile(filepath.Join(auditFolder, docsFolder, schemaFile))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource(schemaFile, document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var content []byte
	for _, name := range []string{"../examples/audit/trail-00000000000000000001.jsonl", "testdata/sample.jsonl"} {
		lines, err := os.ReadFile(filepath.Join(auditFolder, name))
		if err != nil {
			t.Fatal(err)
		}
		content = append(content, lines...)
	}
	var seen []string
	for lines := bufio.NewScanner(bytes.NewReader(content)); lines.Scan(); {
		line, err := jsonschema.UnmarshalJSON(bytes.NewReader(lines.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(line); err != nil {
			t.Error(err)
		}
		seen = append(seen, line.(map[string]any)["type"].(string))
		for _, wrong := range []map[string]any{{"type": "party"}, {"seq": "1"}, {"verdict": []any{}}} {
			for name, value := range wrong {
				line.(map[string]any)[name] = value
			}
			if schema.Validate(line) == nil {
				t.Errorf("the schema accepts %v", wrong)
			}
		}
	}
	if !slices.Contains(seen, string(audit.Checkpoint)) || !slices.Contains(seen, string(audit.Render)) {
		t.Errorf("the example has %v", seen)
	}
}
