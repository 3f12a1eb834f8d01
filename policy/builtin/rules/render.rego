# Rules that look at all objects of a render together. Their input is the list
# that conftest gives with --combine: path and contents of each object.
package seal.render

import data.seal.lib

# workloads are the objects that keep pods running, with what selects them.
workloads contains {"index": i, "namespace": namespace_of(object), "labels": labels, "field": pod_fields(object)} if {
	some i, document in input
	object := document.contents
	labels := pod_labels(object)
}

# pod_fields is where the metadata of the pods stand.
pod_fields(object) := "metadata" if object.kind == "Pod"

pod_fields(object) := "spec.jobTemplate.spec.template.metadata" if object.kind == "CronJob"

pod_fields(object) := "spec.template.metadata" if not object.kind in {"Pod", "CronJob"}

pod_labels(object) := lib.mapping(object, ["metadata", "labels"]) if object.kind == "Pod"

pod_labels(object) := lib.mapping(object, ["spec", "jobTemplate", "spec", "template", "metadata", "labels"]) if object.kind == "CronJob"

pod_labels(object) := lib.mapping(object, ["spec", "template", "metadata", "labels"]) if {
	not object.kind in {"Pod", "CronJob"}
	is_array(object.spec.template.spec.containers)
}

namespace_of(thing) := lib.word(thing, ["metadata", "namespace"], lib.word(lib.request, ["namespace"], ""))

# shown names a namespace in a message.
shown(namespace) := sprintf("namespace %q", [namespace]) if namespace != ""

shown("") := "destination namespace"

# policies are the specs of the NetworkPolicies by namespace. Equal ones count
# once.
policies[namespace] contains {"spec": lib.mapping(policy, ["spec"])} if {
	some document in input
	policy := document.contents
	policy.kind == "NetworkPolicy"
	namespace := namespace_of(policy)
}

selects(selector, labels) if {
	every name, value in lib.mapping(selector, ["matchLabels"]) { labels[name] == value }
	every expression in expressions(selector) { holds(expression, labels) }
}

expressions(selector) := selector.matchExpressions if is_array(selector.matchExpressions)

else := []

# one_of stands alone because not labels[key] in values would be undefined for a
# label that is not there.
one_of(labels, expression) if labels[expression.key] in expression.values

holds(expression, labels) if {
	expression.operator == "In"
	one_of(labels, expression)
}

holds(expression, labels) if {
	expression.operator == "NotIn"
	not one_of(labels, expression)
}

holds(expression, labels) if {
	expression.operator == "Exists"
	labels[expression.key]
}

holds(expression, labels) if {
	expression.operator == "DoesNotExist"
	not labels[expression.key]
}

# METADATA
# title: Workload without NetworkPolicy
# description: A pod that no NetworkPolicy selects takes traffic from everywhere in the cluster and may call everywhere.
# related_resources:
#   - ref: https://www.cisecurity.org/benchmark/kubernetes
#     description: CIS Kubernetes Benchmark 5.3.2, network policies in all namespaces
# custom:
#   id: network-policy-missing
#   level: production-security
#   severity: high
#   input: render
#   fix: add a NetworkPolicy whose podSelector matches the pod's labels
#   example: [{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app, image: 'registry.example.com/web:1.2'}]}}}}, {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: web, namespace: shop}, spec: {podSelector: {matchLabels: {app: db}}}}]
deny_network_policy contains {"msg": "no NetworkPolicy selects its pods", "index": workload.index, "field": sprintf("%s.labels", [workload.field])} if {
	some workload in workloads
	not {"namespace": workload.namespace, "labels": workload.labels} in selected
}

# selected are the namespaces and labels that a policy selects. Workloads share
# them, so that the work grows with what differs and not with every pair.
selected contains pods if {
	some pods in {{"namespace": workload.namespace, "labels": workload.labels} | some workload in workloads}
	some policy in policies[pods.namespace]
	selects(lib.mapping(policy, ["spec", "podSelector"]), pods.labels)
}

# METADATA
# title: Namespace without default deny
# description: Only a policy that selects every pod and allows nothing makes the others the whole list of what is allowed.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/services-networking/network-policies/#default-deny-all-ingress-traffic
#     description: Kubernetes, Network Policies, default deny
# custom:
#   id: network-policy-default-deny
#   level: production-security
#   severity: high
#   input: render
#   fix: "add a NetworkPolicy with podSelector: {} and policyTypes: [Ingress] without rules"
#   example: [{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app, image: 'registry.example.com/web:1.2'}]}}}}, {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: web, namespace: shop}, spec: {podSelector: {matchLabels: {app: web}}}}]
deny_default_deny contains {"msg": sprintf("the %s has no NetworkPolicy that denies ingress by default", [shown(namespace)]), "index": first, "field": "metadata.namespace"} if {
	some namespace in {workload.namespace | some workload in workloads}
	not default_deny(namespace)
	first := min({workload.index | some workload in workloads; workload.namespace == namespace})
}

default_deny(namespace) if {
	some policy in policies[namespace]
	count(lib.mapping(policy, ["spec", "podSelector"])) == 0
	covers_ingress(policy.spec)
	not policy.spec.ingress[0]
}

covers_ingress(spec) if not spec.policyTypes[0]

covers_ingress(spec) if "Ingress" in spec.policyTypes

istio_groups := {"networking.istio.io", "security.istio.io"}

# METADATA
# title: Mesh without strict mutual TLS
# description: Objects of Istio or Linkerd show that the namespace is in a mesh. Unless that mesh is told to be strict, it also takes plaintext.
# related_resources:
#   - ref: https://istio.io/latest/docs/tasks/security/authentication/mtls-migration/
#     description: Istio, Mutual TLS Migration
#   - ref: https://linkerd.io/2/reference/authorization-policy/#default-policies
#     description: Linkerd, default policies
# custom:
#   id: mesh-mtls-missing
#   level: production-security
#   severity: high
#   input: render
#   fix: "add a PeerAuthentication with mode: STRICT for the namespace, or in Linkerd the annotation config.linkerd.io/default-inbound-policy: all-authenticated"
#   parameters:
#     meshStrict: true where the platform has made the whole mesh strict
#   example: [{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: web, namespace: shop}}]
deny_mesh_mtls contains {"msg": sprintf("the %s is in the mesh and has no PeerAuthentication with mode STRICT", [shown(namespace)]), "index": first, "field": "metadata.namespace"} if {
	not lib.parameter("meshStrict", false) == true
	some namespace, indexes in in_mesh
	not strict(namespace)
	first := min(indexes)
}

deny_mesh_mtls contains {"msg": "the pods are in the mesh of Linkerd, which takes plaintext by default", "index": i, "field": field} if {
	not lib.parameter("meshStrict", false) == true
	some i, document in input
	some field in linkerd_fields(document.contents)
	not strict_linkerd(document.contents)
}

# linkerd_fields are the fields that put the pods of an object, or of a whole
# namespace, into the mesh of Linkerd.
linkerd_fields(object) := {sprintf("%s.annotations[linkerd.io/inject]", [concat(".", path)]) |
	some path in metadata_paths
	lib.word(object, array.concat(path, ["annotations", "linkerd.io/inject"]), "") in {"enabled", "ingress"}
}

metadata_paths := [["metadata"], ["spec", "template", "metadata"], ["spec", "jobTemplate", "spec", "template", "metadata"]]

# strict_linkerd holds where the object or its namespace asks for clients that
# have proved who they are.
strict_linkerd(object) if {
	some path in metadata_paths
	authenticated(object, path)
}

strict_linkerd(object) if {
	some document in input
	document.contents.kind == "Namespace"
	document.contents.metadata.name == namespace_of(object)
	authenticated(document.contents, ["metadata"])
}

authenticated(object, path) if {
	policy := lib.word(object, array.concat(path, ["annotations", "config.linkerd.io/default-inbound-policy"]), "")
	policy in {"all-authenticated", "cluster-authenticated", "deny"}
}

# in_mesh are the numbers of Istio's objects by namespace.
in_mesh[namespace] contains i if {
	some i, document in input
	split(document.contents.apiVersion, "/")[0] in istio_groups
	namespace := namespace_of(document.contents)
}

strict(namespace) if {
	some document in input
	document.contents.kind == "PeerAuthentication"
	namespace_of(document.contents) in {namespace, "istio-system"}
	document.contents.spec.mtls.mode == "STRICT"
	count(lib.mapping(document.contents, ["spec", "selector"])) == 0
}
