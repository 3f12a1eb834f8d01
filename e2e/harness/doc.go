// Package harness starts the real servers that Argo CD's users run (Redis,
// argocd-repo-server, argocd-cmp-server) beside the built argocd-seal binary
// and asks the repo-server for manifests, as Argo CD's controller does.
//
// A [Lab] is one repo-server with its Redis and the plugins on its sockets:
//
//	lab := harness.New(t, harness.ArgoCD2)
//	sidecar, err := lab.Serve(t.Context(), harness.Plugin{Name: "argocd-seal", Version: "v1.0"})
//	repository := harness.NewRepository(t, harness.Files{"app/pod.yaml": "..."})
//	response, err := lab.Generate(t.Context(), harness.Application{...})
//
// Nothing here imports a package of the product: tests see what a user sees.
// No port is chosen ahead of time: Redis and the plugins listen on unix
// sockets, and the repo-server takes a free port and says which. The package
// needs Linux, git and redis-server.
package harness
