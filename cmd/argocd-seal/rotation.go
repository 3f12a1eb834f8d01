package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/rotation"
	"github.com/argocd-seal/argocd-seal-plugin/policy/reload"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
)

// namespaceFile is where Kubernetes tells a pod its namespace.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// rotating keeps a rotation in line with the configuration. A nil one does
// nothing: rotation is off.
type rotating struct {
	*rotation.Rotation
	log *logrus.Logger

	mu sync.Mutex
	// closeVault revokes the tokens of rotation's own client: renders have another,
	// so that neither takes the other's requests per second.
	closeVault func()
}

// newRotation returns nil where rotation is off, and where values do not come
// from Vault.
func newRotation(ctx context.Context, file *config.File, options serveOptions, pipeline *plugin.Pipeline, audit plugin.Auditor, log *logrus.Logger) (*rotating, error) {
	settings := file.Seal.Rotation
	if !settings.Enabled || options.values.wanted() {
		return nil, nil
	}
	kubernetes, err := kubernetesConfig(settings)
	if err != nil {
		return nil, err
	}
	made := rotation.Config{
		Kubernetes: kubernetes, Namespace: settings.Namespace, Interval: settings.Interval.Duration(),
		Rate: float64(settings.Rate), Spread: float64(settings.Spread), MaxAge: settings.MaxAge.Duration(), Log: log,
	}
	if made.Namespace == "" {
		content, err := os.ReadFile(namespaceFile)
		if made.Namespace = strings.TrimSpace(string(content)); err != nil || made.Namespace == "" {
			return nil, fault.New(fault.Config, "Argo CD's namespace is not known").At("", "rotation.namespace").
				WithFix("set it, or mount the service account's files into the sidecar")
		}
	}
	if audit != nil {
		made.Record = audit.Record
	}
	host, _ := os.Hostname()
	made.Identity = host + "-" + rand.Text()[:6]
	// client-go logs to standard error by itself, in a form of its own.
	klog.LogToStderr(false)
	klog.SetOutput(lines{log})
	r := &rotating{log: log, closeVault: func() {}}
	sources, closeVault, err := sourcesOf(ctx, file, pipeline)
	if err != nil {
		return nil, err
	}
	r.closeVault = closeVault
	r.Rotation, err = rotation.New(made, rotation.NewIndex(0), sources)
	return r, err
}

func kubernetesConfig(settings config.Rotation) (*rest.Config, error) {
	if settings.KubeconfigFile != "" {
		kubernetes, err := clientcmd.BuildConfigFromFlags("", settings.KubeconfigFile)
		if err != nil {
			return nil, fault.New(fault.Config, "the kubeconfig file cannot be read").In(settings.KubeconfigFile, 0).At("", "rotation.kubeconfigFile")
		}
		return kubernetes, nil
	}
	kubernetes, err := rest.InClusterConfig()
	if err != nil {
		return nil, fault.New(fault.Config, "the pod's service account cannot be used").At("", "rotation.enabled").
			WithFix("mount its token into the sidecar, as docs/rotation.md shows, or set rotation.kubeconfigFile")
	}
	return kubernetes, nil
}

// sourcesOf is what applications are compared with.
func sourcesOf(ctx context.Context, file *config.File, pipeline *plugin.Pipeline) (rotation.Sources, func(), error) {
	bindings, err := binding.NewSet(file.Seal.Rules())
	if err != nil {
		return rotation.Sources{}, func() {}, err
	}
	sources := rotation.Sources{
		Role: func(secret rotation.Secret) (string, bool) { return bindings.Role(secret.Binding, secret.Logical()) },
	}
	if gate, ok := pipeline.Gate.(*reload.Gate); ok {
		sources.Digests = func() map[string]string { return gate.State().Environments }
		policies := file.Seal.Policy
		// The others have looked once by then, see reload.Gate.Run.
		sources.Settle = policies.Interval.Duration()*11/10 + policies.Timeout.Duration() + time.Minute
	}
	closeVault := func() {}
	if pipeline.Secrets != nil && needsVault(&file.Seal) {
		client, close, err := dialVault(ctx, file.Seal.Vault)
		if err != nil {
			return rotation.Sources{}, func() {}, err
		}
		sources.Vault, closeVault = client, close
	}
	return sources, closeVault, nil
}

// follow takes over a change of the configuration.
func (r *rotating) follow(ctx context.Context, file *config.File, pipeline *plugin.Pipeline) {
	if r == nil {
		return
	}
	sources, closeVault, err := sourcesOf(ctx, file, pipeline)
	if err != nil {
		r.log.WithField("code", fault.CodeOf(err)).Error("rotation keeps the configuration that it had")
		return
	}
	r.Use(sources)
	r.mu.Lock()
	former := r.closeVault
	r.closeVault = closeVault
	r.mu.Unlock()
	former()
}

// run rotates until stop is called, which waits for the end: what the last
// requests used is shared with the other replicas too.
func (r *rotating) run(ctx context.Context, recorder *recorder) (stop func()) {
	if r == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.remember(ctx, recorder)
		r.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
		r.mu.Lock()
		defer r.mu.Unlock()
		r.closeVault()
	}
}

// remember notes what this sidecar's own trail says was rendered before: a
// process that was killed had not shared the last of it. It ends before anything
// is refreshed, since half a trail makes applications look as if they were
// behind that a later line shows to be up to date.
func (r *rotating) remember(ctx context.Context, recorder *recorder) {
	if recorder == nil || recorder.trail == nil {
		return
	}
	err := r.Rebuild(recorder.recorded(ctx))
	if err != nil && ctx.Err() == nil {
		r.log.WithField("code", fault.CodeOf(err)).Error("rotation begins with what it could read of the audit trail: " + fault.Text(fault.Of(err)))
		return
	}
	r.log.WithField("applications", r.Stats().Applications).Info("rotation has read the audit trail")
}

// stats are false where rotation is off.
func (r *rotating) stats() (stats rotation.Stats, on bool) {
	if r == nil {
		return rotation.Stats{}, false
	}
	return r.Stats(), true
}

// rendered notes what a request used.
func (r *rotating) rendered(id plugin.Identity, output plugin.Output, began time.Time) {
	render := rotation.Render{
		RepoURL: id.RepoURL, Path: id.Path, Revision: id.Revision,
		Environment: output.Environment, Bundle: output.Verdict.BundleDigest, Began: began,
	}
	for _, used := range output.Used {
		// Of another store nothing was read, so there is nothing to follow: the
		// operator in the cluster does.
		if !used.Pinned && used.Store == "" {
			render.Uses = append(render.Uses, rotation.Use{
				Secret: rotation.Secret{Binding: used.Binding, Mount: used.Mount, Path: used.Path}, Version: used.Version,
			})
		}
	}
	r.Used(id.App, render)
}

// lines logs what a library writes, line by line.
type lines struct{ log logrus.FieldLogger }

func (l lines) Write(text []byte) (int, error) {
	l.log.WithField("from", "client-go").Info(fault.Clean(string(bytes.TrimSpace(text)), 512))
	return len(text), nil
}
