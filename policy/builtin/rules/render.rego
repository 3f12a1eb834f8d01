# Rules that look at all objects of a render together. Their input is the list
# that conftest gives with --combine: path and contents of each object.
package seal.render

import data.seal.lib

# workloads are the objects that keep pods running, with what selects them.
workloads contains {"index": i, "namespace": namespace_of(object), "labels": labels} if {
	some i, document in input
	object := document.contents
	labels := pod_labels(object)
}

pod_labels(object) := lib.mapping(object, ["metadata", "labels"]) if object.kind == "Pod"

pod_labels(object) := lib.mapping(object, ["spec", "jobTemplate", "spec", "template", "metadata", "labels"]) if object.kind == "CronJob"

pod_labels(object) := lib.mapping(object, ["spec", "template", "metadata", "labels"]) if {
	not object.kind in {"Pod", "CronJob"}
	is_array(object.spec.template.spec.containers)
}

namespace_of(thing) := lib.word(thing, ["metadata", "namespace"], lib.word(lib.request, ["namespace"], ""))

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
deny_network_policy contains {"msg": "no NetworkPolicy selects its pods", "index": workload.index, "field": "spec.template.metadata.labels"} if {
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
deny_default_deny contains {"msg": sprintf("the namespace %q has no NetworkPolicy that denies ingress by default", [namespace]), "index": first, "field": "metadata.namespace"} if {
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
# description: Objects of Istio show that the namespace is in the mesh, and without a strict PeerAuthentication it also takes plaintext.
# related_resources:
#   - ref: https://istio.io/latest/docs/tasks/security/authentication/mtls-migration/
#     description: Istio, Mutual TLS Migration
# custom:
#   id: mesh-mtls-missing
#   level: production-security
#   severity: high
#   input: render
#   fix: "add a PeerAuthentication with mode: STRICT for the namespace"
#   parameters:
#     meshStrict: true where the platform has made the whole mesh strict
deny_mesh_mtls contains {"msg": sprintf("the namespace %q is in the mesh and has no PeerAuthentication with mode STRICT", [namespace]), "index": first, "field": "metadata.namespace"} if {
	not lib.parameter("meshStrict", false) == true
	some namespace, indexes in in_mesh
	not strict(namespace)
	first := min(indexes)
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
