package schema_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/schema"
)

// decode reads a stream of documents as a render gives them.
func decode(t testing.TB, text string) []object.Object {
	t.Helper()
	objects, err := object.Decode("app/objects.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func newRender(t testing.TB, kubeVersion string, objects []object.Object) *schema.Render {
	t.Helper()
	render, err := schema.NewRender(t.Context(), kubeVersion, objects, false)
	if err != nil {
		t.Fatal(err)
	}
	return render
}

// said gives what is found in a stream of documents, one finding a line.
func said(t testing.TB, kubeVersion, text string) []string {
	t.Helper()
	objects := decode(t, text)
	render := newRender(t, kubeVersion, objects)
	lines := []string{}
	for i, o := range objects {
		findings, err := render.Check(t.Context(), i, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, finding := range findings {
			line := finding.Field + ": " + finding.Message
			if finding.Fix != "" {
				line += "; " + finding.Fix
			}
			lines = append(lines, line)
		}
	}
	return lines
}

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}, annotations: {example.com/on: "true"}, creationTimestamp: null}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 25%}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: main
        image: registry.example.com/web:1
        imagePullPolicy: Always
        env: [{name: A, value: "1"}, {name: B, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
        ports: [{containerPort: 8080, protocol: TCP}]
        resources: {requests: {cpu: 0.5, memory: 64Mi}, limits: {cpu: 2}}
        livenessProbe: {httpGet: {path: /, port: http}}
      volumes: [{name: tmp, emptyDir: {}}, {name: none, emptyDir: }]
status: {}
`

// TestWhatIsWrongIsSaidWhereItIs replaces one piece of a good Deployment.
func TestWhatIsWrongIsSaidWhereItIs(t *testing.T) {
	const container = "spec.template.spec.containers[0]"
	tests := map[string]struct {
		old, new string
		want     []string
	}{
		"nothing":             {"", "", []string{}},
		"a misspelt field":    {"imagePullPolicy", "imagePullPolicyy", []string{container + `.imagePullPolicyy: unknown field "imagePullPolicyy"; did you mean "imagePullPolicy"?`}},
		"another case":        {"containerPort", "containerport", []string{container + `.ports[0].containerport: unknown field "containerport"; did you mean "containerPort"?`, container + ".ports[0].containerPort: the field is missing"}},
		"a field too high":    {"replicas: 2", "image: x", []string{`spec.image: unknown field "image"; known here: minReadySeconds, paused, progressDeadlineSeconds, replicas, revisionHistoryLimit, selector, strategy, template`}},
		"a number in quotes":  {"replicas: 2", `replicas: "3"`, []string{"spec.replicas: must be an integer, it is a string; write it without quotes"}},
		"a fraction":          {"replicas: 2", "replicas: 2.5", []string{"spec.replicas: must be an integer, it is a number with a fraction"}},
		"too large":           {"replicas: 2", "replicas: 3000000000", []string{"spec.replicas: must be an integer of 32 bits, it is too large"}},
		"a port as a string":  {"containerPort: 8080", `containerPort: "8080"`, []string{container + ".ports[0].containerPort: must be an integer, it is a string; write it without quotes"}},
		"a port as a word":    {"containerPort: 8080", "containerPort: http", []string{container + ".ports[0].containerPort: must be an integer, it is a string"}},
		"an env number":       {`value: "1"`, "value: 1", []string{container + ".env[0].value: must be a string, it is a number; put it in quotes"}},
		"an env of yes":       {`value: "1"`, "value: yes", []string{container + ".env[0].value: must be a string, it is true or false; put it in quotes"}},
		"a number as a label": {"labels: {app: web}, annotations", "labels: {app: 1}, annotations", []string{"metadata.labels.app: must be a string, it is a number; put it in quotes"}},
		"an annotation":       {`example.com/on: "true"`, "example.com/on: true", []string{"metadata.annotations[example.com/on]: must be a string, it is true or false; put it in quotes"}},
		"in metadata":         {"metadata: {name: web", "metadata: {name: web, lables: {}", []string{`metadata.lables: unknown field "lables"; did you mean "labels"?`}},
		"a missing name":      {"- name: main\n        image", "- image", []string{container + ".name: the field is missing"}},
		"a missing selector":  {"selector: {matchLabels: {app: web}}", "paused: false", []string{"spec.selector: the field is missing"}},
		"null is missing":     {"selector: {matchLabels: {app: web}}", "selector: null", []string{"spec.selector: the field is missing"}},
		"null is no field":    {"replicas: 2", "replicas: null", []string{}},
		"a quantity":          {"cpu: 2", "cpu: two", []string{container + ".resources.limits.cpu: must be a quantity such as 100m or 2Gi"}},
		"a port of true":      {"port: http", "port: true", []string{container + ".livenessProbe.httpGet.port: must be an integer or a string, it is true or false; put it in quotes"}},
		"a time":              {"creationTimestamp: null", "creationTimestamp: yesterday", []string{"metadata.creationTimestamp: must be a time such as 2026-01-31T15:04:05Z"}},
		"beside the fields":   {"status: {}", "data: {}", []string{`data: unknown field "data"; known here: apiVersion, kind, metadata, spec, status`}},
		"a condition's type":  {"status: {}", "status: {conditions: [{status: Ok}]}", []string{}},
		"in the status":       {"status: {}", "status: {replicas: x}", []string{"status.replicas: must be an integer, it is a string"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(deployment, test.old) {
				t.Fatalf("the Deployment does not hold %q", test.old)
			}
			got := said(t, "1.33.2", strings.Replace(deployment, test.old, test.new, 1))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestOtherKinds(t *testing.T) {
	tests := map[string]struct {
		object string
		want   []string
	}{
		"a list": {"apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: {port: 80}}",
			[]string{"spec.ports: must be a list, it is a mapping; begin each item with a dash"}},
		"a service": {"apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80, targetPort: http}, {port: 81, targetPort: 8081}]}", []string{}},
		"a target port": {"apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80, targetPort: 80.5}]}",
			[]string{"spec.ports[0].targetPort: must be an integer or a string, it is a number with a fraction; put it in quotes"}},
		"a ConfigMap": {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: b, c: 1, d.e: {}}",
			[]string{"data.c: must be a string, it is a number; put it in quotes", "data[d.e]: must be a string, it is a mapping"}},
		"a Secret": {"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: Yg==, c: not base64}",
			[]string{"data.c: must be base64; encode it, or use stringData in a Secret and data in a ConfigMap"}},
		"a Secret of another store":   {"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: <aws-sm:a#b>, b: 'user:<azure-kv:b>', c: <gcp-sm:c>}", []string{}},
		"a Secret with references":    {"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: <vault:kv/a#b>, b: 'user:<path:kv/data/a#b>'}", []string{}},
		"a policy without a selector": {"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {policyTypes: [Ingress]}", []string{}},
		"a role without an API group": {"apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: a}\nroleRef: {kind: Role, name: a}", []string{}},
		"no such version": {"apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: a}",
			[]string{"apiVersion: Kubernetes 1.33 has no PodDisruptionBudget in policy/v1beta1; use policy/v1"}},
		"no such group": {"apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: a}",
			[]string{"apiVersion: Kubernetes 1.33 has no Ingress in extensions/v1beta1; use networking.k8s.io/v1"}},
		"another group": {"apiVersion: v1\nkind: Deployment\nmetadata: {name: a}",
			[]string{"apiVersion: Kubernetes 1.33 has no Deployment in v1; use apps/v1"}},
		"no such kind": {"apiVersion: apps/v1\nkind: Deploymnet\nmetadata: {name: a}",
			[]string{`kind: Kubernetes 1.33 has no Deploymnet in apps/v1; did you mean "Deployment"?`}},
		"a custom kind of nobody": {"apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a}\nspec: {a: [1]}", []string{}},
		"a gateway is custom":     {"apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: a}", []string{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, said(t, "1.33.2", test.object)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestVersionsDiffer(t *testing.T) {
	const hostnameOverride = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {hostnameOverride: b, containers: [{name: a, image: b}]}"
	const sidecar = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {initContainers: [{name: a, restartPolicyRules: []}], containers: [{name: a, image: b}]}"
	const admission = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: a}\nspec: {}"
	const flow = "apiVersion: flowcontrol.apiserver.k8s.io/v1beta3\nkind: FlowSchema\nmetadata: {name: a}"
	tests := map[string]struct {
		version, object string
		want            []string
	}{
		"a field of later": {"1.33.2", hostnameOverride, []string{`spec.hostnameOverride: unknown field "hostnameOverride"; Kubernetes has this field from 1.34 on, and this is for 1.33`}},
		"a field of now":   {"v1.34.1-gke.100", hostnameOverride, []string{}},
		"deep":             {"1.28", sidecar, []string{`spec.initContainers[0].restartPolicyRules: unknown field "restartPolicyRules"; Kubernetes has this field from 1.34 on, and this is for 1.28`}},
		"a kind of later":  {"1.29.0", admission, []string{"apiVersion: Kubernetes 1.29 has no ValidatingAdmissionPolicy in admissionregistration.k8s.io/v1; use admissionregistration.k8s.io/v1alpha1 or admissionregistration.k8s.io/v1beta1"}},
		"a kind of now":    {"v1.30.2+k3s1", admission, []string{}},
		"a kind of before": {"1.32.0", flow, []string{"apiVersion: Kubernetes 1.32 has no FlowSchema in flowcontrol.apiserver.k8s.io/v1beta3; use flowcontrol.apiserver.k8s.io/v1"}},
		"still there":      {"1.31.0", flow, []string{}},
		"no version":       {"", hostnameOverride, []string{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, said(t, test.version, test.object)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheNearestVersionStandsInAndIsNamed(t *testing.T) {
	const oldest, newest = "1.28", "1.37"
	tests := map[string]struct {
		asked, used string
		notice      bool
	}{
		"exact": {"1.33.2", "1.33", false}, "a vendor's": {"v1.29.4-eks-036c24b", "1.29", false}, "none": {"", newest, false},
		"plus": {"1.31+", "1.31", false}, "too new": {"1.99.0", newest, true}, "too old": {"1.19.3", oldest, true},
		"no version": {"latest", newest, true}, "another major": {"2.3.1", newest, true}, "hostile": {"1." + strings.Repeat("9", 4000), newest, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			render := newRender(t, test.asked, nil)
			if render.Version() != test.used {
				t.Errorf("%q uses %s, want %s", test.asked, render.Version(), test.used)
			}
			notice := render.Notice()
			if (notice != nil) != test.notice {
				t.Errorf("notice %v", notice)
			}
			if notice != nil && (!strings.Contains(notice.Error(), test.used) || len(notice.Error()) > 300) {
				t.Errorf("notice %v", notice)
			}
		})
	}
}

func TestOneObjectHasABoundedNumberOfFindings(t *testing.T) {
	var text strings.Builder
	text.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n")
	for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
		for _, more := range []string{"1", "2", "3", "4", "5"} {
			text.WriteString("  " + key + more + ": 1\n")
		}
	}
	first := said(t, "1.33.2", text.String())
	if len(first) != schema.MaxFindings || !strings.HasPrefix(first[0], "data.a1: ") || !strings.HasPrefix(first[19], "data.d5: ") {
		t.Errorf("%d findings: %v", len(first), first)
	}
	if diff := cmp.Diff(first, said(t, "1.33.2", text.String())); diff != "" {
		t.Errorf("another run differs:\n%s", diff)
	}
}

func TestRequestsInParallel(t *testing.T) {
	bad := strings.Replace(deployment, "replicas: 2", "replicas: x", 1)
	var wait sync.WaitGroup
	for i := range 32 {
		wait.Go(func() {
			version := []string{"1.28", "1.31", "1.33", "1.36"}[i%4]
			if got := said(t, version, deployment+"---"+bad); len(got) != 1 {
				t.Errorf("%s: %v", version, got)
			}
		})
	}
	wait.Wait()
}

func BenchmarkCheck(b *testing.B) {
	for name, count := range map[string]int{"30": 30, "1000": 1000} {
		objects := decode(b, strings.Repeat(deployment+"---", count))
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				render := newRender(b, "1.33.2", objects)
				for i, o := range objects {
					if findings, err := render.Check(b.Context(), i, o); err != nil || len(findings) > 0 {
						b.Fatal(findings, err)
					}
				}
			}
		})
	}
}
