# What is reachable from outside, and in clear.
package seal.network

import data.seal.lib

skip if not input.kind in {"Service", "Ingress", "Gateway"}

# METADATA
# title: Services exposed on nodes and load balancers
# description: A LoadBalancer or NodePort opens the pods to a network outside the cluster, past the ingress and its checks.
# related_resources:
#   - ref: https://media.defense.gov/2022/Aug/29/2003066362/-1/-1/0/CTR_KUBERNETES_HARDENING_GUIDANCE_1.2_20220829.PDF
#     description: NSA and CISA, Kubernetes Hardening Guidance, network separation
# custom:
#   id: service-exposed
#   level: enhanced-security
#   severity: high
#   fix: use a ClusterIP behind the platform's Ingress or Gateway
#   example: {apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: LoadBalancer, ports: [{port: 80}]}}
deny_service_exposed contains lib.finding(sprintf("the Service is of type %s", [input.spec.type]), "spec.type") if {
	input.kind == "Service"
	input.spec.type in {"LoadBalancer", "NodePort"}
}

# METADATA
# title: ExternalName Services
# description: An ExternalName sends the traffic of pods to a host that its author chose, with the cluster's name for it.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/services-networking/service/#externalname
#     description: Kubernetes, Service, ExternalName
# custom:
#   id: service-external-name
#   level: enhanced-security
#   severity: medium
#   fix: call the host by its own name, through an egress that is allowed
#   example: {apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: ExternalName, externalName: db.example.com}}
deny_service_external_name contains lib.finding(sprintf("the Service points to %s", [lib.word(input, ["spec", "externalName"], "?")]), "spec.externalName") if {
	input.kind == "Service"
	input.spec.type == "ExternalName"
}

# METADATA
# title: External IPs
# description: With externalIPs a Service takes over traffic that was meant for another address (CVE-2020-8554).
# related_resources:
#   - ref: https://github.com/kubernetes/kubernetes/issues/97076
#     description: CVE-2020-8554
# custom:
#   id: service-external-ips
#   level: basic-security
#   severity: high
#   fix: remove spec.externalIPs
#   example: {apiVersion: v1, kind: Service, metadata: {name: web}, spec: {externalIPs: [192.0.2.1], ports: [{port: 80}]}}
deny_service_external_ips contains lib.finding("the Service takes external addresses", "spec.externalIPs") if {
	input.kind == "Service"
	input.spec.externalIPs[0]
}

# METADATA
# title: Ingress without TLS
# description: Without TLS passwords and cookies of users cross the network in clear.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/services-networking/ingress/#tls
#     description: Kubernetes, Ingress, TLS
# custom:
#   id: ingress-tls
#   level: enhanced-security
#   severity: high
#   fix: list the host under spec.tls with a secretName
#   example: {apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web}, spec: {rules: [{host: www.example.com}]}}
deny_ingress_tls contains lib.finding(sprintf("the host %s has no TLS", [host]), "spec.tls") if {
	input.kind == "Ingress"
	some rule in input.spec.rules
	host := lib.word(rule, ["host"], "*")
	not tls_covers(host)
}

deny_ingress_tls contains lib.finding("the default backend has no TLS", "spec.tls") if {
	input.kind == "Ingress"
	input.spec.defaultBackend
	not input.spec.rules[0]
	not input.spec.tls[0]
}

tls_covers(host) if {
	some tls in input.spec.tls
	some covered in tls.hosts
	covers(covered, host)
}

# An entry without hosts is for every host.
tls_covers(_) if {
	some tls in input.spec.tls
	not tls.hosts[0]
}

covers(covered, host) if covered == host

covers(covered, host) if {
	is_string(covered)
	startswith(covered, "*.")
	endswith(host, substring(covered, 1, -1))
	not contains(trim_suffix(host, substring(covered, 1, -1)), ".")
}

# METADATA
# title: Gateway without TLS
# description: A listener without TLS lets traffic in clear into the cluster. One that only redirects belongs to the platform.
# related_resources:
#   - ref: https://gateway-api.sigs.k8s.io/guides/tls/
#     description: Gateway API, TLS
# custom:
#   id: gateway-tls
#   level: enhanced-security
#   severity: high
#   fix: use the protocol HTTPS or TLS with a certificate
#   example: {apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: web}, spec: {gatewayClassName: public, listeners: [{name: http, port: 80, protocol: HTTP}]}}
deny_gateway_tls contains lib.finding(sprintf("the listener %s takes %s without TLS", [lib.word(listener, ["name"], "?"), protocol]), sprintf("spec.listeners[%d].protocol", [i])) if {
	input.kind == "Gateway"
	startswith(input.apiVersion, "gateway.networking.k8s.io/")
	some i, listener in input.spec.listeners
	protocol := lib.word(listener, ["protocol"], "no protocol")
	not protocol in {"HTTPS", "TLS"}
}

deny_gateway_tls contains lib.finding(sprintf("port %v takes %s without TLS", [object.get(lib.mapping(server, ["port"]), "number", "?"), protocol]), sprintf("spec.servers[%d]", [i])) if {
	input.kind == "Gateway"
	startswith(input.apiVersion, "networking.istio.io/")
	some i, server in input.spec.servers
	protocol := upper(lib.word(server, ["port", "protocol"], "no protocol"))
	not protocol in {"HTTPS", "TLS"}
	not server.tls.httpsRedirect == true
	not lib.word(server, ["tls", "mode"], "") in {"SIMPLE", "MUTUAL", "ISTIO_MUTUAL", "PASSTHROUGH", "AUTO_PASSTHROUGH"}
}
