// Package render turns a source into Kubernetes objects. [Request] goes to a
// worker process (package worker), which detects the kind of the source and
// calls the engine for it: packages kustomize, helm and plain. Nothing in this
// tree ever holds a credential.
package render

import (
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// Request is all that an engine knows: the files, and what Argo CD says about
// the destination. It holds no credential and no environment.
type Request struct {
	// Tenant is whose request it is. The pool shares its workers out between
	// tenants; no worker is told. Requests without a tenant have no share.
	Tenant string
	Source *source.Tree
	// Path is the application's directory below the source's root; "." is the root.
	Path string
	// Root bounds which files the application may refer to: a directory at or
	// above Path, by default ".".
	Root string
	// AppName is the default Helm release name.
	AppName string
	// Namespace is the destination namespace; it may be empty.
	Namespace string
	// KubeVersion is the destination's version, such as "1.33.2"; empty means
	// Helm's default.
	KubeVersion string
	// APIVersions are the group/versions and group/version/kinds that the
	// destination serves, for Helm's Capabilities.
	APIVersions []string
	Parameters  Parameters
	Limits      Limits
}

// Result is what an engine made of a request.
type Result struct {
	// Kind says which engine rendered: one of the Kind constants.
	Kind Kind
	// Objects are flattened, shape-checked and in their final order.
	Objects []object.Object
	// Warnings are things that people should know and that do not stop a sync.
	Warnings []*fault.Error
}

// Kind is the kind of a source.
type Kind string

// The kinds of source, as the parameter source-type names them.
const (
	KindKustomize     Kind = "kustomize"
	KindHelm          Kind = "helm"
	KindHelmKustomize Kind = "helm-kustomize"
	KindDirectory     Kind = "directory"
	KindComposite     Kind = "composite"
)

// Kinds lists every kind of source.
func Kinds() []Kind {
	return []Kind{KindKustomize, KindHelm, KindHelmKustomize, KindDirectory, KindComposite}
}

// Limits bound what one request may make the worker do. Zero means the default.
type Limits struct {
	// Objects is the most objects that a request may render.
	Objects int
	// OutputBytes bounds the JSON of all objects together.
	OutputBytes int64
	// ScalarBytes bounds one string in an object.
	ScalarBytes int
	// QuoteErrors lets the text of kustomize, Helm and YAML errors through.
	// It is safe because a worker never holds a secret.
	QuoteErrors bool
}
