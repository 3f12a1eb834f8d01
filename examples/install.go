// Package examples holds the files of the example installation that argocd-seal
// init copies.
package examples

import "embed"

// Install has install/argo-cd.yaml, which stands for a release of Argo CD, and
// the component install/sidecar.
//
//go:embed install/argo-cd.yaml install/sidecar/*.yaml
var Install embed.FS
