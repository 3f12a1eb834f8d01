package attest_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/sigstore/cosign/v2/pkg/cosign/attestation"

	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/attest"
)

// TestWhatCosignAttestsIsRead has cosign itself make statements of predicates, as
// cosign attest --type does, and wants the facts of the statements in testdata.
func TestWhatCosignAttestsIsRead(t *testing.T) {
	for name, kind := range map[string]string{
		"provenance-github-v02": "slsaprovenance", "provenance-buildkit-v02": "slsaprovenance02", "provenance-github-v1": "slsaprovenance1",
		"provenance-tekton-v1": "slsaprovenance1", "provenance-buildkit-v1": "slsaprovenance1",
		"report-trivy": "vuln", "report-grype": "vuln", "report-trivy-own": "https://aquasecurity.github.io/trivy/v0.74",
		"report-intoto-v02": "https://in-toto.io/attestation/vulns/v0.2", "sbom-spdx": "spdxjson", "sbom-cyclonedx": "https://cyclonedx.org/bom/v1.6",
		"vex": "https://openvex.dev/ns/v0.2.0",
	} {
		statement := signed(t, "ci", name)
		var fields struct {
			Predicate json.RawMessage `json:"predicate"`
		}
		if err := json.Unmarshal(statement.Body, &fields); err != nil {
			t.Fatal(err)
		}
		made := cosign(t, kind, fields.Predicate)
		if want, got := read(t, statement), read(t, made); !reflect.DeepEqual(want, got) {
			t.Errorf("%s: the facts are %+v, want %+v", name, got, want)
		}
	}
	// These two keep the file as one text.
	var fields struct{ Predicate struct{ Data string } }
	if err := json.Unmarshal([]byte(file(t, "report-custom")), &fields); err != nil {
		t.Fatal(err)
	}
	if got := read(t, cosign(t, "custom", []byte(fields.Predicate.Data))).Reports; len(got) != 1 || got[0].Counts.Total != 4 {
		t.Errorf("the reports are %+v", got)
	}
	spdx := `{"spdxVersion": "SPDX-2.3", "packages": [{"name": "cart"}]}`
	if got := read(t, cosign(t, "spdx", []byte(spdx))).SBOMs; len(got) != 1 || got[0].Components != 1 || got[0].Version != "2.3" {
		t.Errorf("the SBOMs are %+v", got)
	}
	// cosign loses a report that is no predicate of its own and attests an empty one.
	refused(t, "the report is of no form that is known", cosign(t, "vuln", []byte(fields.Predicate.Data)))
}

func cosign(t *testing.T, kind string, predicate []byte) attest.Statement {
	t.Helper()
	made, err := attestation.GenerateStatement(attestation.GenerateOpts{
		Predicate: bytes.NewReader(predicate), Type: kind, Digest: digest[7:], Repo: "registry.example.com/shop/cart",
	})
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	return attest.Statement{Body: body, Signer: "ci"}
}
