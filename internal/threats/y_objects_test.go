package threats

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/gitops-engine/pkg/utils/kube"
)

// privileged is a Pod that the policies of this file deny.
const privileged = "apiVersion: v1\nkind: Pod\nmetadata: {name: evil, namespace: apps}\nspec: {hostNetwork: true, containers: [{name: c, image: 'a:1', securityContext: {privileged: true}}]}\n"

var judged = settings{policy: "{level: basic-security}"}

// What one parser takes for one document, another takes for two.
func TestY1EveryDocumentIsJudged(t *testing.T) {
	row(t)
	s := start(t, judged)
	for what, separator := range map[string]string{
		"a comment": "--- # x\n", "a space": "--- \n", "a stray return": "---\r\n", "a tab": "---\t\n", "the end of a document": "...\n---\n", "an anchor": "--- !!map\n",
	} {
		a := s.ask(t, files{"app/a.yaml": configMap + separator + privileged})
		if a.code() != "E_POLICY" && a.code() != "E_YAML_TAG" && a.code() != "E_YAML" || a.code() == "E_POLICY" && !strings.Contains(a.text(), "evil") {
			t.Errorf("behind %s: %.300q", what, a.text())
		}
	}
	s.refused(t, s.ask(t, files{"app/a.yaml": strings.ReplaceAll(configMap+"---\n"+privileged, "\n", "\r\n")}), "E_POLICY")
}

// Argo CD takes every object with items for a list, whatever its kind.
func TestY2ListsAreTakenApart(t *testing.T) {
	row(t)
	s := start(t, judged)
	item := func(text string, depth int) string {
		pad := "\n" + strings.Repeat("  ", depth)
		return strings.ReplaceAll(strings.TrimSpace(text), "\n", pad)
	}
	s.refused(t, s.ask(t, files{"app/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nitems:\n- " + item(privileged, 1) + "\n"}), "E_POLICY")
	nested := item(privileged, 0)
	for range 12 {
		nested = "apiVersion: v1\nkind: List\nitems:\n- " + strings.ReplaceAll(nested, "\n", "\n  ")
	}
	s.refused(t, s.ask(t, files{"app/a.yaml": nested + "\n"}), "E_LIMIT", "E_OBJECT", "E_POLICY")
	for _, items := range []string{"{a: b}", "[5]", "[null, text]", "text"} {
		a := s.ask(t, files{"app/a.yaml": "apiVersion: v1\nkind: List\nitems: " + items + "\n---\n" + configMap})
		if a.code() != "E_OBJECT" {
			t.Errorf("items: %s gives %.200q", items, a.text())
		}
	}
	s.rendered(t, s.ask(t, files{"app/a.yaml": "apiVersion: v1\nkind: List\nitems: null\n---\n" + configMap}))
}

func TestY3KeysThatStandTwice(t *testing.T) {
	row(t)
	s := start(t, settings{})
	twice := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: apps}\ndata: {a: b, a: c}\n"
	json := `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","namespace":"apps"},"data":{"a":"1","a":"2"}}`
	for what, content := range map[string]files{
		"a file": {"app/a.yaml": twice}, "JSON": {"app/a.json": json}, "a chart": chart(files{"templates/a.yaml": twice}),
		"kustomize": kustomization("resources: [a.yaml]\n", files{"app/a.yaml": twice}), "the kustomization": kustomization("resources: [c.yaml]\nnamePrefix: a-\nnamePrefix: b-\n", files{"app/c.yaml": configMap}),
		"a deep one": {"app/a.yaml": strings.Replace(configMap, "data: {a: b}", "data: {a: b}\nx: {y: [{z: 1, z: 2}]}", 1)},
	} {
		if a := s.ask(t, content); a.code() != "E_YAML_DUP" {
			t.Errorf("%s gives %.200q", what, a.text())
		}
	}
	s.unharmed(t)
}

func TestY4ScalarsMeanOneThing(t *testing.T) {
	row(t)
	s := start(t, judged)
	s.refused(t, s.ask(t, files{"app/a.yaml": strings.NewReplacer("hostNetwork: true", "hostNetwork: yes", "privileged: true", "privileged: on").Replace(privileged)}), "E_POLICY")
	thing := "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t, namespace: apps}\nspec: {count: %s}\n"
	for _, number := range []string{"9007199254740993", "-9223372036854775808"} {
		if out := s.rendered(t, s.ask(t, files{"app/a.yaml": fmt.Sprintf(thing, number)})); !strings.Contains(out, `"count":`+number) {
			t.Errorf("%s became %s", number, out)
		}
	}
	for _, number := range []string{"18446744073709551616", ".nan", ".inf"} {
		if a := s.ask(t, files{"app/a.yaml": fmt.Sprintf(thing, number)}); a.code() != "E_YAML_NUM" {
			t.Errorf("%s gives %.200q", number, a.text())
		}
	}
	s.unharmed(t)
}

// A budget of nodes does not see a long text that is repeated.
func TestY5LongTextsThatAreRepeated(t *testing.T) {
	row(t)
	s := start(t, settings{})
	content := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: apps}\nx: &x " + strings.Repeat("long", 25_000) + "\ny: [" + strings.TrimSuffix(strings.Repeat("*x, ", 3000), ", ") + "]\n"
	for what, application := range map[string]files{
		"a file": {"app/a.yaml": content}, "kustomize": kustomization("resources: [a.yaml]\n", files{"app/a.yaml": content}),
		"values": chart(files{"values.yaml": content, "templates/a.yaml": fmt.Sprintf(configMapTemplate, "len (toYaml .Values)")}),
	} {
		a := s.ask(t, application)
		t.Logf("%s: %s after %s", what, a.code(), a.took.Round(time.Millisecond))
		s.refused(t, a, "E_LIMIT", "E_YAML_ALIAS")
	}
}

func TestY6DepthIsBounded(t *testing.T) {
	row(t)
	s := start(t, settings{})
	block := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nx:\n"
	for i := range 500 {
		block += strings.Repeat(" ", i+1) + "a:\n"
	}
	for what, content := range map[string]string{
		"10,001 brackets": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nx: " + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + "\n",
		"500 brackets":    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nx: " + strings.Repeat("[", 500) + strings.Repeat("]", 500) + "\n",
		"500 blocks":      block,
	} {
		a := s.ask(t, files{"app/a.yaml": content})
		if a.code() != "E_LIMIT" && a.code() != "E_YAML" {
			t.Errorf("%s gives %.200q", what, a.text())
		}
	}
	// Width is bounded by the size of the output, and walks over it do not recurse.
	wide := s.ask(t, files{"app/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nx: [" + strings.TrimSuffix(strings.Repeat("a,", 1_000_000), ",") + "]\n"})
	if wide.err != nil && wide.code() != "E_LIMIT" {
		t.Errorf("a wide list gives %.200q", wide.text())
	}
	s.unharmed(t)
	json := `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"x":` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + "}"
	s.refused(t, s.ask(t, files{"app/a.json": json}), "E_LIMIT", "E_YAML")
}

func TestY7ObjectsWithoutAnIdentity(t *testing.T) {
	row(t)
	s := start(t, judged)
	for _, text := range []string{
		"kind: ConfigMap\nmetadata: {name: c}\n", "apiVersion: v1\nmetadata: {name: c}\n", "apiVersion: v1\nkind: ConfigMap\nmetadata: []\n",
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 5}\n", "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"a\\0b\"}\n",
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + strings.Repeat("n", 1<<20) + "}\n", "apiVersion: v1\nkind: 5\nmetadata: {name: c}\n",
		"apiVersion: [v1]\nkind: ConfigMap\nmetadata: {name: c}\n", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: 5}\n",
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: UPPER CASE}\n", "apiVersion: v1\nkind: Secret\nmetadata: {generateName: c-}\nstringData: {a: " + s.reference() + "}\n",
		"apiVersion: v1\nkind: ''\nmetadata: {name: c}\n", "apiVersion: v1\nkind: ConfigMap\nmetadata: text\n",
	} {
		a := s.ask(t, files{"app/a.yaml": text})
		if a.code() != "E_OBJECT" && a.code() != "E_LIMIT" && a.code() != "E_INJECTION" {
			t.Errorf("%.80q gives %.200q", text, a.text())
		}
	}
	s.unharmed(t)
}

// Argo CD splits what it gets once more.
func TestY8TextsAreNoDocuments(t *testing.T) {
	row(t)
	s := start(t, settings{})
	a := s.ask(t, files{"app/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: apps}\ndata: {a: \"a\\n---\\nkind: Pod\\n\", b: \"<&>\\u2028\"}\n"})
	s.rendered(t, a)
	if len(a.manifests) != 1 {
		t.Fatalf("one object is %d", len(a.manifests))
	}
	split, err := kube.SplitYAML([]byte(a.manifests[0]))
	if err != nil || len(split) != 1 || split[0].GetKind() != "ConfigMap" {
		t.Errorf("Argo CD sees %d objects, %v", len(split), err)
	}
}

// What parsers say of a mistake quotes the text around it.
func TestY9ErrorsOfParsersAreBounded(t *testing.T) {
	row(t)
	s := start(t, settings{render: "{quoteErrors: false}"})
	held := s.watch.Secret("hunter2-hunter2-hunter2")
	for _, text := range []string{
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: *" + held + "\n", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {" + held + ": a, " + held + ": b}\n",
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: [" + held + "\n", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: !" + held + " x\n",
	} {
		a := s.ask(t, files{"app/a.yaml": text})
		if a.err == nil || !stable.MatchString(a.text()) || !strings.Contains(a.text(), "app/a.yaml:") {
			t.Errorf("%.100q gives %.200q", text, a.text())
		}
	}
	s.unharmed(t)
}

func TestY10OddYAML(t *testing.T) {
	row(t)
	s := start(t, settings{})
	wide := func(text string) string {
		out := "\xff\xfe"
		for _, r := range text {
			out += string([]byte{byte(r), 0})
		}
		return out
	}
	for text, code := range map[string]string{
		strings.Replace(configMap, "a: b", "a: !!python/object:x b", 1):                                      "E_YAML_TAG",
		strings.Replace(configMap, "a: b", "a: !!binary "+base64.StdEncoding.EncodeToString([]byte("x")), 1): "E_YAML_TAG",
		strings.Replace(configMap, "a: b", "a: !custom b", 1):                                                "E_YAML_TAG",
		wide(configMap): "E_YAML_ENC",
		strings.Replace(configMap, "a: b", "a: \"\xff\"", 1):                              "E_YAML_ENC",
		"%TAG ! tag:evil,2000:\n---\n" + strings.Replace(configMap, "a: b", "a: !x b", 1): "E_YAML_TAG",
	} {
		a := s.ask(t, files{"app/a.yaml": text})
		if a.code() != code {
			t.Errorf("%.120q gives %.200q, want %s", text, a.text(), code)
		}
		// Kustomize drops tags that it does not know, and what it gives is judged.
		k := s.ask(t, kustomization("resources: [a.yaml]\n", files{"app/a.yaml": text}))
		if k.err != nil && !stable.MatchString(k.text()) || code == "E_YAML_ENC" && k.code() != code {
			t.Errorf("under kustomize %.120q gives %.200q", text, k.text())
		}
	}
	s.unharmed(t)
	s.rendered(t, s.ask(t, files{"app/a.yaml": "\ufeff" + configMap}))
	out := s.rendered(t, s.ask(t, files{"app/a.yaml": "x: &x {a: b}\n" + strings.Replace(configMap, "data: {a: b}", "data: {<<: *x, c: d}", 1)}))
	if !strings.Contains(out, `"data":{"a":"b","c":"d"}`) {
		t.Errorf("a merge key gives %s", out)
	}
}

func TestY11AnnotationsThatSteerArgoCD(t *testing.T) {
	row(t)
	s := start(t, judged)
	for _, annotation := range []string{
		"argocd.argoproj.io/hook: PreDelete", "argocd.argoproj.io/hook: PostDelete", "argocd.argoproj.io/compare-options: 'ServerSideDiff=true,IncludeMutationWebhook=true'",
		"argocd.argoproj.io/tracking-id: 'other:apps/Deployment:x/y'", "argocd.argoproj.io/unknown: x",
	} {
		a := s.ask(t, files{"app/a.yaml": strings.Replace(configMap, "namespace: apps", "namespace: apps, annotations: {"+annotation+"}", 1)})
		if a.code() != "E_POLICY" {
			t.Errorf("%s gives %.200q", annotation, a.text())
		}
	}
	s.unharmed(t)
}
