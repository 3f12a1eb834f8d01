package kyverno_test

import (
	"fmt"
	"strings"
	"testing"
)

// matchBlocks are match and exclude in every form.
var matchBlocks = []string{
	`match: {any: [{resources: {kinds: [Deployment]}}]}`,
	`match: {resources: {kinds: [Deployment]}}`,
	`match: {all: [{resources: {kinds: [Deployment]}}, {resources: {kinds: [Deployment], namespaces: ["team-*"]}}]}`,
	`match: {any: [{resources: {kinds: [apps/v1/Deployment]}}]}`,
	`match: {any: [{resources: {kinds: [apps/*/*]}}]}`,
	`match: {any: [{resources: {kinds: [v1/ConfigMap]}}]}`,
	`match: {any: [{resources: {kinds: ["*/v1beta1/*"]}}]}`,
	`match: {any: [{resources: {kinds: ["*Set"]}}]}`,
	`match: {any: [{resources: {kinds: ["Config?ap"]}}]}`,
	`match: {any: [{resources: {kinds: [Service, ConfigMap]}}, {resources: {kinds: [StatefulSet], names: ["d*"]}}]}`,
	`match: {any: [{resources: {kinds: [ConfigMap], names: ["web-?", other]}}]}`,
	`match: {any: [{resources: {kinds: [ConfigMap], name: "web-*"}}]}`,
	`match: {any: [{resources: {kinds: [ConfigMap], namespaces: [default]}}]}`,
	`match: {any: [{resources: {kinds: [ConfigMap], annotations: {team: "*"}}}]}`,
	`match: {any: [{resources: {kinds: [ConfigMap], annotations: {te*: "red"}}}]}`,
	`match: {any: [{resources: {kinds: [ConfigMap], selector: {matchLabels: {app: web}}}}]}`,
	`match: {any: [{resources: {kinds: [ConfigMap], selector: {matchLabels: {app: "w*"}}}}]}`,
	`match: {any: [{resources: {kinds: [ConfigMap], selector: {matchLabels: {"ap?": "*"}}}}]}`,
	`match: {any: [{resources: {kinds: [ConfigMap], selector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}}}]}`,
	`match: {any: [{resources: {kinds: [ConfigMap], selector: {matchExpressions: [{key: app, operator: DoesNotExist}]}}}]}`,
	`match: {any: [{resources: {kinds: [ConfigMap], operations: [CREATE]}}]}`,
	`match: {any: [{resources: {kinds: [ConfigMap], operations: [UPDATE, DELETE]}}]}`,
	`match: {any: [{resources: {kinds: [Namespace], namespaces: ["team-*"]}}]}`,
	`match: {any: [{resources: {kinds: [Namespace], names: ["team-*"]}}]}`,
	`match: {any: [{resources: {kinds: [ConfigMap]}}]}, exclude: {any: [{resources: {kinds: [Deployment], namespaces: ["team-*"]}}]}`,
	`match: {any: [{resources: {kinds: [ConfigMap]}}]}, exclude: {resources: {namespaces: [default], names: ["web-*"]}}`,
	`match: {any: [{resources: {kinds: [ConfigMap]}}]}, exclude: {all: [{resources: {namespaces: [default]}}, {resources: {names: ["web-*"]}}]}`,
	`match: {any: [{resources: {kinds: [ConfigMap]}}]}, exclude: {any: [{resources: {names: [other]}}, {resources: {annotations: {team: red}}}]}`,
	`match: {any: [{resources: {kinds: [ConfigMap]}}]}, exclude: {any: [{resources: {kinds: [ConfigMap], selector: {matchLabels: {app: web}}}}]}`,
	`match: {any: [{resources: {kinds: ["*"], namespaces: [default], names: ["*"]}}]}`,
	`match: {any: [{resources: {kinds: [ClusterRole, Role]}}]}`,
	`match: {all: [{resources: {kinds: [ConfigMap]}}, {resources: {kinds: [ConfigMap], names: [other]}}]}`,
}

const matched = `
apiVersion: v1
kind: ConfigMap
metadata: {name: web-1, labels: {app: web}, annotations: {team: red}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web-22, namespace: team-a, labels: {app: wok}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: other, namespace: team-b, annotations: {tea: red, team: blue}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: d1, namespace: team-a}
spec: {template: {spec: {containers: []}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: d2}
spec: {template: {spec: {containers: []}}}
---
apiVersion: example.com/v1beta1
kind: Widget
metadata: {name: w}
---
apiVersion: v1
kind: Namespace
metadata: {name: team-a, labels: {app: web}}
---
apiVersion: v1
kind: Service
metadata: {name: s}
`

// TestMatchesAsKyverno lets a rule refuse whatever it matches.
func TestMatchesAsKyverno(t *testing.T) {
	var bodies []string
	for _, block := range matchBlocks {
		bodies = append(bodies, block+`, validate: {pattern: {metadata: {name: nothing}}}`)
	}
	if pairs := compare(t, policyOf("matches", bodies), matched, none); pairs < 200 {
		t.Errorf("only %d pairs were compared", pairs)
	}
}

// controllerPolicies are rules about Pods that are extended to what holds Pods,
// and those that are not.
const controllerPolicies = `
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: all}
spec:
  rules:
  - name: pattern
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate: {message: tags, pattern: {spec: {containers: [{image: "!*:latest"}]}}}
  - name: any-pattern
    match: {any: [{resources: {kinds: [v1/Pod]}}]}
    validate: {anyPattern: [{spec: {securityContext: {runAsNonRoot: true}}}, {spec: {containers: [{securityContext: {runAsNonRoot: true}}]}}]}
  - name: deny
    match: {any: [{resources: {kinds: [Pod]}}]}
    preconditions: {all: [{key: "{{ length(request.object.spec.containers) }}", operator: GreaterThan, value: 1}]}
    validate: {deny: {conditions: {any: [{key: "{{ request.object.spec.containers[].image }}", operator: AnyIn, value: ["*:latest"]}]}}}
  - name: each
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate:
      foreach:
      - list: request.object.spec.containers
        preconditions: {any: [{key: "{{ element.name }}", operator: NotEquals, value: side}]}
        pattern: {image: "registry/*"}
  - name: each-deny
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate:
      foreach:
      - list: request.object.spec.containers[]
        deny: {conditions: {all: [{key: "{{ element.image }}", operator: NotEquals, value: "registry/*"}, {key: "{{ elementIndex }}", operator: GreaterThan, value: 0}]}}
      - list: request.object.spec.initContainers
        anyPattern: [{image: "registry/*"}]
  - name: labels
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate: {pattern: {metadata: {labels: {app*: "?*"}}}}
  - name: excluded
    match: {any: [{resources: {kinds: [Pod]}}]}
    exclude: {any: [{resources: {namespaces: [team-*]}}]}
    validate: {pattern: {spec: {containers: [{image: "registry/*"}]}}}
  - name: context
    match: {any: [{resources: {kinds: [Pod]}}]}
    context:
    - {name: allowed, variable: {value: ["registry/*", "quay/*"]}}
    - {name: lists, variable: {value: {prod: [":latest"], tag: latest}, jmesPath: "tag"}}
    - {name: names, variable: {jmesPath: "request.object.spec.containers[].name"}}
    - {name: app, variable: {jmesPath: request.object.metadata.labels.app, default: none}}
    - {name: count, variable: {jmesPath: length(names)}}
    preconditions: {all: [{key: "{{ count }}", operator: GreaterThan, value: 0}, {key: "{{ app }}", operator: AnyIn, value: [web, none]}]}
    validate:
      deny:
        conditions:
          any:
          - {key: "{{ request.object.spec.containers[].image }}", operator: AnyNotIn, value: "{{ allowed }}"}
          - {key: "{{ names }}", operator: AnyIn, value: [side]}
  - name: context-pattern
    match: {any: [{resources: {kinds: [Pod]}}]}
    context:
    - {name: allowed, variable: {value: {images: "registry/*", tag: latest}}}
    validate: {pattern: {spec: {containers: [{image: "{{ allowed.images }} & !*:{{ allowed.tag }}"}]}}}
---
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: some, annotations: {pod-policies.kyverno.io/autogen-controllers: "Deployment,CronJob"}}
spec:
  rules:
  - name: pattern
    match: {resources: {kinds: [Pod]}}
    validate: {pattern: {spec: {containers: [{image: "registry/*"}]}}}
---
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: never, annotations: {pod-policies.kyverno.io/autogen-controllers: none}}
spec:
  rules:
  - name: pattern
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate: {pattern: {spec: {containers: [{image: "registry/*"}]}}}
---
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: mixed}
spec:
  rules:
  - name: pattern
    match: {any: [{resources: {kinds: [Pod, Service]}}]}
    validate: {pattern: {spec: {containers: [{image: "registry/*"}]}}}
---
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: named}
spec:
  rules:
  - name: pattern
    match: {any: [{resources: {kinds: [Pod], selector: {matchLabels: {app: web}}}}]}
    validate: {pattern: {spec: {containers: [{image: "registry/*"}]}}}
  - name: other
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate: {pattern: {spec: {containers: [{image: "registry/*"}]}}}
---
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: beside}
spec:
  rules:
  - name: pattern
    match: {any: [{resources: {kinds: [Pod]}}, {resources: {kinds: [Service]}}]}
    exclude: {any: [{resources: {kinds: [Pod], namespaces: [default]}}]}
    validate: {pattern: {spec: {=(containers): [{image: "registry/*"}], =(type): ClusterIP}}}
`

// podTemplates are put into every kind that holds Pods.
var podTemplates = []string{
	`{metadata: {labels: {app: web}}, spec: {containers: [{name: a, image: "nginx:latest"}, {name: b, image: "registry/b:1"}]}}`,
	`{metadata: {labels: {tier: x}}, spec: {securityContext: {runAsNonRoot: true}, initContainers: [{name: i, image: nginx}], containers: [{name: a, image: "registry/a:1"}, {name: side, image: nginx}]}}`,
	`{metadata: {labels: {apple: x}}, spec: {containers: [{name: a, image: "registry/a:latest", securityContext: {runAsNonRoot: true}}]}}`,
	`{metadata: {}, spec: {containers: [{name: a, image: "registry/a:1"}, {name: b, image: "nginx:1"}]}}`,
}

func workloads() string {
	var b strings.Builder
	for i, template := range podTemplates {
		namespace := []string{"default", "team-a"}[i%2]
		pod := strings.Replace(template[1:len(template)-1], "metadata: {", fmt.Sprintf("metadata: {name: w%d, namespace: %s, ", i, namespace), 1)
		fmt.Fprintf(&b, "---\napiVersion: v1\nkind: Pod\n%s\n", strings.Replace(pod, "}, spec:", "}\nspec:", 1))
		for kind, version := range map[string]string{
			"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "ReplicaSet": "apps/v1", "Job": "batch/v1", "ReplicationController": "v1",
		} {
			fmt.Fprintf(&b, "---\napiVersion: %s\nkind: %s\nmetadata: {name: w%d, namespace: %s}\nspec: {template: %s}\n", version, kind, i, namespace, template)
		}
		fmt.Fprintf(&b, "---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: w%d, namespace: %s}\nspec: {jobTemplate: {spec: {template: %s}}}\n", i, namespace, template)
	}
	b.WriteString("---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {type: NodePort}\n")
	return b.String()
}

// TestControllersAsKyverno judges Pods, and everything that makes Pods.
func TestControllersAsKyverno(t *testing.T) {
	if pairs := compare(t, controllerPolicies, workloads(), none); pairs < 300 {
		t.Errorf("only %d pairs were compared", pairs)
	}
}
