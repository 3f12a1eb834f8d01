package schema

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// maxQuantity bounds a quantity in bytes: the longest that means something is
// far shorter.
const maxQuantity = 128

// misfit says why a value does not have a form.
func (w *walker) misfit(want form, value any) *Finding {
	switch value := value.(type) {
	case string:
		return w.misfitText(want, value)
	case json.Number:
		return misfitNumber(want, value)
	case bool:
		if want == anything || want == boolean {
			return nil
		}
	case map[string]any:
		if want == anything || want == mapping {
			return nil
		}
	case []any:
		if want == anything || want == list {
			return nil
		}
	}
	return mistyped(want, value)
}

func (w *walker) misfitText(want form, value string) *Finding {
	switch want {
	case anything, text, integer32OrText, integerOrText:
		return nil
	case base64Text:
		if _, err := base64.StdEncoding.DecodeString(value); err != nil && !w.stands(value) {
			return &Finding{Message: "must be base64", Fix: "encode it, or use stringData in a Secret and data in a ConfigMap"}
		}
		return nil
	case quantity:
		if len(value) <= maxQuantity {
			if _, err := resource.ParseQuantity(strings.TrimSpace(value)); err == nil {
				return nil
			}
		}
		return w.malformed(want, value)
	case timestamp:
		if _, err := time.Parse(time.RFC3339, value); err != nil {
			return w.malformed(want, value)
		}
		return nil
	case microTimestamp:
		if _, err := time.Parse(metav1.RFC3339Micro, value); err != nil {
			return w.malformed(want, value)
		}
		return nil
	default:
		return mistyped(want, value)
	}
}

func (w *walker) malformed(want form, value string) *Finding {
	if w.stands(value) {
		return nil
	}
	return &Finding{Message: "must be " + forms[want]}
}

// references begin what stands for a value until it is resolved.
var references = []string{"<vault:", "<path:", "<aws-sm:", "<gcp-sm:", "<azure-kv:"}

// stands tells whether a text holds a reference, so that what it will be is not
// known yet.
func (w *walker) stands(value string) bool {
	if w.render.sealed {
		return false
	}
	for _, start := range references {
		if strings.Contains(value, start) {
			return true
		}
	}
	return false
}

func misfitNumber(want form, value json.Number) *Finding {
	switch want {
	case anything, number:
		return nil
	case quantity:
		if _, err := resource.ParseQuantity(value.String()); len(value) <= maxQuantity && err == nil {
			return nil
		}
	case integer64, integerOrText:
		if _, err := strconv.ParseInt(value.String(), 10, 64); err == nil {
			return nil
		}
	case integer32, integer32OrText:
		if _, err := strconv.ParseInt(value.String(), 10, 32); err == nil {
			return nil
		}
		if _, err := strconv.ParseInt(value.String(), 10, 64); err == nil {
			return &Finding{Message: "must be an integer of 32 bits, it is too large"}
		}
	}
	return mistyped(want, value)
}

// mistyped says what a value must be and what it is.
func mistyped(want form, value any) *Finding {
	finding := &Finding{Message: "must be " + forms[want] + ", it is " + object.Describe(value)}
	switch value := value.(type) {
	case string:
		_, err := strconv.ParseFloat(value, 64)
		isBool := value == "true" || value == "false"
		if want == boolean && isBool || err == nil && (want == integer32 || want == integer64 || want == number) {
			finding.Fix = "write it without quotes"
		}
	case bool, json.Number:
		if want == text || want == integerOrText || want == integer32OrText {
			finding.Fix = "put it in quotes"
		}
	case map[string]any:
		if want == list {
			finding.Fix = "begin each item with a dash"
		}
	}
	return finding
}
