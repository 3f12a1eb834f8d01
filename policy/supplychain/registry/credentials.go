package registry

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/argocd-seal/argocd-seal-plugin/internal/bounded"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/image"
)

// maxPullSecret is what Kubernetes takes as a Secret.
const maxPullSecret = 1 << 20

// credential returns what a registry is logged in to with. Whichever host asks,
// it is the registry's: the guard lets no other host ask but its token service.
func (h *host) credential(ctx context.Context, _ string) (auth.Credential, error) {
	switch {
	case h.Login != nil:
		username, password, err := h.Login(ctx)
		return auth.Credential{Username: username, Password: password}, err
	case h.PullSecret != "":
		return h.pullSecret()
	default:
		return auth.EmptyCredential, nil
	}
}

// entry is one registry of a pull secret.
type entry struct {
	Auth          string `json:"auth"`
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

// pullSecret reads the registry's part of a pull secret, by the form that
// https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/
// describes. Helpers that Docker would run are not asked.
func (h *host) pullSecret() (auth.Credential, error) {
	broken := func(what string) error {
		return fault.New(fault.ImageRegistry, "the pull secret %s", what).In(h.PullSecret, 0).At("", "images.registries["+h.Host+"].pullSecret").
			WithFix("mount a Secret of the type kubernetes.io/dockerconfigjson with an entry for %s", h.Host)
	}
	content, err := bounded.ReadFile(h.PullSecret, maxPullSecret)
	if err != nil {
		return auth.EmptyCredential, broken("cannot be read")
	}
	var parsed struct {
		Auths map[string]entry `json:"auths"`
	}
	if json.Unmarshal(content, &parsed) != nil {
		return auth.EmptyCredential, broken("is not in the form of a docker configuration")
	}
	// The host itself comes before spellings with a scheme or a path.
	names := slices.SortedFunc(maps.Keys(parsed.Auths), func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	for _, name := range names {
		found := parsed.Auths[name]
		if hostOf(name) != h.Host {
			continue
		}
		if found.Auth != "" {
			plain, err := base64.StdEncoding.DecodeString(found.Auth)
			username, password, ok := strings.Cut(string(plain), ":")
			if err != nil || !ok {
				return auth.EmptyCredential, broken("has an auth that is not user:password in base64")
			}
			found.Username, found.Password = username, password
		}
		return auth.Credential{
			Username: found.Username, Password: found.Password, RefreshToken: found.IdentityToken, AccessToken: found.RegistryToken,
		}, nil
	}
	return auth.EmptyCredential, broken("has no entry for the registry")
}

// hostOf takes the host out of the spellings that pull secrets have:
// https://host/v1/, host/path and host.
func hostOf(name string) string {
	if _, rest, ok := strings.Cut(name, "://"); ok {
		name = rest
	}
	name, _, _ = strings.Cut(name, "/")
	return image.Host(name)
}
