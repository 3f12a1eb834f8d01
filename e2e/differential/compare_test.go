package differential

import (
	"strings"
	"testing"
)

func TestDiff(t *testing.T) {
	const service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {port: 9007199254740993}\n"
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\n"
	tests := []struct {
		name, want, got string
		// report is part of the description; empty where both agree.
		report string
	}{
		{"equal in another order", service + "---\n" + pod, pod + "---\n" + service, ""},
		{"empty documents", "---\n# nothing\n---\n" + pod, pod, ""},
		{"a list is its items", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: web, namespace: shop}\n", pod, ""},
		{"missing", service + "---\n" + pod, service, "v1 Pod shop/web: missing"},
		{"surplus", service, service + "---\n" + pod, "v1 Pod shop/web: not expected"},
		{"twice", pod, pod + "---\n" + pod, "v1 Pod shop/web #2: not expected"},
		{"another large integer", service, strings.Replace(service, "0993", "0992", 1), "9007199254740992"},
		{"a number is not a string", service, strings.Replace(service, "9007199254740993", `"9007199254740993"`, 1), "spec"},
		{"null is not absence", pod, pod + "spec: null\n", "spec"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want, err := Parse([]byte(test.want))
			if err != nil {
				t.Fatal(err)
			}
			got, err := Parse([]byte(test.got))
			if err != nil {
				t.Fatal(err)
			}
			difference := Diff(want, got)
			if test.report == "" && difference != "" || !strings.Contains(difference, test.report) {
				t.Errorf("Diff = %q, want it to hold %q", difference, test.report)
			}
		})
	}
}

func TestParseReportsBrokenDocument(t *testing.T) {
	if _, err := Parse([]byte("a: [b\n")); err == nil {
		t.Error("Parse of broken YAML gives no error")
	}
	if _, err := ParseLines([]byte("{\"a\":1}\n{\"a\"\n")); err == nil {
		t.Error("ParseLines of broken JSON gives no error")
	}
}
