package config

import "time"

// Rotation is the section rotation: Applications whose secrets or policies have
// changed are refreshed through the Kubernetes API.
type Rotation struct {
	// Whether Applications are refreshed at all.
	Enabled bool `json:"enabled"`
	// How often Vault is asked for the versions of the secrets in use.
	Interval Duration `json:"interval" range:"1s..24h"`
	// Most requests to Vault in one second, beside those of renders.
	Rate int `json:"rate" range:"1..1000"`
	// Most Applications that are refreshed in one second.
	Spread int `json:"spread" range:"1..1000"`
	// Secrets in use whose version is older are reported; 0 reports none.
	MaxAge Duration `json:"maxAge" range:"0s..87600h"`
	// Argo CD's own namespace; empty means that of the pod.
	Namespace string `json:"namespace"`
	// A kubeconfig file to reach the Kubernetes API with; empty means the service
	// account of the pod.
	KubeconfigFile string `json:"kubeconfigFile"`
}

func defaultRotation() Rotation {
	return Rotation{Interval: Duration(time.Minute), Rate: 20, Spread: 5}
}
