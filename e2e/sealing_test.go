package e2e

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// sealing is a cluster with the real controller, a real Vault that trusts the
// cluster's service accounts, and what the sidecar needs of both.
type sealing struct {
	cluster *harness.Cluster
	vault   *harness.Vault
	key     *corev1.Secret
	// dir holds the sidecar's files: certificate, salt and login token.
	dir         string
	fingerprint string
}

// startSealing sets everything up as docs/install.md tells.
func startSealing(t *testing.T) *sealing {
	t.Helper()
	harness.Need(t, harness.Unsealer, harness.Kubeseal, harness.SealedSecretCRD, harness.Unshare)
	s := &sealing{cluster: harness.NewCluster(t), vault: harness.NewVault(t), dir: t.TempDir()}
	var err error
	if s.key, err = s.cluster.Unseal(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, namespace := range []string{"apps", "argocd", "vault"} {
		must(t, s.cluster.Namespace(t.Context(), namespace))
	}
	s.trust(t)
	certificate := s.key.Data[corev1.TLSCertKey]
	block, _ := pem.Decode(certificate)
	sum := sha256.Sum256(block.Bytes)
	s.fingerprint = hex.EncodeToString(sum[:])
	salt := make([]byte, 32)
	_, _ = rand.Read(salt)
	must(t, os.WriteFile(s.file("sealing.crt"), certificate, 0o600))
	must(t, os.WriteFile(s.file("salt"), salt, 0o400))
	return s
}

// trust lets the service account argocd-seal log in to Vault, which asks
// the API server's TokenReview, and read what is below kv/shop.
func (s *sealing) trust(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	must(t, s.cluster.ServiceAccount(ctx, "vault", "vault"))
	must(t, s.cluster.ServiceAccount(ctx, "argocd", "argocd-seal"))
	_, err := s.cluster.Client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "vault"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:auth-delegator"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "vault", Name: "vault"}},
	}, metav1.CreateOptions{})
	must(t, err)
	reviewer, err := s.cluster.Token(ctx, "vault", "vault", harness.APIAudience)
	must(t, err)
	must(t, s.vault.Write(ctx, "auth/kubernetes/config", map[string]any{
		"kubernetes_host": s.cluster.Config.Host, "kubernetes_ca_cert": string(s.cluster.Config.CAData), "token_reviewer_jwt": reviewer,
	}))
	must(t, s.vault.Write(ctx, "sys/policies/acl/shop", map[string]any{
		"policy": `path "kv/data/shop/*" { capabilities = ["read"] }`,
	}))
	must(t, s.vault.Write(ctx, "auth/kubernetes/role/shop", map[string]any{
		"bound_service_account_names": "argocd-seal", "bound_service_account_namespaces": "argocd",
		"audience": "vault", "token_policies": "shop", "token_ttl": "10m",
	}))
	token, err := s.cluster.Token(ctx, "argocd", "argocd-seal", "vault")
	must(t, err)
	must(t, os.WriteFile(s.file("token"), []byte(token), 0o600))
}

func (s *sealing) file(name string) string { return filepath.Join(s.dir, name) }

// plugin is a sidecar that gives an injection to the application of a
// repository.
func (s *sealing) plugin(t *testing.T, injection string, repository *harness.Repository) harness.Plugin {
	t.Helper()
	settings := map[string]any{"default": injection}
	if injection == "sealed-secret" {
		settings["sealedSecret"] = map[string]any{
			"certificateFile": s.file("sealing.crt"), "fingerprint": s.fingerprint, "saltFile": s.file("salt"),
		}
	}
	text, err := yaml.Marshal(map[string]any{
		"vault": map[string]any{
			"address": s.vault.Address,
			"roles": []any{map[string]any{
				"name": "shop", "method": "kubernetes", "vaultRole": "shop", "tokenFile": s.file("token"),
			}},
		},
		// Argo CD 2.14 sends no project: repository and namespace tell tenants apart.
		"bindings": []any{map[string]any{
			"name": "shop", "repoURLs": []any{repository.URL}, "namespaces": []any{"apps"}, "role": "shop",
			"paths": []any{"kv/shop/**"}, "injections": []any{injection},
		}},
		"environments": []any{map[string]any{
			"name": "apps", "match": map[string]any{"namespaces": []any{"apps"}},
			"injection": settings,
		}},
	})
	must(t, err)
	return harness.Plugin{Name: "argocd-seal-" + injection, Version: "v1.0", Seal: string(text)}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
