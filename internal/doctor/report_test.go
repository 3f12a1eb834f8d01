package doctor_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/doctor"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

const policy = "vault policy write x - <<'END'\npath \"kv/data/x\" { capabilities = [\"read\"] }\nEND"

var example = doctor.Report{Config: "plugin.yaml", Findings: []doctor.Finding{
	{Area: doctor.Configuration, Check: "file", Status: doctor.OK, Seen: "it loads"},
	{Area: doctor.Vault, Check: "login", Subject: "reader", Status: doctor.Failed, Code: fault.Vault, Seen: "Vault refuses the login of a role that nobody knows", Fix: "vault read auth/kubernetes/role/reader"},
	{Area: doctor.Bindings, Check: "access", Subject: "shop", Status: doctor.Warning, Seen: "it may also write", Fix: policy},
	{Area: doctor.Bindings, Check: "access", Subject: "books", Status: doctor.Warning, Seen: "it may also write", Fix: policy},
	{Area: doctor.Repository, Check: "stream", Status: doctor.Unchecked, Seen: "<&>", Bytes: &doctor.Bytes{Now: 2, Then: 1}},
}}

// Commands are never broken into lines, whatever the width, and one that stands
// above already is not repeated.
func TestTable(t *testing.T) {
	const want = `plugin.yaml: plugin.yaml

configuration
  ✓  file: it loads

vault
  ✗  login reader: E_VAULT: Vault refuses
     the login of a role that nobody knows
     fix: vault read auth/kubernetes/role/reader

bindings
  !  access shop: it may also write
     fix: vault policy write x - <<'END'
path "kv/data/x" { capabilities = ["read"] }
END
  !  access books: it may also write
     fix: as above

repository
  –  stream: <&>

1 ok, 2 warnings, 1 failed, 1 not checked
`
	var text strings.Builder
	if err := example.Write(&text, doctor.Table, doctor.Look{Signs: true, Width: 42}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	text.Reset()
	if err := example.Write(&text, doctor.Table, doctor.Look{Signs: true, Color: true}); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"\x1b[32m✓\x1b[0m", "\x1b[31m✗\x1b[0m", "\x1b[33m!\x1b[0m", "\x1b[1mvault\x1b[0m"} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("%q is not in\n%s", part, text.String())
		}
	}
}

func TestJSON(t *testing.T) {
	var text strings.Builder
	if err := example.Write(&text, doctor.JSON, doctor.Look{Color: true}); err != nil {
		t.Fatal(err)
	}
	var read struct {
		doctor.Report
		Summary map[doctor.Status]int
	}
	if err := json.Unmarshal([]byte(text.String()), &read); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(example, read.Report); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want := map[doctor.Status]int{doctor.OK: 1, doctor.Warning: 2, doctor.Failed: 1, doctor.Unchecked: 1}
	if diff := cmp.Diff(want, read.Summary); diff != "" || strings.Contains(text.String(), "\x1b") {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
