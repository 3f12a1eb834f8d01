package seal.network_test

import data.seal.mesh
import data.seal.network

service(spec) := {"kind": "Service", "spec": spec}

ingress(spec) := {"kind": "Ingress", "spec": spec}

gateway(listener) := {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "spec": {"listeners": [listener]}}

istio(server) := {"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "spec": {"servers": [server]}}

test_network_service_exposed_denied if {
	every type in ["LoadBalancer", "NodePort"] { count(network.deny_service_exposed) == 1 with input as service({"type": type}) }
}

test_network_service_exposed_passes if count(network.deny_service_exposed) == 0 with input as service({"ports": []})

test_network_service_external_name_denied if count(network.deny_service_external_name) == 1 with input as service({"type": "ExternalName", "externalName": "h"})

test_network_service_external_name_passes if count(network.deny_service_external_name) == 0 with input as service({"type": "ClusterIP"})

test_network_service_external_ips_denied if count(network.deny_service_external_ips) == 1 with input as service({"externalIPs": ["1.2.3.4"]})

test_network_service_external_ips_passes if count(network.deny_service_external_ips) == 0 with input as service({"externalIPs": []})

test_network_ingress_tls_denied if {
	every spec in [
		{"rules": [{"host": "a.example.com"}]},
		{"rules": [{}]},
		{"rules": [{"host": "a.example.com"}], "tls": [{"hosts": ["b.example.com"]}]},
		{"rules": [{"host": "a.b.example.com"}], "tls": [{"hosts": ["*.example.com"]}]},
		{"defaultBackend": {"service": {}}},
	] {
		count(network.deny_ingress_tls) == 1 with input as ingress(spec)
	}
}

test_network_ingress_tls_passes if {
	every spec in [
		{"rules": [{"host": "a.example.com"}], "tls": [{"hosts": ["a.example.com"]}]},
		{"rules": [{"host": "a.example.com"}], "tls": [{"hosts": ["*.example.com"]}]},
		{"rules": [{"host": "a.example.com"}], "tls": [{"secretName": "s"}]},
	] {
		count(network.deny_ingress_tls) == 0 with input as ingress(spec)
	}
}

test_network_gateway_tls_denied if count(network.deny_gateway_tls) == 1 with input as gateway({"name": "l", "protocol": "HTTP"})

test_network_gateway_tls_denied_in_istio if count(network.deny_gateway_tls) == 1 with input as istio({"port": {"number": 80, "protocol": "HTTP"}})

test_network_gateway_tls_passes if count(network.deny_gateway_tls) == 0 with input as gateway({"name": "l", "protocol": "HTTPS"})

test_network_gateway_tls_passes_for_redirects if count(network.deny_gateway_tls) == 0 with input as istio({"port": {"number": 80, "protocol": "HTTP"}, "tls": {"httpsRedirect": true}})

test_mesh_mesh_mtls_denied if {
	every object in [
		{"kind": "PeerAuthentication", "spec": {"mtls": {"mode": "PERMISSIVE"}}},
		{"kind": "PeerAuthentication"},
		{"kind": "PeerAuthentication", "spec": {"mtls": {"mode": "STRICT"}, "portLevelMtls": {"8080": {"mode": "DISABLE"}}}},
		{"kind": "DestinationRule", "spec": {"trafficPolicy": {"tls": {"mode": "DISABLE"}}}},
		{"apiVersion": "policy.linkerd.io/v1beta3", "kind": "Server", "spec": {"accessPolicy": "all-unauthenticated"}},
		{"kind": "ServerAuthorization", "spec": {"client": {"unauthenticated": true}}},
		{"kind": "Namespace", "metadata": {"annotations": {"config.linkerd.io/default-inbound-policy": "all-unauthenticated"}}},
	] {
		count(mesh.deny_mesh_mtls) == 1 with input as object
	}
}

test_mesh_mesh_mtls_denied_on_a_template if {
	count(mesh.deny_mesh_mtls) == 1 with input as {"kind": "Deployment", "spec": {"template": {"metadata": {"annotations": {"config.linkerd.io/default-inbound-policy": "all-unauthenticated"}}, "spec": {"containers": []}}}}
}

test_mesh_mesh_mtls_passes if count(mesh.deny_mesh_mtls) == 0 with input as {"kind": "PeerAuthentication", "spec": {"mtls": {"mode": "STRICT"}}}
