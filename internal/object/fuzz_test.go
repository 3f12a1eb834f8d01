package object_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/argocd-seal/argocd-seal-plugin/internal/corpus"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// FuzzDecode reads any file into objects. Either it gives a located fault and no
// object, or the objects that Argo CD's own reader would find in that file, and
// what is emitted for them is read again as the same, by Argo CD and by us.
func FuzzDecode(f *testing.F) {
	corpus.Add(f, append(corpus.YAML(), corpus.Files(f, "plugin.yaml", "examples/applications/*.yaml", "examples/payments/*.yaml",
		"examples/guestbook/*.yaml", "examples/helm-app/crds/*", "examples/observability/monitors/*")...)...)
	f.Fuzz(func(t *testing.T, text string) {
		objects, err := object.Decode("dir/f.yaml", []byte(text))
		if err == nil {
			objects, err = object.Flatten(objects)
		}
		if err != nil {
			checkFaults(t, objects, err)
			return
		}
		emitted := lines(t, objects)
		if upstream, ok := argo([]byte(text)); ok && !slices.Equal(upstream, emitted) {
			t.Errorf("Argo CD reads %q, and we %q", upstream, emitted)
		}
		for i, line := range emitted {
			again, err := object.ParseLine([]byte(line), "f.yaml", 1)
			if err != nil {
				t.Fatalf("what was emitted cannot be read: %v\n%s", err, line)
			}
			if diff := cmp.Diff(objects[i].Fields, again.Fields); diff != "" {
				t.Errorf("what was emitted is read as something else:\n%s", diff)
			}
		}
		if object.Check(objects) == nil {
			checkEmitted(t, emitted)
		}
	})
}

// checkEmitted wants Argo CD to take each entry that it is given as one object,
// and as that one.
func checkEmitted(t *testing.T, emitted []string) {
	t.Helper()
	for _, line := range emitted {
		if found, err := kube.SplitYAML([]byte(line)); err != nil || len(found) != 1 || found[0].IsList() || encoded(found[0].Object) != line {
			t.Errorf("Argo CD takes %s as %v, %v", line, found, err)
		}
	}
}

// known are the codes that a file of an application can give.
var known = []fault.Code{
	fault.YAML, fault.YAMLAlias, fault.YAMLDup, fault.YAMLNumber, fault.YAMLTag, fault.YAMLEnc, fault.ObjectShape, fault.Limit,
}

func checkFaults(t *testing.T, objects []object.Object, err error) {
	t.Helper()
	if objects != nil || len(err.Error()) > fault.MaxText || strings.Count(err.Error(), "\n") > 0 {
		t.Errorf("%d objects and the error %q", len(objects), err)
	}
	for _, one := range fault.Of(err) {
		if !slices.Contains(known, one.Code) || one.File != "dir/f.yaml" {
			t.Errorf("the fault %v", one)
		}
	}
}

// argo reads a file as the repo-server reads what a plugin gave it, up to the
// replacement of lists, and writes each object as one line. It returns false
// where it refuses the file. Unlike kube.SplitYAML, whose first half this is, it
// takes objects without a kind, as Decode does: Check finds those.
func argo(text []byte) (lines []string, ok bool) {
	documents, err := kube.SplitYAMLToString(text)
	if err != nil {
		return nil, false
	}
	for _, document := range documents {
		var fields map[string]any
		if utiljson.Unmarshal([]byte(document), &fields) != nil || !flattened(fields, &lines) {
			return nil, false
		}
	}
	return lines, true
}

func flattened(fields map[string]any, into *[]string) bool {
	one := unstructured.Unstructured{Object: fields}
	if !one.IsList() {
		_, hasSpec := fields["spec"]
		_, hasStatus := fields["status"]
		items, hasItems := fields["items"]
		if isNullList := hasItems && items == nil && !hasSpec && !hasStatus; !isNullList {
			*into = append(*into, encoded(unsigned(fields)))
		}
		return true
	}
	for _, item := range fields["items"].([]any) {
		below, ok := item.(map[string]any)
		if !ok || !flattened(below, into) {
			return false
		}
	}
	return true
}

func encoded(fields any) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(fields); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}

// unsigned takes the sign from zeros, which the next reader does not see.
func unsigned(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, field := range value {
			value[key] = unsigned(field)
		}
	case []any:
		for i, item := range value {
			value[i] = unsigned(item)
		}
	case float64:
		if value == 0 {
			return 0
		}
	}
	return value
}
