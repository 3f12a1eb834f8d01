// Package install holds the files of the component sidecar, and of the Argo CD
// that it is put into, for argocd-seal init.
package install

import "embed"

// Files are argo-cd.yaml, which stands for a release of Argo CD, and the
// component in the directory sidecar.
//
//go:embed argo-cd.yaml sidecar/*.yaml
var Files embed.FS
