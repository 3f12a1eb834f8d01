package install

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

const (
	native = "<vault:kv/shop/db#password>"
	avp    = "<path:kv/data/shop/db#password>"
	// near etcd's own limit, which is 1.5 MiB for an object.
	large = 1<<20 - 4096
)

// guarded is a namespace for which the policy holds whoever writes.
const guarded = `
apiVersion: v1
kind: Namespace
metadata:
  name: guarded
  labels:
    argocd-seal.io/references: refuse
`

// refusal is what the policy says of each reference.
const refusal = "that nobody resolved"

func (s *site) testAdmission(t *testing.T) {
	s.applyAll(t, parse(t, guarded))
	s.applyAll(t, parse(t, "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop-dev\n"))
	s.applyAll(t, s.sealedSecretDefinition(t))
	controller := s.as(t, "argocd", "argocd-application-controller")
	until(t, "the policy holds", func(ctx context.Context) error {
		if err := s.try(ctx, controller, secret("probe", map[string]string{"a": encode(native)})); err == nil {
			return errors.New("a reference was admitted")
		}
		return nil
	})
	for _, test := range written {
		t.Run(test.name, func(t *testing.T) {
			err := s.try(t.Context(), controller, test.object)
			if test.refused && (err == nil || !strings.Contains(err.Error(), refusal)) {
				t.Errorf("the API server says %v, want that it refuses the reference", err)
			}
			if !test.refused && err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("who writes", func(t *testing.T) { s.testWriters(t, controller) })
	t.Run("objects from before", func(t *testing.T) { s.testOld(t, controller) })
}

// try writes an object as Argo CD does, without keeping it.
func (s *site) try(ctx context.Context, config *rest.Config, object *unstructured.Unstructured) error {
	client, err := s.client(config, object)
	if err != nil {
		return err
	}
	_, err = client.Create(ctx, object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// written are objects that Argo CD's controller writes.
var written = []struct {
	name    string
	object  *unstructured.Unstructured
	refused bool
}{
	{"Secret, stringData", object("v1", "Secret", "stringData", map[string]any{"password": native}), true},
	{"Secret, stringData, inside of a text", object("v1", "Secret", "stringData", map[string]any{"url": "postgres://a:" + native + "@db"}), true},
	{"Secret, data, first byte of three", secret("a", map[string]string{"k": encode("abc" + native)}), true},
	{"Secret, data, second byte of three", secret("a", map[string]string{"k": encode("a" + native + "bc")}), true},
	{"Secret, data, third byte of three", secret("a", map[string]string{"k": encode("ab" + native)}), true},
	{"Secret, data, path, first byte of three", secret("a", map[string]string{"k": encode(avp)}), true},
	{"Secret, data, path, second byte of three", secret("a", map[string]string{"k": encode("a" + avp)}), true},
	{"Secret, data, path, third byte of three", secret("a", map[string]string{"k": encode("ab" + avp)}), true},
	{"Secret, one of many keys", secret("a", many(5000, encode(native))), true},
	{"Secret, annotation", annotated("v1", "Secret", native), true},
	{"ConfigMap, data", object("v1", "ConfigMap", "data", map[string]any{"a": "x=" + avp}), true},
	{"ConfigMap, binaryData", object("v1", "ConfigMap", "binaryData", map[string]any{"a": encode("\xff" + native)}), true},
	{"Deployment, env", deployment(native, "nginx"), true},
	{"Deployment, image", deployment("clean", avp), true},
	{"custom resource", annotated("bitnami.com/v1alpha1", "SealedSecret", native, "spec", map[string]any{"encryptedData": map[string]any{}}), true},
	{"custom resource, template", object("bitnami.com/v1alpha1", "SealedSecret", "spec", map[string]any{
		"encryptedData": map[string]any{}, "template": map[string]any{"metadata": map[string]any{"annotations": map[string]any{"a": avp}}},
	}), true},
	{"object of the cluster", annotated("rbac.authorization.k8s.io/v1", "ClusterRole", native), true},
	{"Namespace", annotated("v1", "Namespace", native), true},
	{"ConfigMap of nearly a megabyte", object("v1", "ConfigMap", "data", map[string]any{"a": strings.Repeat("a", large) + native}), true},
	{"ConfigMap of nearly a megabyte, path", object("v1", "ConfigMap", "data", map[string]any{"a": strings.Repeat("a", large) + avp}), true},
	{"Secret of nearly a megabyte", secret("a", map[string]string{"k": encode(random(large*3/4) + native)}), true},
	{"Secret of nearly a megabyte, path", secret("a", map[string]string{"k": encode(random(large*3/4) + avp)}), true},

	{"clean Secret", secret("a", map[string]string{"k": encode("value")}), false},
	{"clean ConfigMap", object("v1", "ConfigMap", "data", map[string]any{"a": "<p>vault:kv</p> <path d='M0 0'/> <path:x>"}), false},
	{"clean Deployment", deployment("clean", "nginx"), false},
	{"clean custom resource", object("bitnami.com/v1alpha1", "SealedSecret", "spec", map[string]any{"encryptedData": map[string]any{"a": encode(random(512))}}), false},
	{"clean object of the cluster", annotated("rbac.authorization.k8s.io/v1", "ClusterRole", "clean"), false},
	{"clean Secret with many keys", secret("a", many(5000, encode("value"))), false},
	{"clean ConfigMap of nearly a megabyte", object("v1", "ConfigMap", "data", map[string]any{"a": strings.Repeat("a\n", large/2)}), false},
	{"clean Secret of nearly a megabyte", secret("a", map[string]string{"k": encode(random(large * 3 / 4))}), false},
	{"clean custom resource of more than a megabyte", object("bitnami.com/v1alpha1", "SealedSecret", "spec", map[string]any{
		"encryptedData": map[string]any{"a": encode(random(large))},
	}), false},
	{"clean custom resource with many keys", object("bitnami.com/v1alpha1", "SealedSecret", "spec", map[string]any{
		"encryptedData": widen(many(20000, "AgB")),
	}), false},
	{"Application whose parameters hold a reference", inArgoCD(object("argoproj.io/v1alpha1", "Application", "spec", map[string]any{
		"project": "shop-dev", "destination": map[string]any{"namespace": "shop-dev", "server": "https://kubernetes.default.svc"},
		"source": map[string]any{"repoURL": "https://git.example.com/shop/deploy.git", "plugin": map[string]any{
			"name": "argocd-seal-v1.0", "parameters": []any{map[string]any{"name": "helm-values", "string": "password: " + native}},
		}},
	})), false},
}

// testWriters writes the same object as others.
func (s *site) testWriters(t *testing.T, controller *rest.Config) {
	for _, test := range []struct {
		name, namespace string
		config          *rest.Config
		refused         bool
	}{
		{"Argo CD into any namespace", "shop-dev", controller, true},
		{"Argo CD into a guarded namespace", "guarded", controller, true},
		{"somebody else into a guarded namespace", "guarded", s.Config, true},
		{"somebody else into any namespace", "shop-dev", s.Config, false},
	} {
		written := secret("a", map[string]string{"k": encode(native)})
		written.SetNamespace(test.namespace)
		if err := s.try(t.Context(), test.config, written); (err != nil) != test.refused {
			t.Errorf("%s: the API server says %v", test.name, err)
		}
	}
}

// testOld changes objects that held a reference before the policy was there.
func (s *site) testOld(t *testing.T, controller *rest.Config) {
	old := secret("old", map[string]string{"k": encode(native)})
	old.SetFinalizers([]string{"example.com/wait"})
	asAdmin, err := s.client(s.Config, old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := asAdmin.Create(t.Context(), old, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	asController, err := s.client(controller, old)
	if err != nil {
		t.Fatal(err)
	}
	change := func(patch string) error {
		_, err := asController.Patch(t.Context(), "old", "application/merge-patch+json", []byte(patch), metav1.PatchOptions{})
		return err
	}
	if err := change(`{"metadata":{"labels":{"a":"b"}}}`); err == nil || !strings.Contains(err.Error(), refusal) {
		t.Errorf("a change that keeps the reference: the API server says %v", err)
	}
	if err := change(`{"data":{"k":"` + encode("value") + `"}}`); err != nil {
		t.Errorf("a change that removes the reference: %v", err)
	}
	if _, err := asAdmin.Patch(t.Context(), "old", "application/merge-patch+json", []byte(`{"data":{"k":"`+encode(native)+`"}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := asController.Delete(t.Context(), "old", metav1.DeleteOptions{}); err != nil {
		t.Errorf("deleting it: %v", err)
	}
	if err := change(`{"metadata":{"finalizers":null}}`); err != nil {
		t.Errorf("ending what its deletion waits for: %v", err)
	}
}

func (s *site) sealedSecretDefinition(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	return decode(t, readBinary(t, harness.SealedSecretCRD))
}

// object returns an object with one field beside its metadata.
func object(version, kind, field string, value map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": version, "kind": kind, "metadata": map[string]any{"name": "a", "namespace": "shop-dev"}, field: value,
	}}
}

func annotated(version, kind, text string, more ...any) *unstructured.Unstructured {
	made := object(version, kind, "metadata", map[string]any{"name": "a", "annotations": map[string]any{"note": text}})
	if kind != "ClusterRole" && kind != "Namespace" {
		made.SetNamespace("shop-dev")
	}
	for i := 0; i+1 < len(more); i += 2 {
		made.Object[more[i].(string)] = more[i+1]
	}
	return made
}

func secret(name string, data map[string]string) *unstructured.Unstructured {
	made := object("v1", "Secret", "data", widen(data))
	made.SetName(name)
	return made
}

func deployment(value, image string) *unstructured.Unstructured {
	labels := map[string]any{"app": "a"}
	return object("apps/v1", "Deployment", "spec", map[string]any{
		"selector": map[string]any{"matchLabels": labels},
		"template": map[string]any{"metadata": map[string]any{"labels": labels}, "spec": map[string]any{"containers": []any{
			map[string]any{"name": "a", "image": image, "env": []any{map[string]any{"name": "A", "value": value}}},
		}}},
	})
}

func inArgoCD(made *unstructured.Unstructured) *unstructured.Unstructured {
	made.SetNamespace("argocd")
	return made
}

// many returns n keys, the last of which has the value.
func many(n int, value string) map[string]string {
	data := map[string]string{}
	for i := range n {
		data[fmt.Sprintf("key-%06d", i)] = encode("x")
	}
	data[fmt.Sprintf("key-%06d", n-1)] = value
	return data
}

func widen(data map[string]string) map[string]any {
	wide := map[string]any{}
	for key, value := range data {
		wide[key] = value
	}
	return wide
}

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// random returns bytes that are no reference by chance.
func random(n int) string {
	content := make([]byte, n)
	_, _ = rand.Read(content)
	return string(bytes.ReplaceAll(content, []byte("<"), []byte(">")))
}
