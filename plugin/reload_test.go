package plugin_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/reload"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
)

// between is a secrets stage that seals nothing and calls a function, between
// the two looks of the gate.
type between func()

func (b between) Apply(_ context.Context, request secrets.Request) (secrets.Result, error) {
	b()
	return secrets.Result{Objects: request.Objects, Injections: []secrets.Injected{{}}}, nil
}

// Policies that change while a request is under way judge the next one: both
// looks of a request are by the same policies.
func TestRequestKeepsItsPolicies(t *testing.T) {
	name := filepath.Join(t.TempDir(), "p.rego")
	write := func(policy string) {
		if err := os.WriteFile(name, []byte(policy), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("package main\n\ndeny contains \"never\" if input.kind == \"None\"\n")
	log := logrus.New()
	log.SetOutput(io.Discard)
	gate, err := reload.New(t.Context(), reload.Config{Log: log, Build: func(map[string]bundle.Source) (policy.Config, error) {
		own := policy.Bundle{Name: "own", Policies: []bundle.Source{bundle.Dir(filepath.Dir(name))}}
		return policy.Config{Environments: map[string]policy.Environment{"prod": {Bundles: []policy.Bundle{own}}}}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	pipeline := &plugin.Pipeline{
		Renderer: &inProcess{}, Gate: gate, Environments: []plugin.Environment{{Name: "prod", Judged: true, Resolved: true}},
		Secrets: between(func() {
			write(noEmptyData)
			if err := gate.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
		}),
	}
	files := source.NewTree()
	files.Add("a.yaml", []byte(configMap))
	job := plugin.Job{Identity: plugin.Identity{App: "web", Namespace: "prod"}, Source: files, Path: "."}
	if _, err := pipeline.Run(t.Context(), job); err != nil {
		t.Errorf("the request was judged by policies that came after it: %v", err)
	}
	if _, err := pipeline.Run(t.Context(), job); fault.CodeOf(err) != fault.Policy {
		t.Errorf("the next request is not judged by the new policies: %v", err)
	}
}
