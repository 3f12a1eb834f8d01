# Traffic inside a service mesh.
package seal.mesh

import data.seal.lib

# METADATA
# title: Mesh traffic in clear
# description: A mesh that also takes plaintext proves nothing about who calls. One pod outside the mesh is enough to go around it.
# related_resources:
#   - ref: https://istio.io/latest/docs/reference/config/security/peer_authentication/
#     description: Istio, PeerAuthentication
#   - ref: https://linkerd.io/2/reference/authorization-policy/
#     description: Linkerd, Authorization Policy
# custom:
#   id: mesh-mtls
#   level: production-security
#   severity: high
#   fix: "set mode: STRICT in Istio, or all-authenticated in Linkerd"
#   example: {apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: default}, spec: {mtls: {mode: PERMISSIVE}}}
deny_mesh_mtls contains lib.finding(sprintf("mutual TLS is %s", [mode]), "spec.mtls.mode") if {
	input.kind == "PeerAuthentication"
	mode := lib.word(input, ["spec", "mtls", "mode"], "UNSET")
	not mode in {"STRICT"}
}

deny_mesh_mtls contains lib.finding(sprintf("mutual TLS of port %s is %s", [port, mode]), sprintf("spec.portLevelMtls.%s", [port])) if {
	input.kind == "PeerAuthentication"
	some port, setting in input.spec.portLevelMtls
	mode := lib.word(setting, ["mode"], "UNSET")
	mode != "STRICT"
}

deny_mesh_mtls contains lib.finding("the DestinationRule switches TLS off", "spec.trafficPolicy.tls.mode") if {
	input.kind == "DestinationRule"
	input.spec.trafficPolicy.tls.mode == "DISABLE"
}

deny_mesh_mtls contains lib.finding("unauthenticated clients are allowed", "spec.client.unauthenticated") if {
	input.kind == "ServerAuthorization"
	input.spec.client.unauthenticated == true
}

deny_mesh_mtls contains lib.finding(sprintf("the access policy of the Server is %s", [input.spec.accessPolicy]), "spec.accessPolicy") if {
	input.kind == "Server"
	startswith(input.apiVersion, "policy.linkerd.io/")
	input.spec.accessPolicy in {"all-unauthenticated", "cluster-unauthenticated"}
}

deny_mesh_mtls contains lib.finding(sprintf("the inbound policy of Linkerd is %s", [policy]), "metadata.annotations[config.linkerd.io/default-inbound-policy]") if {
	some metadata in metadatas
	policy := metadata.annotations["config.linkerd.io/default-inbound-policy"]
	policy in {"all-unauthenticated", "cluster-unauthenticated"}
}

# metadatas are the metadata of the object and of the pods that it runs.
metadatas contains lib.mapping(input, ["metadata"])

metadatas contains lib.pod.metadata
