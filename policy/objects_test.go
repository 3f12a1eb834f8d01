package policy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"testing/fstest"

	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
)

// objectOf reads one YAML document.
func objectOf(t testing.TB, text string) object.Object {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(asJSON))
	decoder.UseNumber()
	o := object.Object{File: "app/objects.yaml", Line: 1}
	if err := decoder.Decode(&o.Fields); err != nil {
		t.Fatal(err)
	}
	return o
}

// rego is one source with one file of policies.
func rego(text string) []bundle.Source {
	return []bundle.Source{{Name: "own", FS: fstest.MapFS{"policy.rego": {Data: []byte(text)}}}}
}

// own is a configuration whose environment "prod" asks one policy.
func own(text string) policy.Config {
	return policy.Config{Environments: map[string]policy.Environment{"prod": {Bundles: []policy.Bundle{{Name: "own", Policies: rego(text)}}}}}
}

func newGate(t testing.TB, config policy.Config) *policy.Gate {
	t.Helper()
	gate, err := policy.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return gate
}

func evaluate(t testing.TB, gate *policy.Gate, objects ...object.Object) policy.Verdict {
	t.Helper()
	verdict, err := gate.Evaluate(t.Context(), policy.Input{Objects: objects, Environment: "prod", KubeVersion: "1.33.2", Namespace: "web"})
	if err != nil {
		t.Fatal(err)
	}
	return verdict
}

// said gives each outcome as one line.
func said(v policy.Verdict) []string {
	lines := []string{}
	for _, o := range v.Outcomes {
		lines = append(lines, fmt.Sprintf("%s %s %s: %s", o.Decision, o.Rule, o.Object, o.Message))
	}
	return lines
}

const pod = `
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: web}
spec:
  containers:
  - name: main
    image: registry.example.com/p:1
    securityContext: {privileged: %t}
`

func podObject(t testing.TB, privileged bool) object.Object {
	return objectOf(t, fmt.Sprintf(pod, privileged))
}

// good keeps every rule of the highest level. Each list of objects is complete:
// the NetworkPolicy selects the pods and denies by default.
const goodDeployment = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: %s
  namespace: web
  labels: {app.kubernetes.io/name: web}
  annotations: {security.scan.status: passed}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      automountServiceAccountToken: false
      securityContext:
        runAsNonRoot: true
        runAsUser: 1000
        seccompProfile: {type: RuntimeDefault}
      containers:
      - name: main
        image: registry.example.com/web:1.2.3@sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
        ports: [{containerPort: 8080}]
        env: [{name: A, value: b}, {name: C, valueFrom: {secretKeyRef: {name: s, key: k}}}]
        resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 128Mi}}
        readinessProbe: {httpGet: {path: /, port: 8080}}
        livenessProbe: {httpGet: {path: /, port: 8080}}
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities: {drop: [ALL]}
`

var goodOthers = []string{`
apiVersion: v1
kind: Service
metadata: {name: %s, namespace: web, labels: {app.kubernetes.io/name: web}}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
`, `
apiVersion: v1
kind: ConfigMap
metadata: {name: %s, namespace: web, labels: {app.kubernetes.io/name: web}}
data: {a: b, c: d, e: "{\"f\": 1}"}
`, `
apiVersion: v1
kind: Secret
metadata: {name: %s, namespace: web, labels: {app.kubernetes.io/name: web}}
stringData: {password: "<vault:kv/web#password>"}
`, `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: %s, namespace: web, labels: {app.kubernetes.io/name: web}}
spec:
  tls: [{hosts: [web.example.com], secretName: tls}]
  rules: [{host: web.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
`, `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: %s, namespace: web, labels: {app.kubernetes.io/name: web}}
spec: {podSelector: {}, policyTypes: [Ingress]}
`}

// goodObjects returns n objects, a third of them Deployments.
func goodObjects(t testing.TB, n int) []object.Object {
	t.Helper()
	objects := make([]object.Object, 0, n)
	for i := range n {
		text := goodDeployment
		if i%3 != 0 || i == n-1 {
			text = goodOthers[i%len(goodOthers)]
		}
		if i == 1 {
			text = goodOthers[len(goodOthers)-1]
		}
		objects = append(objects, objectOf(t, fmt.Sprintf(text, fmt.Sprintf("object-%d", i))))
	}
	return objects
}

func jsonNumber(text string) json.Number { return json.Number(text) }
