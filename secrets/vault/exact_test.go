package vault_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/vaulttest"
)

// TestRealExactValues: what is in Vault is what is in the Secret, whatever it
// looks like.
func TestRealExactValues(t *testing.T) {
	server := vaulttest.Start(t)
	gateway := vaulttest.Before(t, server)
	stage := boundStage(t, server, gateway)
	mebibyte := strings.Repeat("0123456789abcdef", 1<<16)[:1<<20-64]
	for _, test := range []struct{ name, inVault, modifier, want string }{
		{"number", `9007199254740991`, "", "9007199254740991"},
		{"boolean", `false`, "", "false"},
		{"empty", `""`, "", ""},
		{"spaces", `"  \n "`, "", "  \n "},
		{"NUL", `"a\u0000b"`, "", "a\x00b"},
		{"other letters", `"\u00e9\ud83d\ude00\u2028"`, "", "é😀\u2028"},
		{"bytes that are no text", `"/wD+"`, "base64decode", "\xff\x00\xfe"},
		{"a reference", `"<vault:kv/other/db#k> <path:kv/data/other/db#k>"`, "", "<vault:kv/other/db#k> <path:kv/data/other/db#k>"},
		{"documents", `"x\n---\nkind: Pod\n"`, "", "x\n---\nkind: Pod\n"},
		{"templates", `"{{ .Values.x }} ${x} ]]> </script>"`, "", "{{ .Values.x }} ${x} ]]> </script>"},
		{"number in a JSON text", `"{\"n\":123456789012345678901,\"f\":1.50}"`, "jsonParse | jsonPath {.n} {.f}", "123456789012345678901 1.50"},
		{"number in a YAML text", `"num: 9007199254740993\ntext: \"1.50\"\n"`, "yamlParse | jsonPath {.num} {.text}", "9007199254740993 1.50"},
		{"nearly a mebibyte", `"` + mebibyte + `"`, "", mebibyte},
	} {
		t.Run(test.name, func(t *testing.T) {
			server.Put(t, "demo/exact", `{"k":`+test.inVault+`}`)
			gateway.Forget()
			reference := "<vault:kv/demo/exact#k"
			if test.modifier != "" {
				reference += " | " + test.modifier
			}
			result, err := applied(deadline(t), t, stage, manifest("db", reference+">"))
			if err != nil {
				t.Fatal(err)
			}
			if len(result.Objects) != 1 {
				t.Errorf("%d objects", len(result.Objects))
			}
			if got := unsealed(t, result.Objects[0])["k"]; got != test.want {
				t.Errorf("got %.80q, want %.80q", got, test.want)
			}
			if got := gateway.Count("GET /v1/kv/data/"); got != 1 {
				t.Errorf("%d reads, want 1: a value is not resolved again", got)
			}
		})
	}
	// Version 2 of the engine makes floats of numbers; what version 1 gives is kept.
	server.PutOld(t, "demo/exact", `{"a":123456789012345678901,"b":1.50,"c":1e3,"d":-0.0,"e":{"n":123456789012345678901,"f":1.50}}`)
	o := manifest("db", "<vault:kv1/demo/exact#e | jsonPath {.n} {.f}>")
	for _, key := range []string{"a", "b", "c", "d"} {
		o.Fields["stringData"].(map[string]any)[key] = "<vault:kv1/demo/exact#" + key + ">"
	}
	result, err := applied(deadline(t), t, stage, o)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": "123456789012345678901", "b": "1.50", "c": "1e3", "d": "-0.0", "k": "123456789012345678901 1.50"}
	if diff := cmp.Diff(want, unsealed(t, result.Objects[0])); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
	server.Put(t, "demo/exact", `{"k":"`+mebibyte+mebibyte+`"}`)
	if _, err := applied(deadline(t), t, stage, manifest("db", "<vault:kv/demo/exact#k>")); fault.CodeOf(err) != fault.Limit || fault.Of(err)[0].File != "db.yaml" {
		t.Errorf("two mebibytes: %v", err)
	}
}
