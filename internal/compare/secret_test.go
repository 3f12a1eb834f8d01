package compare_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/compare"
)

func secret(fields string) string {
	return "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\n" + fields
}

func TestReferencesAreCompared(t *testing.T) {
	d := diff(t, secret("stringData: {password: <vault:kv/shop/db#password>, user: <vault:kv/shop/db#user>}\n"),
		secret("stringData: {password: <vault:kv/shop/db#password@7>, user: <vault:kv/shop/db#user>}\n"), compare.Options{})
	want(t, d, "changed Secret shop/db",
		`  changed data.password: "<vault:kv/shop/db#password>" -> "<vault:kv/shop/db#password@7>"`,
		"  * the reference of data.password changes from <vault:kv/shop/db#password> to <vault:kv/shop/db#password@7>")
	if len(d.References) != 1 || d.References[0].After != "<vault:kv/shop/db#password@7>" {
		t.Errorf("the references are %+v", d.References)
	}
}

// A reference means the same under stringData, in base64 under data, and with the
// annotations of argocd-vault-plugin.
func TestAReferenceIsTheSameHoweverItStands(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte("<vault:kv/shop/db#password>"))
	if d := diff(t, secret("stringData: {password: <vault:kv/shop/db#password>}\n"), secret("data: {password: "+encoded+"}\n"), compare.Options{}); len(d.Objects) > 0 {
		t.Errorf("it differs: %v", told(d))
	}
	const avp = "apiVersion: v1\nkind: Secret\nmetadata: {name: db, annotations: {avp.kubernetes.io/path: kv/data/shop/db}}\nstringData: {password: <%s>}\n"
	d := diff(t, fmt.Sprintf(avp, "password"), fmt.Sprintf(avp, "secret"), compare.Options{})
	want(t, d, "changed Secret db", `  changed data.password: "<password>" -> "<secret>"`, "  * the reference of data.password changes from <password> to <secret>")
}

func TestInjectionsAreCompared(t *testing.T) {
	text := secret("stringData: {password: <vault:kv/shop/db#password>}\n")
	side := func(kind string) compare.Rendered {
		return compare.Rendered{Objects: objects(t, text), Injected: map[string]string{"Secret shop/db": kind, "Secret shop/web-deployment-env": kind}}
	}
	d := compare.Objects(side("sealed-secret"), side("external-secret"), compare.Options{})
	want(t, d, "changed Secret shop/db", "  * injection changes from sealed-secret to external-secret")
	if len(d.Injections) != 2 || d.Injections[1].Object != "Secret shop/web-deployment-env" {
		t.Errorf("the injections are %+v", d.Injections)
	}
}

// Nothing of what a Secret holds in clear is in anything that the package returns,
// and each change of it is told.
func TestDataInClearIsNeverReturned(t *testing.T) {
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	tests := []struct {
		name, before, after, want string
	}{
		{"stringData", "stringData: {key: hunter-before}", "stringData: {key: hunter-after}", "data.key changes, in clear (not shown)"},
		{"data", "data: {key: " + encode("hunter-before") + "}", "data: {key: " + encode("hunter-after") + "}", "data.key changes, in clear (not shown)"},
		{"not base64", "data: {key: hunter-before}", "data: {key: hunter-after}", "data.key changes, in clear (not shown)"},
		{"not text", "stringData: {key: 4711}", "stringData: {key: [hunter-after]}", ""},
		{"added", "type: Opaque", "stringData: {key: hunter-after}", ""},
		{"from clear to reference", "stringData: {key: hunter-before}", "stringData: {key: <vault:kv/a/b#c>}", "data.key is a reference now: <vault:kv/a/b#c>"},
		{"from reference to clear", "stringData: {key: <vault:kv/a/b#c>}", "stringData: {key: hunter-after}", "data.key is no reference any more; it was <vault:kv/a/b#c>"},
		{"around a reference", "stringData: {key: 'hunter-before <vault:kv/a/b#c>'}", "stringData: {key: 'hunter-after <vault:kv/a/b#c>'}", "the text around the reference of data.key changes (not shown)"},
		{"a misspelt field", "stringdata: {key: hunter-before}", "stringdata: {key: hunter-after}", "stringdata changes, in clear (not shown)"},
		{"an unknown field that comes", "type: Opaque", "spec: [{key: hunter-after}]", "spec comes, in clear (not shown)"},
		{"data and a misspelt field", "stringData: {key: hunter-before}\ndatas: hunter-before", "stringData: {key: hunter-before}\ndatas: hunter-after", "datas changes, in clear (not shown)"},
		{"malformed reference", "stringData: {key: '<vault:hunter-before>'}", "stringData: {key: '<vault:hunter-after>'}", "data.key changes, in clear (not shown)"},
		{"last applied", "metadata: {name: db, annotations: {kubectl.kubernetes.io/last-applied-configuration: hunter-before}}", "metadata: {name: db, annotations: {kubectl.kubernetes.io/last-applied-configuration: hunter-after, a: b}}", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			make := func(fields string) string {
				if strings.HasPrefix(fields, "metadata") {
					return "apiVersion: v1\nkind: Secret\n" + fields + "\n"
				}
				return secret(fields + "\n")
			}
			d := diff(t, make(test.before), make(test.after), compare.Options{})
			if len(d.Objects) != 1 {
				t.Fatalf("found %v", told(d))
			}
			encoded, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			everything := fmt.Sprintf("%s %+v", encoded, d)
			for _, value := range []string{"hunter", encode("hunter-before"), encode("hunter-after"), "4711"} {
				if strings.Contains(everything, value) {
					t.Errorf("%q is in %s", value, everything)
				}
			}
			if test.want != "" && !strings.Contains(strings.Join(told(d), "\n"), test.want) {
				t.Errorf("%v does not say %q", told(d), test.want)
			}
			// It is hidden in an object that comes or goes, too.
			alone := compare.Objects(compare.Rendered{}, compare.Rendered{Objects: objects(t, make(test.after))}, compare.Options{})
			if text := fmt.Sprintf("%+v", alone); strings.Contains(text, "hunter") {
				t.Errorf("a new Secret shows its data: %s", text)
			}
		})
	}
}

func TestCiphertextsAreShortened(t *testing.T) {
	sealed := func(password string) string {
		return "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: db}\nspec: {encryptedData: {password: AgB" + password + ", user: AgC}}\n"
	}
	want(t, diff(t, sealed("x"), sealed("y"), compare.Options{}), "changed SealedSecret db",
		`  changed spec.encryptedData.password: "[ciphertext]" -> "[other ciphertext]"`, "  * the ciphertext of spec.encryptedData.password changes")
	if d := diff(t, sealed("x"), sealed("x"), compare.Options{}); len(d.Objects) > 0 {
		t.Errorf("the same differs: %v", told(d))
	}
}
