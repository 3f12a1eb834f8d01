package quote_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/quote"
)

// shown is a quoted line with its caret, as both presentations show it.
func shown(t *testing.T, file, text string, one *fault.Error) string {
	t.Helper()
	list := fault.Of(quote.Source(one, quote.File(file, []byte(text)), nil))
	if list[0].Quote == nil {
		return ""
	}
	line, caret := list[0].Quote.Lines()
	return line + "\n" + caret
}

func at(code fault.Code, line, column int, field string) *fault.Error {
	one := fault.New(code, "wrong").In("app/a.yaml", line).At("", field)
	one.Column = column
	return one
}

const deployment = `# The web server.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2 # for now
  template:
    spec:
      containers:
      - name: guard
        image: guard:1
      - name: app
        image: "registry.example.com/web:latest"
        args:
        - --verbose
        ports: [{containerPort: 80}]
      volumes:
      - name: data
---
apiVersion: v1
kind: ConfigMap
metadata: {name: second}
data:
  replicas: "3"
`

func TestTheMeantPartIsUnderlined(t *testing.T) {
	tests := map[string]struct {
		fault *fault.Error
		want  string
	}{
		"a field": {at(fault.Policy, 2, 0, "spec.template.spec.containers[1].image"),
			"14 |         image: \"registry.example.com/web:latest\"\n   |                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^"},
		"a field with a comment":      {at(fault.Policy, 2, 0, "spec.replicas"), "7 |   replicas: 2 # for now\n  |             ^"},
		"what a missing field is in":  {at(fault.Policy, 2, 0, "spec.template.spec.containers[0].resources"), "10 |       containers:\n   |       ^^^^^^^^^^"},
		"a field of another document": {at(fault.Policy, 21, 0, "data.replicas"), "25 |   replicas: \"3\"\n   |             ^^^"},
		"no field":                    {at(fault.ObjectShape, 2, 0, ""), "2 | apiVersion: apps/v1\n  | ^^^^^^^^^^^^^^^^^^^"},
		"a column of a key":           {at(fault.YAMLDup, 7, 3, ""), "7 |   replicas: 2 # for now\n  |   ^^^^^^^^"},
		"a column in a collection":    {at(fault.YAML, 17, 18, ""), "17 |         ports: [{containerPort: 80}]\n   |                  ^^^^^^^^^^^^^"},
		"past the end":                {at(fault.YAML, 99, 0, ""), ""},
		"no line":                     {at(fault.YAML, 0, 0, ""), ""},
		"another file":                {fault.New(fault.YAML, "wrong").In("app/b.yaml", 2), ""},
	}
	for name, test := range tests {
		if got := shown(t, "app/a.yaml", deployment, test.fault); got != test.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, test.want)
		}
	}
}

const value = "hunter2"

// delicate are documents with a value in clear; a fault may speak of any line.
var delicate = map[string]string{
	"a Secret":                     "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\nstringData:\n  color: VALUE\n",
	"a Secret in flow style":       "{apiVersion: v1, kind: Secret, metadata: {name: db}, stringData: {color: VALUE}}\n",
	"a Secret in JSON":             "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"Secret\",\n  \"stringData\": {\n    \"color\": \"VALUE\"\n  }\n}\n",
	"a Secret whose kind is last":  "stringData:\n  color: VALUE\nkind: Secret\n",
	"a Secret in a list":           "kind: List\nitems:\n- kind: Secret\n  data:\n    color: VALUE\n",
	"a Secret's text":              "kind: Secret\nstringData:\n  file: |\n    color: VALUE\n    VALUE\n",
	"a Secret's quoted text":       "kind: Secret\nstringData:\n  file: \"first\n    color: VALUE\n    VALUE\"\n",
	"a Secret's folded text":       "kind: Secret\nstringData:\n  file: first\n    VALUE\n",
	"a Secret's item":              "kind: Secret\nstringData:\n- VALUE\n- color: VALUE\n",
	"a Secret with a named safe":   "kind: Secret\nstringData:\n  name: VALUE\n  type: VALUE\n  kind: VALUE\n",
	"a Secret with a wrong indent": "kind: Secret\nstringData:\n color: VALUE\n   x: VALUE\n\tx: VALUE\n",
	"an anchor beside a Secret":    "color: &c VALUE\nkind: Secret\n",
	"a comment in a Secret":        "kind: Secret\n# color is VALUE\ndata: # VALUE\n",
	"another kind of Secret":       "kind: SealedSecret\nspec:\n  encryptedData:\n    color: VALUE\n",
	"a generator":                  "resources: [a.yaml]\nsecretGenerator:\n- name: db\n  literals:\n  - color=VALUE\n  - \"VALUE\"\n",
	"a generator in flow style":    "secretGenerator: [{name: db, literals: [color=VALUE]}]\n",
	"a patch in a kustomization":   "patches:\n- target: {kind: Secret}\n  patch: |-\n    - op: add\n      path: /stringData/color\n      value: VALUE\n",
	"a patch of a Secret":          "- op: add\n  path: /data/color\n  value: VALUE\n",
	"a patch without a kind":       "metadata: {name: db}\ndata:\n  color: VALUE\n",
	"a values file":                "db:\n  host: a\n  password: VALUE\n",
	"a values file in flow style":  "db: {host: a, password: VALUE}\n",
	"a values file with a text":    "db:\n  password: |\n    VALUE\n",
	"a values file, deeper":        "secrets:\n  color: VALUE\n  more:\n    color: VALUE\n",
	"a values file in JSON":        "{\"db\": {\"password\": \"VALUE\"}}\n",
	"a variable":                   "kind: Pod\nspec:\n  containers:\n  - env:\n    - name: COLOR\n      value: VALUE\n    - {name: COLOR, value: VALUE}\n",
	"an argument":                  "kind: Pod\nspec:\n  containers:\n  - args:\n    - --password=VALUE\n    - --token\n    - VALUE\n",
	"a URL":                        "kind: ConfigMap\ndata:\n  url: postgres://app:VALUE@db/app\n",
	"a header":                     "kind: ConfigMap\ndata:\n  header: \"Authorization: Bearer VALUE\"\n",
	"a comment":                    "kind: ConfigMap\ndata: {} # the password is VALUE\n",
	"a value in the next line":     "kind: Pod\nspec:\n  value:\n    \"VALUE\\q\"\n",
	"a value further left":         "kind: Pod\nspec:\n    value:\n  \"VALUE\\q\"\n",
	"a value with a key":           "- op: add\n  path: /spec\n  value:\n    db: \"VALUE\\q\"\n",
	"a patch of all data":          "- op: add\n  path: /data\n  content:\n    db: \"VALUE\\q\"\n",
	"a patch of all in JSON":       "[\n {\"op\": \"add\", \"path\": \"/stringData\", \"content\":\n {\"db\": \"VALUE\\q\"}}]\n",
	"literals":                     "configMapGenerator:\n- name: db\n  literals:\n  - \"B=VALUE\\q\"\n  - B=VALUE: x\n  - B=VALUE\n",
	"variables by name":            "app:\n  env:\n    COLOR: \"VALUE\\q\"\n",
	"a value by default":           "color:\n  default:\n    \"VALUE\\q\"\n",
	"a value beside a name":        "kind: Pod\nspec:\n  secretKeyRef:\n    value: VALUE\n",
	"an argument below a comment":  "kind: Pod\nspec:\n  run:\n  - --password\n  # it is long\n\n  - \"VALUE\\q\"\n",
	"a command":                    "kind: Pod\nspec:\n  command:\n  - mysql -uroot -pVALUE <vault:kv/db#x>\n  - -pVALUE: <vault:kv/db#x>\n  args: [-pVALUE, <vault:kv/db#x>]\n  extraArgs: {p: VALUE}\n",
	"a command in flow style":      "kind: Pod\nspec:\n  containers: [{command: [mysql, -pVALUE, <vault:kv/db#x>]}]\n",
	"a reference without an end":   "kind: ConfigMap\ndata:\n  dsn: postgres://<vault:kv/db#user:VALUE@db.example/x\n  color: <vault:kv/db#VALUE more\n  a: <Vault:kv/db#VALUE\n  b: < path :kv/db#VALUE@\n  c: <vault:kv/db@VALUE\n  <vault:kv/db#VALUE: d\n  <vault:kv/db: VALUE\n  e: <vault:kv/db#VALUE@<vault:kv/db#host>\n  f: <vault:kv/db#user:VALUE@host ->\n",
	"a template of a Secret":       "kind: Secret\nstringData:\n  color: {{ \"VALUE\" | quote }}\n  {{- if true }}\n  VALUE\n  {{- end }}\n",
	"a template of a text":         "kind: {{ .Values.kind }}\ndata:\n  color: VALUE # {{ }}\n",
}

// No line of any fault may show a value that stands in clear in the repository.
func TestNoValueIsQuoted(t *testing.T) {
	for name, text := range delicate {
		text = strings.ReplaceAll(text, "VALUE", value)
		lines := strings.Count(text, "\n")
		for _, file := range []string{"app/a.yaml", "app/a.json", "app/_a.tpl"} {
			for line := 1; line <= lines; line++ {
				for _, field := range []string{"", "data.color", "stringData.color", "stringData.file", "db.password", "spec"} {
					for column := range 12 {
						one := at(fault.YAML, line, column*4, field)
						one.File = file
						if got := shown(t, file, text, one); strings.Contains(got, "hunter2") {
							t.Errorf("%s in %s, line %d, field %q:\n%s", name, file, line, field, got)
						}
					}
				}
			}
		}
	}
}

// A line is hidden where what it is stands further above than is looked at.
func TestAnArgumentFarBelowItsFlag(t *testing.T) {
	text := "kind: Pod\nspec:\n  run:\n  - --password\n" + strings.Repeat("  #\n", 60) + "  - " + value + "\n"
	if got := shown(t, "app/a.yaml", text, at(fault.YAML, 65, 0, "")); got != "" {
		t.Errorf("got\n%s", got)
	}
}

// What could be a credential is left out, and the key and the reference stay.
func TestWhatIsLeftOfALine(t *testing.T) {
	tests := map[string]struct {
		text  string
		line  int
		field string
		want  string
	}{
		"a reference in a Secret": {"kind: Secret\nstringData:\n  color: <vault:kv/shop/db#color>\n", 1, "stringData.color",
			"3 |   color: <vault:kv/shop/db#color>\n  |          ^^^^^^^^^^^^^^^^^^^^^^^^"},
		"a reference in a text": {"kind: Secret\nstringData:\n  url: postgres://app:<path:kv/data/db#pw>@db\n", 1, "stringData.url",
			"3 |   url: (not shown)<path:kv/data/db#pw>(not shown)\n  |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^"},
		"a reference to another store": {"kind: Secret\nstringData:\n  color: pw <aws-sm:arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbC123#k>\n", 1, "stringData.color",
			"3 |   color: (not shown)<aws-sm:arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbC123#k>\n  |          ^"},
		"an unfinished reference to another store": {"kind: Secret\nstringData:\n  color: <aws-sm:shop/db#user:hunter2@h\n", 3, "", "3 |   color: <aws-sm:shop/db(not shown)\n  |"},
		"an unfinished reference":                  {"kind: Secret\nstringData:\n  color: <vault:kv/shop/db\n", 3, "", "3 |   color: <vault:kv/shop/db\n  |   ^^^^^^^^^^^^^^^^^^^^^^^^"},
		"a plain value":                            {"kind: Secret\nstringData:\n  color: hunter2\n", 1, "stringData.color", "3 |   color: (not shown)\n  |          ^^^^^^^^^^^"},
		"the name of a Secret":                     {"kind: Secret\nmetadata:\n  name: db\n", 2, "metadata.name", "3 |   name: db\n  |         ^^"},
		"the first line of one":                    {"apiVersion: v1\nkind: Secret\n", 1, "", "1 | apiVersion: v1\n  | ^^^^^^^^^^^^^^"},
		"a flag":                                   {"kind: Pod\nspec:\n  automountServiceAccountToken: true\n", 1, "spec.automountServiceAccountToken", "3 |   automountServiceAccountToken: true\n  |                                 ^^^^"},
		"the name of a key":                        {"kind: Pod\nspec:\n  secretKeyRef:\n    key: password\n", 1, "spec.secretKeyRef.key", "4 |     key: password\n  |          ^^^^^^^^"},
		"the digest of an image":                   {"kind: Pod\nspec:\n  image: a@sha256:" + strings.Repeat("0a", 32) + "\n", 1, "", "1 | kind: Pod\n  | ^^^^^^^^^"},
		"a long line":                              {"kind: Pod\nspec: {a: " + strings.Repeat("x y ", 200) + "}\n", 2, "", "2 | spec: {a: " + strings.Repeat("x y ", 21) + "x y..."},
		"what drives a terminal":                   {"kind: Pod\nspec: \x1b[31mred\u202e\n", 2, "", `2 | spec: \u001b[31mred\u202e`},
		"a reference in a command": {"kind: Pod\nspec:\n  command:\n  - mysql -uroot -phunter2 <vault:kv/db#x>\n", 4, "",
			"4 |   - (not shown)<vault:kv/db#x>\n  |   ^"},
		"a line of a text":         {"kind: ConfigMap\ndata:\n  file: |\n    color: red\n", 4, "", ""},
		"a document that is empty": {"\n\n", 1, "", ""},
	}
	for name, test := range tests {
		got := shown(t, "app/a.yaml", test.text, at(fault.RefSyntax, test.line, 0, test.field))
		if !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, test.want)
		}
	}
}

// A fault that may concern a value from Vault shows no line at all, whatever
// stands in it.
func TestFaultsAboutValuesHaveNoLine(t *testing.T) {
	quotable := 0
	for _, m := range fault.Codes() {
		got := shown(t, "app/a.yaml", deployment, at(m.Code, 7, 0, ""))
		if got != "" {
			quotable++
		}
		switch m.Code {
		case fault.Leak, fault.Secret, fault.Vault, fault.VaultDynamic, fault.PlainSecret, fault.Seal, fault.Modifier, fault.Internal:
			if got != "" {
				t.Errorf("%s shows\n%s", m.Code, got)
			}
		}
	}
	if quotable < 15 {
		t.Errorf("only %d codes show a line", quotable)
	}
}

// Only files of the kinds that people write are looked at, and no large ones.
func TestFilesThatAreNotQuoted(t *testing.T) {
	for name, content := range map[string]string{
		"app/.env": "A=b\n", "app/notes.txt": "text\n", "app/key.pem": "text\n", "app/secret.yaml": "a: b\n",
		"app/large.yaml": strings.Repeat("a: b\n", 1<<18), "app/latin1.yaml": "a: \xff\n",
	} {
		one := fault.New(fault.Path, "wrong").In(name, 1)
		if got := shown(t, name, content, one); strings.Contains(got, ": b") || name != "app/secret.yaml" && got != "" {
			t.Errorf("%s shows\n%s", name, got)
		}
	}
}

// The path to a field can be longer than what is kept of it.
func TestAPathThatIsTooLong(t *testing.T) {
	text := strings.Repeat("- ", 343) + "a: b\n"
	if got := shown(t, "app/a.yaml", text, at(fault.YAML, 1, 0, "a")); strings.Contains(got, "^ ") {
		t.Errorf("got\n%s", got)
	}
}

// Errors that are no faults stay what they are, and faults are not changed for
// those who share them.
func TestErrorsAreKept(t *testing.T) {
	plain := errors.New("plain")
	if got := quote.Source(plain, quote.File("a.yaml", nil), nil); !errors.Is(got, plain) {
		t.Errorf("got %v", got)
	}
	one := at(fault.Policy, 2, 0, "")
	got := quote.Source(fmt.Errorf("outer: %w", one), quote.File("app/a.yaml", []byte(deployment)), nil)
	if fault.Of(got)[0].Quote == nil || one.Quote != nil {
		t.Errorf("got %+v, and the fault itself is %+v", fault.Of(got)[0], one)
	}
}

// Whatever a tenant writes, the scan ends and what is shown is printable.
func FuzzSource(f *testing.F) {
	for _, text := range delicate {
		f.Add(text, 2, 3, "data.color")
	}
	f.Add(deployment, 2, 0, "spec.template.spec.containers[1].image")
	f.Fuzz(func(t *testing.T, text string, line, column int, field string) {
		one := at(fault.YAML, line, column, field)
		got := shown(t, "app/a.yaml", text, one)
		if strings.ContainsAny(strings.ReplaceAll(got, "\n", ""), "\x00\x1b\r\u202e") || strings.Count(got, "\n") > 1 || len(got) > 2000 {
			t.Errorf("%q", got)
		}
	})
}

// The line of a field that says something else than what was judged is not shown
// as the field's.
func TestALineThatDoesNotHoldIsNotMeant(t *testing.T) {
	one := at(fault.Policy, 2, 0, "spec.replicas")
	other := func(*fault.Error, string) bool { return false }
	got := fault.Of(quote.Source(one, quote.File("app/a.yaml", []byte(deployment)), other))[0].Quote
	if got == nil || got.Line != 2 {
		t.Errorf("got %+v, want the object's first line", got)
	}
}
