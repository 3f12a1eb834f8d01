package inject_test

import (
	"fmt"
	"strings"
	"testing"
	"text/template"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
)

// named gives a Secret another name, of which Kubernetes allows 253 characters
// and dots.
func named(t *testing.T, name string) *inject.Secret {
	t.Helper()
	secret := newSecret(t, map[string]string{"a": "<vault:kv/demo/db#user>"})
	secret.Object.Fields["metadata"].(map[string]any)["name"] = name
	return secret
}

var names = []string{"db", "db.example.com", strings.Repeat("a", 58) + ".b", strings.Repeat("long-", 40) + "a", strings.Repeat("long-", 40) + "b"}

// TestProviderVolumesHaveValidNames asks Kubernetes' own validation.
func TestProviderVolumesHaveValidNames(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range names {
		workloads := deployment(t, "{containers: [{name: app, envFrom: [{secretRef: {name: "+name+"}}]}]}")
		if _, err := (inject.SecretProviderClass{}).Inject(named(t, name), workloads); err != nil {
			t.Fatal(err)
		}
		pod, _ := inject.PodOf(workloads[0])
		volume := pod.Spec["volumes"].([]any)[0].(map[string]any)["name"].(string)
		if problems := validation.IsDNS1123Label(volume); len(problems) > 0 || seen[volume] {
			t.Errorf("%s: the volume %s: %v, or another has it", name, volume, problems)
		}
		seen[volume] = true
	}
}

func TestAgentAnnotationsHaveValidNames(t *testing.T) {
	for _, name := range names {
		workloads := deployment(t, fmt.Sprintf("{volumes: [{name: v, secret: {secretName: %s}}], containers: [{name: app, volumeMounts: [{name: v, mountPath: /etc/db}]}]}", name))
		if _, err := (inject.VaultAgent{}).Inject(named(t, name), workloads); err != nil {
			t.Fatal(err)
		}
		pod, _ := inject.PodOf(workloads[0])
		annotations := pod.Metadata["annotations"].(map[string]any)
		if len(annotations) != 6 {
			t.Errorf("%s: %d annotations", name, len(annotations))
		}
		for annotation := range annotations {
			if problems := validation.IsQualifiedName(annotation); len(problems) > 0 {
				t.Errorf("%s: the annotation %s: %v", name, annotation, problems)
			}
		}
	}
}

// TestAgentWritesAFileOnce: the second volume's files would replace the first's.
func TestAgentWritesAFileOnce(t *testing.T) {
	workloads := deployment(t, `{volumes: [{name: v, secret: {secretName: db}}, {name: w, secret: {secretName: db}}],
  containers: [{name: app, volumeMounts: [{name: v, mountPath: /etc/one}, {name: w, mountPath: /etc/two}]}]}`)
	if _, err := (inject.VaultAgent{}).Inject(named(t, "db"), workloads); fault.CodeOf(err) != fault.Injection || fault.Of(err)[0].Field != "spec.template.spec.volumes" {
		t.Errorf("got %v, want E_INJECTION at the volumes", err)
	}
}

// TestTemplatesReadLiteralsAsTheyAre has Go's own template language, which the
// operators use, fill what is emitted.
func TestTemplatesReadLiteralsAsTheyAre(t *testing.T) {
	for _, literal := range []string{"{%s}", "${%s}", "{{%s}}", "{{{%s}}}", "{{ %s }}", "{{- %s -}}", "`%s`", "\\%s{", "{\"a\":\"%s\"}"} {
		secret := newSecret(t, map[string]string{"a": fmt.Sprintf(literal, "<vault:kv/demo/db#user>") + "<vault:kv/demo/db#user>"})
		objects, err := inject.ExternalSecret{StoreName: "vault"}.Inject(secret, nil)
		if err != nil {
			t.Fatal(err)
		}
		spec := objects[0].Fields["spec"].(map[string]any)
		text := spec["target"].(map[string]any)["template"].(map[string]any)["data"].(map[string]any)["a"].(string)
		parsed, err := template.New("").Parse(text)
		if err != nil {
			t.Errorf("%s becomes %s: %v", literal, text, err)
			continue
		}
		var filled strings.Builder
		if err := parsed.Execute(&filled, map[string]string{"r0": "V", "r1": "W"}); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf(literal, "V") + "W"; filled.String() != want {
			t.Errorf("%s becomes %s, and that %s", literal, text, filled.String())
		}
	}
}
