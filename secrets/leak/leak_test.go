package leak_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/leak"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

func configMap(text any) []object.Object {
	return []object.Object{{File: "cm.yaml", Fields: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "c"},
		"data": map[string]any{"k": []any{map[string]any{"deep": text}}},
	}}}
}

func TestScanFindsEveryForm(t *testing.T) {
	for _, secret := range []string{"s3cr3t", `p"w\d<é>&/+?`, "\x00\x01binary\xff\xfe", "long " + strings.Repeat("value ", 50)} {
		quoted, _ := json.Marshal(secret)
		var escaped strings.Builder
		for _, r := range secret {
			fmt.Fprintf(&escaped, `\u%04x`, r)
		}
		forms := map[string]string{
			"raw":          secret,
			"base64":       base64.StdEncoding.EncodeToString([]byte(secret)),
			"base64 at 1":  base64.StdEncoding.EncodeToString([]byte("x" + secret + "tail")),
			"base64 at 2":  base64.StdEncoding.EncodeToString([]byte("xy" + secret + "tail")),
			"base64 at 3":  base64.StdEncoding.EncodeToString([]byte("xyz" + secret)),
			"base64url":    base64.RawURLEncoding.EncodeToString([]byte("//" + secret)),
			"hex":          hex.EncodeToString([]byte(secret)),
			"HEX":          strings.ToUpper(hex.EncodeToString([]byte(secret))),
			"query":        "https://h/?p=" + url.QueryEscape(secret) + "&x",
			"path":         "https://h/" + url.PathEscape(secret),
			"JSON in text": `{"p":` + string(quoted) + `}`,
		}
		if strings.ToValidUTF8(secret, "") == secret {
			forms["all escaped"] = escaped.String()
		}
		watched := []leak.Watched{{Value: value.FromString(secret), Name: "kv/demo/db#password"}}
		for name, form := range forms {
			faults := leak.Scan(configMap("before "+form+" after"), watched)
			if len(faults) != 1 || faults[0].Code != fault.Leak || faults[0].Field != "data.k[0].deep" || faults[0].File != "cm.yaml" {
				t.Errorf("%q as %s: %v, want one E_LEAK at data.k[0].deep", secret, name, faults)
			}
			if strings.Contains(faults.Error(), secret[:6]) || !strings.Contains(faults.Error(), "kv/demo/db#password") {
				t.Errorf("the fault must name the reference and not the value: %v", faults)
			}
		}
	}
}

func TestScanOfShortValues(t *testing.T) {
	for _, test := range []struct {
		name, secret string
		text         any
		want         int
	}{
		{"the whole string", "4711", "4711", 1},
		{"its base64", "4711", base64.StdEncoding.EncodeToString([]byte("4711")), 1},
		{"inside of a text", "4711", "port 4711", 0},
		{"a number", "4711", json.Number("4711"), 0},
		{"three bytes", "app", "app", 1},
		{"letters inside of a word", "secret", "my-secrets", 1},
		{"letters as base64", "secret", base64.StdEncoding.EncodeToString([]byte("xsecretx")), 1},
		{"digits inside of others", "471147", "1471147", 1},
		{"a boolean", "true", true, 0},
		{"empty", "", "", 0},
		{"a long number", "471147114711", json.Number("471147114711"), 1},
	} {
		got := leak.Scan(configMap(test.text), []leak.Watched{{Value: value.FromString(test.secret), Name: "n"}})
		if len(got) != test.want {
			t.Errorf("%s: %v, want %d", test.name, got, test.want)
		}
	}
}

func TestScanOfKeys(t *testing.T) {
	objects := configMap("x")
	objects[0].Fields["data"].(map[string]any)["hunter2pw1"] = "v"
	if got := leak.Scan(objects, []leak.Watched{{Value: value.FromString("hunter2pw1"), Name: "n"}}); len(got) != 1 {
		t.Errorf("a value as a key: %v, want one fault", got)
	}
	objects = configMap("x")
	objects[0].Fields["data"].(map[string]any)["password"] = "v"
	if got := leak.Scan(objects, []leak.Watched{{Value: value.FromString("password"), Name: "n"}}); len(got) != 0 {
		t.Errorf("the name of a key that is somebody's password: %v, want none", got)
	}
}

func TestScanPassesWhatHoldsNoValue(t *testing.T) {
	random := make([]byte, 1<<20)
	_, _ = rand.Read(random)
	watched := make([]leak.Watched, 200)
	for i := range watched {
		watched[i] = leak.Watched{Value: value.FromString(fmt.Sprintf("value-number-%d-%x", i, i*7919)), Name: "n"}
	}
	if got := leak.Scan(configMap(base64.StdEncoding.EncodeToString(random)), watched); len(got) != 0 {
		t.Errorf("%v, want none", got)
	}
}

func BenchmarkScan(b *testing.B) {
	random := make([]byte, 1<<20)
	_, _ = rand.Read(random)
	objects := configMap(base64.StdEncoding.EncodeToString(random))
	watched := make([]leak.Watched, 200)
	for i := range watched {
		watched[i] = leak.Watched{Value: value.FromString(fmt.Sprintf("%x-value", i*7919)), Name: "n"}
	}
	for b.Loop() {
		if err := leak.Scan(objects, watched); err != nil {
			b.Fatal(err)
		}
	}
}
