# API versions that the cluster no longer serves.
package seal.api

import data.seal.lib

# removed maps apiVersion and kind to the Kubernetes minor version that no
# longer serves it, and to what replaces it.
removed := {
	"extensions/v1beta1": {
		"DaemonSet": [16, "apps/v1"], "Deployment": [16, "apps/v1"], "ReplicaSet": [16, "apps/v1"],
		"NetworkPolicy": [16, "networking.k8s.io/v1"], "PodSecurityPolicy": [16, "Pod Security admission"], "Ingress": [22, "networking.k8s.io/v1"],
	},
	"apps/v1beta1": {"Deployment": [16, "apps/v1"], "StatefulSet": [16, "apps/v1"], "ControllerRevision": [16, "apps/v1"]},
	"apps/v1beta2": {
		"Deployment": [16, "apps/v1"], "StatefulSet": [16, "apps/v1"], "DaemonSet": [16, "apps/v1"],
		"ReplicaSet": [16, "apps/v1"], "ControllerRevision": [16, "apps/v1"],
	},
	"networking.k8s.io/v1beta1": {"Ingress": [22, "networking.k8s.io/v1"], "IngressClass": [22, "networking.k8s.io/v1"]},
	"admissionregistration.k8s.io/v1beta1": {
		"MutatingWebhookConfiguration": [22, "admissionregistration.k8s.io/v1"], "ValidatingWebhookConfiguration": [22, "admissionregistration.k8s.io/v1"],
	},
	"apiextensions.k8s.io/v1beta1": {"CustomResourceDefinition": [22, "apiextensions.k8s.io/v1"]},
	"apiregistration.k8s.io/v1beta1": {"APIService": [22, "apiregistration.k8s.io/v1"]},
	"certificates.k8s.io/v1beta1": {"CertificateSigningRequest": [22, "certificates.k8s.io/v1"]},
	"coordination.k8s.io/v1beta1": {"Lease": [22, "coordination.k8s.io/v1"]},
	"rbac.authorization.k8s.io/v1beta1": {
		"Role": [22, "rbac.authorization.k8s.io/v1"], "ClusterRole": [22, "rbac.authorization.k8s.io/v1"],
		"RoleBinding": [22, "rbac.authorization.k8s.io/v1"], "ClusterRoleBinding": [22, "rbac.authorization.k8s.io/v1"],
	},
	"scheduling.k8s.io/v1beta1": {"PriorityClass": [22, "scheduling.k8s.io/v1"]},
	"storage.k8s.io/v1beta1": {
		"CSIDriver": [22, "storage.k8s.io/v1"], "CSINode": [22, "storage.k8s.io/v1"], "StorageClass": [22, "storage.k8s.io/v1"],
		"VolumeAttachment": [22, "storage.k8s.io/v1"], "CSIStorageCapacity": [27, "storage.k8s.io/v1"],
	},
	"batch/v1beta1": {"CronJob": [25, "batch/v1"]},
	"discovery.k8s.io/v1beta1": {"EndpointSlice": [25, "discovery.k8s.io/v1"]},
	"events.k8s.io/v1beta1": {"Event": [25, "events.k8s.io/v1"]},
	"autoscaling/v2beta1": {"HorizontalPodAutoscaler": [25, "autoscaling/v2"]},
	"autoscaling/v2beta2": {"HorizontalPodAutoscaler": [26, "autoscaling/v2"]},
	"policy/v1beta1": {"PodDisruptionBudget": [25, "policy/v1"], "PodSecurityPolicy": [25, "Pod Security admission"]},
	"node.k8s.io/v1beta1": {"RuntimeClass": [25, "node.k8s.io/v1"]},
	"flowcontrol.apiserver.k8s.io/v1beta1": {
		"FlowSchema": [26, "flowcontrol.apiserver.k8s.io/v1"], "PriorityLevelConfiguration": [26, "flowcontrol.apiserver.k8s.io/v1"],
	},
	"flowcontrol.apiserver.k8s.io/v1beta2": {
		"FlowSchema": [29, "flowcontrol.apiserver.k8s.io/v1"], "PriorityLevelConfiguration": [29, "flowcontrol.apiserver.k8s.io/v1"],
	},
	"flowcontrol.apiserver.k8s.io/v1beta3": {
		"FlowSchema": [32, "flowcontrol.apiserver.k8s.io/v1"], "PriorityLevelConfiguration": [32, "flowcontrol.apiserver.k8s.io/v1"],
	},
}

# minor is the cluster's minor version. Where it is not known, every removal
# counts.
default minor := 1000

minor := to_number(match[0][1]) if {
	match := regex.find_all_string_submatch_n(`^v?1\.([0-9]{1,3})`, lib.request.kubeVersion, 1)
	count(match) == 1
}

# METADATA
# title: Removed API versions
# description: The cluster does not serve this version any more, so the sync would fail halfway.
# related_resources:
#   - ref: https://kubernetes.io/docs/reference/using-api/deprecation-guide/
#     description: Kubernetes, Deprecated API Migration Guide
# custom:
#   id: api-removed
#   level: basic-security
#   severity: high
#   fix: use the version that the message names
#   example: {apiVersion: extensions/v1beta1, kind: Ingress, metadata: {name: web}}
deny_removed contains lib.finding(sprintf("%s %s is gone since Kubernetes 1.%d; use %s", [input.apiVersion, input.kind, entry[0], entry[1]]), "apiVersion") if {
	entry := removed[input.apiVersion][input.kind]
	minor >= entry[0]
}

# METADATA
# title: Deprecated API versions
# description: A coming release of Kubernetes does not serve this version any more.
# related_resources:
#   - ref: https://kubernetes.io/docs/reference/using-api/deprecation-guide/
#     description: Kubernetes, Deprecated API Migration Guide
# custom:
#   id: api-deprecated
#   level: basic-security
#   severity: low
#   fix: use the version that the message names
#   example: {apiVersion: flowcontrol.apiserver.k8s.io/v1beta3, kind: FlowSchema, metadata: {name: web}}
warn_deprecated contains lib.finding(sprintf("%s %s goes away with Kubernetes 1.%d; use %s", [input.apiVersion, input.kind, entry[0], entry[1]]), "apiVersion") if {
	entry := removed[input.apiVersion][input.kind]
	minor < entry[0]
}
