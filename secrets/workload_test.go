package secrets_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
)

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: web
        envFrom: [{secretRef: {name: db}}]`

// counter counts what is asked of a store.
type counter struct {
	store.Source
	mu                   sync.Mutex
	reads, locates, keys int
}

func (c *counter) add(count *int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*count++
}

func (c *counter) Locate(ctx context.Context, role, path string) (store.Mount, error) {
	c.add(&c.locates)
	return c.Source.Locate(ctx, role, path)
}

func (c *counter) Read(ctx context.Context, query store.Query) (store.Secret, error) {
	c.add(&c.reads)
	return c.Source.Read(ctx, query)
}

func (c *counter) Keys(ctx context.Context, query store.Query) ([]string, error) {
	c.add(&c.keys)
	return c.Source.Keys(ctx, query)
}

func TestRotationRollsTheWorkload(t *testing.T) {
	const annotation = "argocd-seal.io/secrets-checksum"
	manifest := secretWith("stringData: {k: <vault:kv/demo/db#password>}") + "\n---\n" + deployment +
		"\n---\n" + strings.NewReplacer("Deployment", "Job", "apps/v1", "batch/v1").Replace(deployment) +
		"\n---\n" + strings.NewReplacer("name: db", "name: another", "name: web", "name: other").Replace(deployment)
	checksum := func(source string) []string {
		stage := newStage(t)
		if source != "" {
			parsed, err := store.ParseValues("v", []byte(source))
			if err != nil {
				t.Fatal(err)
			}
			stage.Source = parsed
		}
		result, err := run(t, stage, manifest)
		if err != nil {
			t.Fatal(err)
		}
		var sums []string
		for _, o := range result.Objects[1:] {
			pod, _ := inject.PodOf(o)
			annotations, _ := pod.Metadata["annotations"].(map[string]any)
			sum, _ := annotations[annotation].(string)
			sums = append(sums, sum)
		}
		return sums
	}
	first, same, rotated := checksum(""), checksum(""), checksum("kv/demo/db: {password: "+canary.Over(t).Secret(canary.Draw())+"}")
	if first[0] == "" || first[0] != same[0] || first[0] == rotated[0] {
		t.Errorf("checksums: %q, again %q, rotated %q", first[0], same[0], rotated[0])
	}
	if first[1] != "" || first[2] != "" {
		t.Errorf("a Job or a workload without the Secret is annotated: %q", first)
	}
	off := newStage(t, func(_ *binding.Rule, e *secrets.Environment) { e.NoChecksums = true })
	result, err := run(t, off, manifest)
	if err != nil || strings.Contains(encode(t, result.Objects), annotation) {
		t.Errorf("switched off, it is still there: %v", err)
	}
}

func TestVariablesAreLifted(t *testing.T) {
	result, err := run(t, newStage(t), `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, annotations: {argocd.argoproj.io/sync-wave: "-2"}}
spec:
  template:
    spec:
      initContainers:
      - {name: init, env: [{name: P, value: <vault:kv/demo/db#password>}]}
      containers:
      - {name: app, env: [{name: A, value: plain}, {name: P, value: '<path:kv/data/demo/db#username>'}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Objects) != 2 || result.Objects[0].String() != "SealedSecret prod/web-deployment-env" {
		t.Fatalf("got %s", encode(t, result.Objects))
	}
	want := map[string]string{"init.P": dbPass, "app.P": dbUser}
	if diff := cmp.Diff(want, unseal(t, result.Objects[0])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if result.Objects[0].Annotations()["argocd.argoproj.io/sync-wave"] != "-2" {
		t.Error("the lifted Secret comes after its workload")
	}
	pod, _ := inject.PodOf(result.Objects[1])
	env := map[string]any{}
	for _, container := range pod.Containers() {
		env[container.Name()] = container.Fields["env"]
	}
	from := func(key string) any {
		return map[string]any{"name": "P", "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": "web-deployment-env", "key": key}}}
	}
	wantEnv := map[string]any{"init": []any{from("init.P")}, "app": []any{map[string]any{"name": "A", "value": "plain"}, from("app.P")}}
	if diff := cmp.Diff(wantEnv, env); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if pod.Metadata["annotations"] == nil {
		t.Error("the workload would not roll")
	}
}

func TestLiftedNameIsTaken(t *testing.T) {
	_, err := run(t, newStage(t), "apiVersion: v1\nkind: Secret\nmetadata: {name: p-pod-env}\nstringData: {k: <vault:kv/demo/db#port>}\n---\n"+
		"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, env: [{name: E, value: <vault:kv/demo/db#port>}]}]}")
	if fault.CodeOf(err) != fault.Injection {
		t.Errorf("got %v", err)
	}
}

func TestNonSecretIsInlined(t *testing.T) {
	result, err := run(t, newStage(t), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {url: 'https://<vault:kv/demo/app#host>/x', n: <vault:kv/demo/app#replicas>}"+
		"\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {replicas: <vault:kv/demo/app#replicas>}")
	if err != nil {
		t.Fatal(err)
	}
	want := parse(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {url: https://db.example.com/x, n: '3'}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {replicas: 3}")
	if diff := cmp.Diff(encode(t, want), encode(t, result.Objects)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPlainSecrets(t *testing.T) {
	manifest := secretWith("stringData: {k: literal}\ndata: {b: Ynl0ZXM=}")
	set := func(answer secrets.PlainSecrets) *secrets.Stage {
		return newStage(t, func(_ *binding.Rule, e *secrets.Environment) { e.PlainSecrets = answer })
	}
	if result, err := run(t, set(secrets.PlainPass), manifest); err != nil || result.Objects[0].Kind() != "Secret" {
		t.Errorf("pass: %v", err)
	}
	result, err := run(t, set(secrets.PlainSeal), manifest)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"k": "literal", "b": "bytes"}, unseal(t, result.Objects[0])); diff != "" {
		t.Errorf("seal (-want +got):\n%s", diff)
	}
	if _, err := run(t, newStage(t), "apiVersion: v1\nkind: Secret\nmetadata: {name: empty}\ntype: Opaque"); err != nil {
		t.Errorf("a Secret without data: %v", err)
	}
}

func TestInjectionChoice(t *testing.T) {
	manifest := secretWith("stringData: {k: <vault:kv/demo/db#password>}")
	for _, test := range []struct {
		name   string
		rule   []string
		wanted inject.Kind
		want   string
	}{
		{"default", nil, "", "SealedSecret"},
		{"the application's choice", nil, inject.KindExternalSecret, "ExternalSecret"},
		{"the binding's first", []string{"external-secret"}, "", "ExternalSecret"},
		{"not in the binding", []string{"external-secret"}, inject.KindSealedSecret, ""},
		{"plaintext is not in the binding", nil, inject.KindPlaintext, ""},
		{"plaintext in the binding", []string{"sealed-secret", "plaintext"}, inject.KindPlaintext, "Secret"},
		{"unknown", nil, "nope", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			stage := newStage(t, func(rule *binding.Rule, _ *secrets.Environment) { rule.Injections = test.rule })
			result, err := apply(t, stage, secrets.Request{Identity: identity, Injection: test.wanted, Objects: parse(t, manifest)})
			switch {
			case test.want == "" && fault.CodeOf(err) != fault.Injection:
				t.Errorf("got %v, want E_INJECTION", err)
			case test.want != "" && err != nil:
				t.Error(err)
			case test.want != "" && result.Objects[0].Kind() != test.want:
				t.Errorf("got %s, want %s", result.Objects[0].Kind(), test.want)
			}
		})
	}
}

func TestPointersReadNoValue(t *testing.T) {
	manifest := secretWith("stringData: {k: <vault:kv/demo/db#password>}") + "\n---\n" + deployment
	for _, safe := range []bool{false, true} {
		for _, kind := range []inject.Kind{inject.KindExternalSecret, inject.KindVaultStaticSecret, inject.KindSecretProviderClass} {
			stage := newStage(t, func(_ *binding.Rule, e *secrets.Environment) { e.HydratorSafe = safe })
			counting := &counter{Source: stage.Source}
			stage.Source = counting
			if _, err := apply(t, stage, secrets.Request{Identity: identity, Injection: kind, Objects: parse(t, manifest)}); err != nil {
				t.Fatal(err)
			}
			want := 1 // one look-up of the mount and one proof
			if safe {
				want = 0
			}
			if counting.reads != 0 || counting.keys != want || counting.locates != want {
				t.Errorf("%s, hydrator-safe %v: %d reads, %d proofs, %d look-ups", kind, safe, counting.reads, counting.keys, counting.locates)
			}
		}
	}
	stage := newStage(t)
	_, err := apply(t, stage, secrets.Request{Identity: identity, Injection: inject.KindExternalSecret, Objects: parse(t, secretWith("stringData: {k: <vault:kv/demo/db#nope>}"))})
	if fault.CodeOf(err) != fault.Secret {
		t.Errorf("a missing key under a pointer injection: %v", err)
	}
}

func TestUsedNamesVersions(t *testing.T) {
	result, err := run(t, newStage(t), secretWith("stringData: {a: <vault:kv/demo/db#password>, b: <vault:kv/demo/db#password>, c: <vault:kv/demo/db#port@7>}"))
	if err != nil {
		t.Fatal(err)
	}
	want := []secrets.Usage{
		{Binding: "shop", Mount: "kv", Path: "demo/db", Key: "password", Version: 1},
		{Binding: "shop", Mount: "kv", Path: "demo/db", Key: "port", Version: 7, Pinned: true},
	}
	if diff := cmp.Diff(want, result.Used); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	wantInjected := []secrets.Injected{{Object: "Secret db", Kind: inject.KindSealedSecret, Keys: []string{"a", "b", "c"}}}
	if diff := cmp.Diff(wantInjected, result.Injections); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOfflineFakes(t *testing.T) {
	stage := newStage(t)
	stage.Source, stage.Local, stage.Bindings = store.Fakes{}, true, nil
	result, err := apply(t, stage, secrets.Request{Identity: secrets.Identity{Namespace: "dev"}, Objects: parse(t,
		secretWith("stringData: {k: <vault:any/path#key>, j: '<vault:any/path#json | jsonPath {.a}>'}\ndata: {p: '<path:any/data/x#y>'}"))})
	if err != nil {
		t.Fatal(err)
	}
	for key, text := range unseal(t, result.Objects[0]) {
		if !strings.HasPrefix(text, "fake-") {
			t.Errorf("%s is %q", key, text)
		}
	}
}
