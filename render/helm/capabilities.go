package helm

import (
	"slices"

	"helm.sh/helm/v3/pkg/chartutil"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// capabilities returns what templates see of the destination. The list of
// versions that Helm knows belongs to the whole process, hence the copy.
func capabilities(o Options) (*chartutil.Capabilities, error) {
	destination := chartutil.DefaultCapabilities.Copy()
	destination.APIVersions = slices.Concat(chartutil.DefaultVersionSet, o.APIVersions)
	if o.KubeVersion == "" {
		return destination, nil
	}
	// What vendors append, such as "+k3s1" or "-gke.100", Helm drops.
	version, err := chartutil.ParseKubeVersion(o.KubeVersion)
	if err != nil {
		return nil, fault.New(fault.Parameter, "%q is not a Kubernetes version", fault.Clean(o.KubeVersion, 64)).
			WithFix(`use a version such as 1.33 or v1.33.2`)
	}
	destination.KubeVersion = *version
	return destination, nil
}
