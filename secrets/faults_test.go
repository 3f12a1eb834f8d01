package secrets_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
)

// TestFaultsAreLocated covers what a user can get wrong: each case is one
// fault at the field, with nothing emitted and no value shown.
func TestFaultsAreLocated(t *testing.T) {
	for _, test := range []struct {
		name, manifest string
		code           fault.Code
		field          string
	}{
		{"missing key", secretWith("stringData: {k: <vault:kv/demo/db#nope>}"), fault.Secret, "stringData.k"},
		{"missing path", secretWith("stringData: {k: <vault:kv/demo/nope#k>}"), fault.Secret, "stringData.k"},
		{"null", secretWith("stringData: {k: <vault:kv/demo/db#none>}"), fault.Secret, "stringData.k"},
		{"object without a modifier", secretWith("stringData: {k: <vault:kv/demo/db#object>}"), fault.Modifier, "stringData.k"},
		{"not base64 in data", secretWith("data: {k: '<path:kv/data/demo/db#yaml>'}"), fault.Modifier, "data.k"},
		{"wrong form for a modifier", secretWith("stringData: {k: '<vault:kv/demo/db#password | jsonParse>'}"), fault.Modifier, "stringData.k"},
		{"unknown modifier", secretWith("stringData: {k: '<vault:kv/demo/db#password | rot13>'}"), fault.Modifier, "stringData.k"},
		{"climbing", secretWith("stringData: {k: <vault:kv/demo/../other/db#password>}"), fault.RefSyntax, "stringData.k"},
		{"another tenant's path", secretWith("stringData: {k: <vault:kv/other/db#password>}"), fault.Forbidden, "stringData.k"},
		{"another tenant's path that is not there", secretWith("stringData: {k: <vault:kv/other/xx#password>}"), fault.Forbidden, "stringData.k"},
		{"S7 a foreign namespace", "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: kube-system}\nstringData: {k: <vault:kv/demo/db#password>}", fault.Namespace, "metadata.namespace"},
		{"generated name", "apiVersion: v1\nkind: Secret\nmetadata: {generateName: db-}\nstringData: {k: <vault:kv/demo/db#password>}", fault.Injection, "metadata.name"},
		{"R9 plain secret", secretWith("stringData: {k: literal}"), fault.PlainSecret, ""},
		{"R1 ConfigMap", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: <vault:kv/demo/db#password>}", fault.RefPosition, "data.k"},
		{"R1 annotation", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, annotations: {a.b/c: <vault:kv/demo/db#password>}}", fault.RefPosition, "metadata.annotations[a.b/c]"},
		{"R1 label of a Secret", "apiVersion: v1\nkind: Secret\nmetadata: {name: c, labels: {a: <vault:kv/demo/db#password>}}", fault.RefPosition, "metadata.labels.a"},
		{"R1 type of a Secret", "apiVersion: v1\nkind: Secret\nmetadata: {name: c}\ntype: <vault:kv/demo/db#password>", fault.RefPosition, "type"},
		{"R1 key", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {<vault:kv/demo/db#password>: x}", fault.RefPosition, "data[<vault:kv/demo/db#password>]"},
		{"R1 args", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, args: [<vault:kv/demo/db#password>]}]}", fault.RefPosition, "spec.containers[0].args[0]"},
		{"R1 part of a variable", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, env: [{name: E, value: x<vault:kv/demo/db#password>}]}]}", fault.RefPosition, "spec.containers[0].env[0].value"},
		{"R1 a Secret of another group", "apiVersion: x.io/v1\nkind: Secret\nmetadata: {name: c}\nstringData: {k: <vault:kv/demo/db#password>}", fault.RefPosition, "stringData.k"},
		{"whole path as one key", secretWith("stringData: {k: <vault:kv/demo/db>}"), fault.RefPosition, "stringData.k"},
		{"whole path with an object", secretWith("stringData: <vault:kv/demo/db>"), fault.Modifier, "stringData"},
		{"the value in clear elsewhere", secretWith("stringData: {k: <vault:kv/demo/db#username>}") + "\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: x-" + dbUser + "-x}", fault.Leak, "data.k"},
	} {
		t.Run(test.name, func(t *testing.T) {
			stage := newStage(t)
			result, err := run(t, stage, test.manifest)
			if err == nil {
				t.Fatalf("it succeeds with %s", encode(t, result.Objects))
			}
			list := fault.Of(err)
			if len(list) != 1 || list[0].Code != test.code || list[0].Field != test.field || list[0].File != "app.yaml" || list[0].Object == "" {
				t.Errorf("got %v, want one %s at %s", err, test.code, test.field)
			}
		})
	}
}

func TestAllFaultsInOneReport(t *testing.T) {
	_, err := run(t, newStage(t), secretWith("stringData: {a: <vault:kv/demo/db#nope>, b: <vault:kv/demo/nope#b>, c: <vault:kv/demo/db#none>}"))
	if got := len(fault.Of(err)); got != 3 {
		t.Errorf("%d faults, want 3: %v", got, err)
	}
	_, err = run(t, newStage(t), secretWith("stringData: {a: <vault:kv/other/db#x>, b: <vault:kv/b#k@0>}")+"\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: <vault:kv/demo/db#password>}")
	var codes []fault.Code
	for _, one := range fault.Of(err) {
		codes = append(codes, one.Code)
	}
	if diff := cmp.Diff([]fault.Code{fault.RefSyntax, fault.Forbidden, fault.RefPosition}, codes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAllFaultsInOneReportFromEveryStep has one fault that each step finds: the
// grammar, the position, the namespace, the store, a modifier.
func TestAllFaultsInOneReportFromEveryStep(t *testing.T) {
	named := func(name, metadata, data string) string {
		return "apiVersion: v1\nkind: Secret\nmetadata: {name: " + name + metadata + "}\nstringData: {k: '" + data + "'}"
	}
	_, err := run(t, newStage(t), strings.Join([]string{
		named("a", "", "<vault:kv/demo/db#password@0>"),
		named("b", "", "<vault:kv/demo/db#nope>"),
		named("c", "", "<vault:kv/demo/db#yaml | base64decode>"),
		named("d", ", namespace: other", "<vault:kv/demo/db#password>"),
		named("e", "", "<vault:kv/demo/db#object>"),
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: f}\ndata: {k: <vault:kv/demo/db#password>}",
		named("g", "", "<vault:kv/demo/db#password>"), // good
	}, "\n---\n"))
	got := map[string]fault.Code{}
	for _, one := range fault.Of(err) {
		got[one.Object] = one.Code
	}
	want := map[string]fault.Code{
		"Secret a": fault.RefSyntax, "Secret b": fault.Secret, "Secret c": fault.Modifier, "Secret other/d": fault.Namespace,
		"Secret e": fault.Modifier, "ConfigMap f": fault.RefPosition,
	}
	if diff := cmp.Diff(want, got); diff != "" || len(fault.Of(err)) != len(want) {
		t.Errorf("(-want +got):\n%s\n%v", diff, err)
	}
}

// TestMissingKeysLeaveNothingBehind: with remove-missing a Secret may lose all.
func TestMissingKeysLeaveNothingBehind(t *testing.T) {
	manifest := "apiVersion: v1\nkind: Secret\nmetadata: {name: s, annotations: {avp.kubernetes.io/path: kv/data/demo/db, avp.kubernetes.io/remove-missing: \"true\"}}\nstringData: {k: <nope>}"
	for _, kind := range inject.Kinds() {
		result, err := apply(t, newStage(t, allowPlaintext), secrets.Request{Identity: identity, Injection: kind, Objects: parse(t, manifest+"\n---\n"+strings.Replace(deployment, "{name: db}", "{name: s}", 1))})
		if list := fault.Of(err); err != nil && (len(list) != 1 || list[0].Code != fault.Injection || list[0].Fix == "") {
			t.Errorf("%s: %v", kind, err)
		} else if err == nil && strings.Contains(encode(t, result.Objects), "nope") {
			t.Errorf("%s: the reference is still there: %s", kind, encode(t, result.Objects))
		}
	}
}

// TestV8OneTextForAbsence compares the faults for what is not there byte by byte.
func TestV8OneTextForAbsence(t *testing.T) {
	texts := map[string]bool{}
	for _, ref := range []string{"<vault:kv/demo/db#nope>", "<vault:kv/demo/nope#k>", "<vault:kv/demo/db#none>"} {
		_, err := run(t, newStage(t), secretWith("stringData: {k: "+ref+"}"))
		texts[err.Error()] = true
	}
	if len(texts) != 1 {
		t.Errorf("%d texts: %v", len(texts), texts)
	}
}

// A misspelt mount leads to the one that the application's own binding names, and
// to none of another's: the text depends on nothing that the application may not
// know.
func TestForbiddenNamesOnlyOwnMounts(t *testing.T) {
	stage := newStage(t)
	others := binding.Rule{Name: "others", Projects: []string{"others"}, Role: "reader", Paths: []string{"kx/others/*", "internal/**"}}
	own := binding.Rule{Name: "shop", Projects: []string{"team"}, Role: "reader", Paths: []string{"kv/demo/*"}}
	set, err := binding.NewSet([]binding.Rule{others, own})
	if err != nil {
		t.Fatal(err)
	}
	stage.Bindings = set
	for reference, want := range map[string]string{
		"<vault:kw/demo/db#k>": "kv", "<vault:kx/others/db#k>": "kv", "<vault:kx/others/nothing#k>": "kv",
		"<vault:internl/db#k>": "", "<vault:internal/db#k>": "", "<vault:kv/other/db#k>": "",
	} {
		_, err := run(t, stage, secretWith("stringData: {k: "+reference+"}"))
		list := fault.Of(err)
		if len(list) != 1 || list[0].Code != fault.Forbidden || list[0].Nearest != want {
			t.Errorf("%s gives %v, want the nearest mount %q", reference, err, want)
		}
		if text := fault.Answer(list); strings.Contains(strings.ReplaceAll(text, reference[7:len(reference)-3], ""), "internal") {
			t.Errorf("%s tells of another's mount: %s", reference, text)
		}
	}
}
