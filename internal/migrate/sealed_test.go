package migrate_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/same"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/seal"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
)

// TestWhatHasMovedCanBeSealed: a reference never ends where the sidecar refuses
// it. Every object of the migrated corpus without placeholders is sealed.
func TestWhatHasMovedCanBeSealed(t *testing.T) {
	tree := treeOf(t, "testdata/corpus")
	after := migrated(tree, planOf(t, tree))
	stage := sealing(t)
	reader := same.Reader{Mounts: avp.Mounts{}}
	sealed := 0
	for _, application := range []struct {
		dir        string
		parameters render.Parameters
	}{
		{"manifests", render.Parameters{}}, {"kustomize/overlay", render.Parameters{}}, {"chart", render.Parameters{}},
		{"chart", render.Parameters{Helm: render.HelmParameters{ValuesFiles: []string{"values-prod.yaml"}}}},
	} {
		result, err := (&inProcess{}).Render(t.Context(), render.Request{Source: after, Path: application.dir, AppName: "a", Namespace: "shop", Parameters: application.parameters})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range result.Objects {
			if len(reader.Placeholders(o)) > 0 {
				continue
			}
			out, err := stage.Apply(t.Context(), secrets.Request{Identity: secrets.Identity{App: "a", Namespace: "shop"}, Objects: []object.Object{o}})
			if err != nil {
				t.Errorf("%s of %s: %v", o, application.dir, err)
			}
			for _, one := range out.Injections {
				if one.Kind == inject.KindSealedSecret {
					sealed++
				}
			}
		}
	}
	if sealed < 30 {
		t.Errorf("only %d objects were sealed", sealed)
	}
}

func sealing(t *testing.T) *secrets.Stage {
	t.Helper()
	content := []byte(read(t, "../../secrets/seal/testdata/cert.pem"))
	block, _ := pem.Decode(content)
	sum, secret := sha256.Sum256(block.Bytes), sha256.Sum256([]byte("salt for tests"))
	certificate, err := seal.ParseCertificate(content, hex.EncodeToString(sum[:]))
	if err != nil {
		t.Fatal(err)
	}
	salt, err := seal.NewSalt(secret[:])
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.New(certificate, salt, seal.Strict)
	if err != nil {
		t.Fatal(err)
	}
	environment := secrets.Environment{Default: inject.KindSealedSecret, Sealer: sealer, PlainSecrets: secrets.PlainPass,
		Injections: map[inject.Kind]inject.Injection{inject.KindSealedSecret: inject.SealedSecret{Sealer: sealer}}}
	return &secrets.Stage{Source: store.Fakes{}, Environments: map[string]secrets.Environment{"": environment}, Local: true}
}
