package vault

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/argocd-seal/argocd-seal-plugin/internal/corpus"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

// FuzzParseValues reads what Vault, or something in its place, may answer. It
// looks inside of the package because a client would need a server for each
// input.
func FuzzParseValues(f *testing.F) {
	corpus.Add(f,
		``, `null`, `{}`, `[]`, `"text"`, `{"k":"v"}`, `{"k":null}`, `{"k":123456789012345678901}`, `{"k":1.50}`, `{"k":1e3}`, `{"k":-0.0}`,
		`{"k":true,"l":false}`, `{"k":{"a":[1,{"b":"c"}]}}`, `{"k":[" "]}`, `{"k":"\u0000\ud83d\ude00"}`, `{"k":"\ud800"}`, "{\"k\":\"\xff\"}",
		`{"k":"v","k":"w"}`, `{"k":`, `{"k":"v"}x`, ` { "k" : "v" } `, `{"":""}`, `{"k":"<vault:kv/a#k>"}`, `{"k":01}`,
	)
	f.Fuzz(func(t *testing.T, answer string) {
		before := []byte(answer)
		values, err := parseValues([]byte(answer))
		if err != nil {
			if len(before) >= 8 && strings.Contains(err.Error(), string(before)) {
				t.Errorf("the fault shows the answer: %v", err)
			}
			return
		}
		if !json.Valid(before) {
			t.Fatalf("%q is taken and is no JSON", before)
		}
		for key, v := range values {
			text := v.Reveal()
			switch v.Kind() {
			case value.Text:
				if !utf8.Valid(text) {
					t.Errorf("the text of %q is not UTF-8: %q", key, text)
				}
			case value.Number:
				if !bytes.Contains(before, text) {
					t.Errorf("the number %s is not as it was in %s", text, before)
				}
			case value.Invalid:
				t.Errorf("%q has no kind", key)
			default:
				if !json.Valid(text) {
					t.Errorf("%q is no JSON: %q", key, text)
				}
			}
		}
	})
}
