package doctor

import (
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/render/sandbox"
)

// Missing is what is said of a layer that the kernel does not give, which no test
// can take away from it.
func Missing(layer string, required bool) Finding {
	settings := config.Default()
	if required {
		settings.Render.Sandbox.Require = []string{layer}
	}
	v := &visit{seal: &settings}
	return v.missing(sandbox.Layer{Name: layer, Detail: "function not implemented"})
}
