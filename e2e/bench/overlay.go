package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

const (
	// services is how many services the application has, each a Deployment, a
	// Service and a ConfigMap.
	services = 10
	// objects is how many objects the application renders.
	objects = 3 * services
	// renderedFile holds a rendered application, beside its kustomization.
	renderedFile = "rendered.yaml"
)

const serviceYAML = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: %[1]s
spec:
  replicas: 1
  selector:
    matchLabels: {app: %[1]s}
  template:
    metadata:
      labels: {app: %[1]s}
    spec:
      containers:
      - name: main
        image: registry.example.com/%[1]s:1.0.0
        envFrom:
        - configMapRef: {name: %[1]s}
        ports:
        - {name: http, containerPort: 8080}
        readinessProbe:
          httpGet: {path: /ready, port: http}
        resources:
          requests: {cpu: 50m, memory: 64Mi}
          limits: {memory: 128Mi}
---
apiVersion: v1
kind: Service
metadata:
  name: %[1]s
spec:
  selector: {app: %[1]s}
  ports:
  - {name: http, port: 80, targetPort: http}
`

const overlayYAML = `resources:
- ../base
namespace: bench
namePrefix: production-
labels:
- pairs: {app.kubernetes.io/part-of: bench}
  includeSelectors: true
commonAnnotations:
  team: bench
replicas:
- {name: service-0, count: 3}
images:
`

// variant is one application: a directory of the repository.
type variant struct {
	dir, title string
}

// variants are measured apart: a strategic merge patch makes kustomize read its
// OpenAPI schema, which takes longer than all the rest.
var variants = []variant{
	{dir: "overlay", title: "Prefix, namespace, labels, annotations, images, replicas and generated ConfigMaps"},
	{dir: "patched", title: "The same, and one strategic merge patch on all Deployments"},
}

const patchYAML = `resources:
- ../overlay
patches:
- target: {kind: Deployment}
  patch: |-
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: any
    spec:
      template:
        spec:
          securityContext: {runAsNonRoot: true}
`

// makeRepository makes a repository with a base and its overlays, of usual size
// and features, and with what kustomize makes of each.
func makeRepository(ctx context.Context, dir string) (*harness.Repository, error) {
	repository, err := emptyRepository(ctx, dir)
	if err != nil {
		return nil, err
	}
	if err := repository.Commit(ctx, overlayFiles()); err != nil {
		return nil, err
	}
	kustomize, err := harness.Kustomize.Path()
	if err != nil {
		return nil, err
	}
	rendered := harness.Files{}
	for _, v := range variants {
		output, err := exec.CommandContext(ctx, kustomize, "build", filepath.Join(dir, v.dir)).Output()
		if err != nil {
			return nil, fmt.Errorf("kustomize build %s: %w", v.dir, err)
		}
		rendered[v.dir+"/"+renderedFile] = string(output)
	}
	return repository, repository.Commit(ctx, rendered)
}

func emptyRepository(ctx context.Context, dir string) (*harness.Repository, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return harness.CreateRepository(ctx, dir)
}

func overlayFiles() harness.Files {
	var resources, generators, images strings.Builder
	files := harness.Files{}
	for i := range services {
		name := fmt.Sprintf("service-%d", i)
		files["base/"+name+".yaml"] = fmt.Sprintf(serviceYAML, name)
		fmt.Fprintf(&resources, "- %s.yaml\n", name)
		fmt.Fprintf(&generators, "- name: %[1]s\n  literals: [NAME=%[1]s, LOG_LEVEL=info]\n", name)
		fmt.Fprintf(&images, "- {name: registry.example.com/%s, newTag: 2.0.0}\n", name)
	}
	files["base/kustomization.yaml"] = "resources:\n" + resources.String() + "configMapGenerator:\n" + generators.String()
	files["overlay/kustomization.yaml"] = overlayYAML + images.String()
	files["patched/kustomization.yaml"] = patchYAML
	return files
}
