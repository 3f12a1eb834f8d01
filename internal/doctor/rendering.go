package doctor

import (
	"context"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render/sandbox"
)

// remedies say what gives a layer of the sandbox.
var remedies = map[string]string{
	sandbox.Landlock: "run a kernel of 5.13 or newer with landlock among its security modules: cat /sys/kernel/security/lsm",
	sandbox.Seccomp:  "let the container's seccomp profile allow the system call seccomp: securityContext.seccompProfile.type: RuntimeDefault",
	sandbox.Memory:   "run a kernel of 4.7 or newer, which counts a process' data by RLIMIT_DATA",
}

// checkWorkers starts a render worker as the sidecar does, and says which layers
// of the sandbox hold in it.
func (v *visit) checkWorkers(ctx context.Context) []Finding {
	a := about{area: Rendering, check: "workers"}
	settings := v.seal.Render
	// Whether a layer is missed is said here, for all of them.
	settings.Sandbox.Require = nil
	settings.Workers.Spares, settings.Workers.Concurrency = 1, 1
	pool, err := v.Tools.Workers(settings)
	if err != nil {
		return a.faults(err)
	}
	defer pool.Close()
	if err := pool.Start(ctx); err != nil {
		return a.faults(err)
	}
	var findings []Finding
	var active []string
	for _, layer := range pool.Layers() {
		if layer.Active {
			active = append(active, layer.Name)
			continue
		}
		findings = append(findings, v.missing(layer))
	}
	whole := about{area: Rendering, check: "sandbox"}.ok("a worker starts, confined by %s", strings.Join(active, ", "))
	return append([]Finding{whole}, findings...)
}

// missing is about a layer that the kernel or the container does not give.
func (v *visit) missing(layer sandbox.Layer) Finding {
	a := about{area: Rendering, check: "sandbox"}.of(layer.Name)
	fix := remedies[layer.Name]
	if fix == "" {
		fix = "give the container the missing right"
	}
	if slices.Contains(v.seal.Render.Sandbox.Require, layer.Name) {
		return a.fail(fault.Sandbox, fix+"; or take "+layer.Name+" out of render.sandbox.require", "it is required and missing: %s", layer.Detail)
	}
	return a.warn(fix, "it is missing, and not required: %s", layer.Detail)
}
