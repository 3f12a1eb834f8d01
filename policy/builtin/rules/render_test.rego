package seal.render_test

import data.seal.render

documents(objects) := [{"path": "f", "contents": object} | some object in objects]

deployment := {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "a"}, "spec": {"template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}}}

policy(namespace, spec) := {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "p", "namespace": namespace}, "spec": spec}

virtual_service := {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "v", "namespace": "a"}}

strict(namespace) := {"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication", "metadata": {"name": "default", "namespace": namespace}, "spec": {"mtls": {"mode": "STRICT"}}}

test_render_network_policy_denied if {
	every object in [
		policy("a", {"podSelector": {"matchLabels": {"app": "db"}}}),
		policy("b", {"podSelector": {}}),
		policy("a", {"podSelector": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}}),
		policy("a", {"podSelector": {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}}),
	] {
		{finding.index | some finding in render.deny_network_policy} == {1} with input as documents([object, deployment])
	}
}

test_render_network_policy_denied_at_the_labels_of_a_cron_job if {
	cron_job := {"kind": "CronJob", "metadata": {"name": "c"}, "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": []}}}}}}
	{finding.field | some finding in render.deny_network_policy} == {"spec.jobTemplate.spec.template.metadata.labels"} with input as documents([cron_job])
}

test_render_network_policy_passes if count(render.deny_network_policy) == 0 with input as documents([policy("a", {}), deployment])

test_render_network_policy_passes_for_every_pod if count(render.deny_network_policy) == 0 with input as documents([policy("a", {"podSelector": {}}), deployment])

test_render_network_policy_passes_by_label if count(render.deny_network_policy) == 0 with input as documents([policy("a", {"podSelector": {"matchLabels": {"app": "web"}}}), deployment])

test_render_network_policy_passes_by_in if count(render.deny_network_policy) == 0 with input as documents([policy("a", {"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}}), deployment])

test_render_network_policy_passes_by_exists if count(render.deny_network_policy) == 0 with input as documents([policy("a", {"podSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}}), deployment])

test_render_network_policy_passes_by_not_in if count(render.deny_network_policy) == 0 with input as documents([policy("a", {"podSelector": {"matchExpressions": [{"key": "x", "operator": "NotIn", "values": ["y"]}]}}), deployment])

test_render_default_deny_denied if count(render.deny_default_deny) == 1 with input as documents([deployment, policy("a", {"podSelector": {}, "ingress": [{}]}), policy("a", {"podSelector": {}, "policyTypes": ["Egress"]})])

test_render_default_deny_denied_in_the_namespace_of_the_application if {
	{finding.msg | some finding in render.deny_default_deny} == {"the destination namespace has no NetworkPolicy that denies ingress by default"} with input as documents([object.remove(deployment, ["metadata"])])
}

test_render_default_deny_passes if count(render.deny_default_deny) == 0 with input as documents([deployment, policy("a", {"podSelector": {}})])

test_render_mesh_mtls_denied if count(render.deny_mesh_mtls) == 1 with input as documents([deployment, virtual_service])

injected(annotations) := {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "a"}, "spec": {"template": {"metadata": {"annotations": object.union({"linkerd.io/inject": "enabled"}, annotations)}, "spec": {"containers": []}}}}

linkerd_namespace(annotations) := {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a", "annotations": annotations}}

test_render_mesh_mtls_denied_in_linkerd if {
	{finding.field | some finding in render.deny_mesh_mtls} == {"spec.template.metadata.annotations[linkerd.io/inject]"} with input as documents([injected({})])
}

test_render_mesh_mtls_denied_for_a_namespace_of_linkerd if {
	count(render.deny_mesh_mtls) == 1 with input as documents([linkerd_namespace({"linkerd.io/inject": "enabled"})])
}

test_render_mesh_mtls_passes_in_linkerd if {
	strict_policy := {"config.linkerd.io/default-inbound-policy": "all-authenticated"}
	every objects in [[injected(strict_policy)], [injected({}), linkerd_namespace(strict_policy)]] {
		count(render.deny_mesh_mtls) == 0 with input as documents(objects)
	}
}

test_render_mesh_mtls_passes if {
	every objects in [[virtual_service, strict("a")], [deployment]] { count(render.deny_mesh_mtls) == 0 with input as documents(objects) }
}

test_render_mesh_mtls_passes_by_parameter if count(render.deny_mesh_mtls) == 0 with input as documents([virtual_service]) with data.parameters as {"meshStrict": true}
