package value_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"text/template"

	"github.com/davecgh/go-spew/spew"
	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	yamlv3 "gopkg.in/yaml.v3"
	sigs "sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

const canary = "c4n4ry-8f3b2a"

// holder has the value where formatters look for it: exported, unexported, by
// pointer, in a map, in a slice and as a map key's value.
type holder struct {
	Open   value.Value
	hidden value.Value
	Ptr    *value.Value
	Map    map[string]value.Value
	List   []value.Value
	Any    any
}

func newHolder() holder {
	v := value.FromString(canary)
	return holder{Open: v, hidden: v, Ptr: &v, Map: map[string]value.Value{"k": v}, List: []value.Value{v}, Any: v}
}

func TestO3ValuePrintsRedacted(t *testing.T) {
	h := newHolder()
	verbs := []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v", "% x", "%20v", "%p", "%t", "%b", "%o", "%c", "%U", "%e", "%w"}
	outputs := map[string]string{}
	for _, verb := range verbs {
		args := []any{h}
		if strings.HasPrefix(verb, "%T") {
			args = []any{h, h}
		}
		outputs["struct "+verb] = fmt.Sprintf(verb, args...)
		outputs["pointer "+verb] = fmt.Sprintf(verb, &h)
		outputs["value "+verb] = fmt.Sprintf(verb, h.Open)
	}
	outputs["println"] = fmt.Sprintln(h, &h, h.Open)
	outputs["error"] = fmt.Errorf("wrapped: %v", h.Open).Error()
	outputs["spew"] = spew.Sdump(h)
	outputs["spew format"] = spew.Sprintf("%#+v", h)
	outputs["template"] = execute(t, h)
	for name, output := range outputs {
		assertClean(t, name, []byte(output))
	}
}

func TestO3ValueEncodesRedacted(t *testing.T) {
	h := newHolder()
	for name, encode := range map[string]func(any) ([]byte, error){
		"json":    json.Marshal,
		"yaml.v3": yamlv3.Marshal,
		"sigs":    sigs.Marshal,
		"gob":     encodeGob,
	} {
		output, err := encode(struct {
			Open value.Value
			Ptr  *value.Value
			Map  map[string]value.Value
		}{h.Open, h.Ptr, h.Map})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		assertClean(t, name, output)
		if !bytes.Contains(output, []byte(value.Redacted)) {
			t.Errorf("%s: %q does not show the mark", name, output)
		}
	}
	type element struct{ Open value.Value }
	output, err := xml.Marshal(element{h.Open})
	if err != nil {
		t.Fatal(err)
	}
	assertClean(t, "xml", output)
}

func TestO3ValueLogsRedacted(t *testing.T) {
	var log bytes.Buffer
	h := newHolder()
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "value", h.Open, "holder", h)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "value", h.Open, "holder", h)
	for _, formatter := range []logrus.Formatter{&logrus.TextFormatter{}, &logrus.JSONFormatter{}} {
		logger := logrus.New()
		logger.SetOutput(&log)
		logger.SetFormatter(formatter)
		logger.WithField("value", h.Open).WithField("holder", h).Warnf("%v %+v", h.Open, h)
	}
	assertClean(t, "logs", log.Bytes())
}

func TestFromJSONKeepsExactText(t *testing.T) {
	for _, test := range []struct{ raw, want, kind string }{
		{`"a\u00e9\n"`, "aé\n", "text"},
		{`123456789012345678901`, "123456789012345678901", "a number"},
		{`1e400`, "1e400", "a number"},
		{`1.50`, "1.50", "a number"},
		{` true `, "true", "a boolean"},
		{`null`, "null", "null"},
		{`{"a": 1.0}`, `{"a":1.0}`, "an object"},
		{`[1, "<"]`, `[1,"<"]`, "a list"},
	} {
		got, err := value.FromJSON([]byte(test.raw))
		if err != nil {
			t.Fatalf("%s: %v", test.raw, err)
		}
		if diff := cmp.Diff([]string{test.want, test.kind}, []string{string(got.Reveal()), got.Kind().String()}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.raw, diff)
		}
	}
	for _, raw := range []string{"", "{", canary, `"` + canary, `"` + canary + "\xff\"", `1 2`} {
		if _, err := value.FromJSON([]byte(raw)); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("FromJSON(%q) = %v, want an error without the input", raw, err)
		}
	}
}

func TestZeroOverwritesTheBytes(t *testing.T) {
	held := []byte(canary)
	v := value.New(held)
	v.Zero()
	if bytes.ContainsAny(held, canary) {
		t.Errorf("the bytes are still there: %q", held)
	}
	value.Value{}.Zero()
}

func execute(t *testing.T, h holder) string {
	t.Helper()
	var out strings.Builder
	tmpl := template.Must(template.New("x").Parse(`{{.Open}} {{.}} {{printf "%v" .List}} {{.Open | html}} {{.Open | js}}`))
	if err := tmpl.Execute(&out, h); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func encodeGob(v any) ([]byte, error) {
	var out bytes.Buffer
	err := gob.NewEncoder(&out).Encode(v)
	return out.Bytes(), err
}

// assertClean looks for any eight characters of the canary in a row, in the
// forms that verbs print bytes as.
func assertClean(t *testing.T, name string, output []byte) {
	t.Helper()
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprint([]byte(canary))} {
		for i := 0; i+8 <= len(form); i++ {
			if bytes.Contains(output, []byte(form[i:i+8])) {
				t.Errorf("%s shows the value: %s", name, output)
				return
			}
		}
	}
}
