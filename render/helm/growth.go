package helm

import (
	"bytes"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// checkGrowth refuses YAML whose aliases lead in a circle or grow without measure,
// before Helm reads it: Helm's parser counts the nodes that aliases make, and not
// the bytes of a long text that is repeated.
func checkGrowth(file string, data []byte) error {
	if !bytes.ContainsRune(data, '&') || !bytes.ContainsRune(data, '*') {
		return nil
	}
	_, err := object.DecodeValue(data)
	switch fault.CodeOf(err) {
	case fault.YAMLAlias, fault.Limit:
		problem := fault.Of(err)[0]
		return problem.In(file, problem.Line)
	default:
		return nil // Helm says what is wrong
	}
}
