package inject

import (
	"encoding/base64"
	"runtime"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/seal"
)

// maxSecretData is how much a Secret may hold: MaxSecretSize of Kubernetes'
// core API.
const maxSecretData = 1 << 20

// SealedSecret seals for Bitnami's sealed-secrets controller.
type SealedSecret struct{ Sealer *seal.Sealer }

var _ Injection = SealedSecret{}

// Inject returns one SealedSecret. Literals are sealed with the rest.
func (i SealedSecret) Inject(secret *Secret, _ []object.Object) ([]object.Object, error) {
	if err := checkSize(secret); err != nil {
		return nil, err
	}
	sealed := make([]string, len(secret.Entries))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for n, entry := range secret.Entries {
		group.Go(func() (err error) {
			sealed[n], err = i.Sealer.Seal(secret.Namespace, secret.Name(), entry.Key, entry.Value)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		first := fault.Of(err)[0]
		return nil, first.In(secret.Object.File, secret.Object.Line).At(secret.Object.String(), "")
	}
	encrypted := make(map[string]any, len(sealed))
	for n, entry := range secret.Entries {
		encrypted[entry.Key] = sealed[n]
	}
	template := map[string]any{"metadata": i.scoped(secret.childMetadata()), "type": secret.secretType()}
	if secret.immutable() {
		template["immutable"] = true
	}
	return []object.Object{secret.emit(map[string]any{
		"apiVersion": "bitnami.com/v1alpha1",
		"kind":       "SealedSecret",
		"metadata":   i.scoped(secret.metadata()),
		"spec":       map[string]any{"encryptedData": encrypted, "template": template},
	})}, nil
}

// scoped says in metadata what the values were sealed for: the controller
// derives the label that it unseals with from there.
func (i SealedSecret) scoped(metadata map[string]any) map[string]any {
	name := map[seal.Scope]string{seal.NamespaceWide: scopeNamespaceWide, seal.ClusterWide: scopeClusterWide}[i.Sealer.Scope()]
	if name == "" {
		return metadata
	}
	annotations, _ := metadata["annotations"].(map[string]any)
	if annotations == nil {
		annotations = map[string]any{}
	}
	annotations[name] = "true"
	metadata["annotations"] = annotations
	return metadata
}

// Plaintext puts the values into the Secret, as argocd-vault-plugin does.
type Plaintext struct{}

var _ Injection = Plaintext{}

// Inject returns the Secret with its values in the fields where their
// references stood. Bytes that are not text go to data.
func (Plaintext) Inject(secret *Secret, _ []object.Object) ([]object.Object, error) {
	if err := checkSize(secret); err != nil {
		return nil, err
	}
	filled := secret.Object.Clone()
	data, stringData := map[string]any{}, map[string]any{}
	for _, entry := range secret.Entries {
		content := entry.Value.Reveal()
		if entry.InData || !utf8.Valid(content) {
			data[entry.Key] = base64.StdEncoding.EncodeToString(content)
		} else {
			stringData[entry.Key] = string(content)
		}
	}
	for field, content := range map[string]map[string]any{"data": data, "stringData": stringData} {
		delete(filled.Fields, field)
		if len(content) > 0 {
			filled.Fields[field] = content
		}
	}
	return []object.Object{filled}, nil
}

func checkSize(secret *Secret) error {
	size := 0
	for _, entry := range secret.Entries {
		size += len(entry.Key) + entry.Value.Len()
	}
	if size > maxSecretData {
		return secret.Object.Fault(fault.Limit, "", "the Secret would hold more than %d bytes, which Kubernetes refuses", maxSecretData).
			WithFix("split it into several Secrets")
	}
	return nil
}
