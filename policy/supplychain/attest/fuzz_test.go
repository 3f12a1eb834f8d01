package attest_test

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/corpus"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/attest"
)

// FuzzRead reads any statement. What the standard library cannot read gives no
// fact; one statement gives facts or a problem and never both; facts are those
// of the same JSON in another spelling; and no rule is met by a statement that
// was left out.
func FuzzRead(f *testing.F) {
	names, err := filepath.Glob("testdata/*.json")
	if err != nil {
		f.Fatal(err)
	}
	var seeds []string
	for _, name := range names {
		seeds = append(seeds, file(f, strings.TrimSuffix(filepath.Base(name), ".json")))
	}
	corpus.Add(f, append(seeds, "", "{}", "[", `{"_type":"https://in-toto.io/Statement/v1","_type":1}`, strings.Repeat("[", 200))...)
	rules := attest.Rules{Provenance: &attest.ProvenanceRule{SourceIsApplication: true}, Vulnerabilities: &attest.VulnerabilityRule{VEXSignedBy: []string{"ci"}}, SBOM: &attest.SBOMRule{}}
	f.Fuzz(func(t *testing.T, text string) {
		facts, problems := attest.Read(digest, []attest.Statement{{Body: []byte(text), Signer: "ci"}})
		count := len(facts.Provenance) + len(facts.Reports) + len(facts.VEX) + len(facts.SBOMs)
		if count > 0 && (len(problems) > 0 || !json.Valid([]byte(text))) {
			t.Errorf("%d facts, and the problems %+v", count, problems)
		}
		for _, found := range rules.Judge(facts, cart) {
			if len(found.Message) > 600 || found.Message != fault.Clean(found.Message, 600) || found.Code == "" {
				t.Errorf("the finding is %+q", found)
			}
		}
		if count == 0 && len(rules.Judge(facts, cart)) != 3 {
			t.Error("a rule is met by nothing")
		}
		if _, err := json.Marshal(rules.Settle(facts, cart)); err != nil {
			t.Error(err)
		}
		respelt(t, text, facts, len(problems))
		if exceptions, err := attest.ReadVEX([]byte(text)); err != nil && exceptions != nil {
			t.Errorf("exceptions beside an error: %v", err)
		}
	})
}

// respelt reads a statement once more as the standard library writes it.
func respelt(t *testing.T, text string, want attest.Facts, problems int) {
	t.Helper()
	var value any
	if problems > 0 || json.Unmarshal([]byte(text), &value) != nil {
		return
	}
	again, err := json.MarshalIndent(value, "", "\t")
	if err != nil || len(again) > attest.MaxBody {
		return
	}
	if got, problems := attest.Read(digest, []attest.Statement{{Body: again, Signer: "ci"}}); len(problems) > 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("in another spelling the facts are %+v and not %+v: %+v", got, want, problems)
	}
}
