package seal.workload_test

import data.seal.meta
import data.seal.workload

with_container(container) := {"kind": "Deployment", "metadata": {"name": "w"}, "spec": {"template": {"spec": {"containers": [object.union({"name": "c"}, container)]}}}}

with_image(image) := with_container({"image": image})

annotated(annotations) := object.union(with_image("x"), {"metadata": {"annotations": annotations}})

complete := {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}

digest := sprintf("@sha256:%s", [crypto.sha256("x")])

test_workload_resources_denied if count(workload.deny_resources) == 2 with input as with_container({"resources": {"requests": {"cpu": "1"}}})

test_workload_resources_passes if count(workload.deny_resources) == 0 with input as with_container({"resources": complete})

test_workload_probes_denied if count(workload.deny_probes) == 1 with input as with_container({"readinessProbe": {"exec": {}}})

test_workload_probes_passes if count(workload.deny_probes) == 0 with input as with_container({"readinessProbe": {"exec": {}}, "livenessProbe": {"exec": {}}})

test_workload_probes_passes_for_jobs if count(workload.deny_probes) == 0 with input as object.union(with_container({}), {"kind": "Job"})

test_workload_service_account_token_denied if count(workload.deny_service_account_token) == 1 with input as with_container({})

test_workload_service_account_token_denied_for_the_default_account if count(workload.deny_service_account_token) == 1 with input as {"kind": "ServiceAccount", "metadata": {"name": "default"}}

test_workload_service_account_token_passes if count(workload.deny_service_account_token) == 0 with input as {"kind": "Pod", "spec": {"containers": [], "automountServiceAccountToken": false}}

test_workload_latest_denied if {
	every image in ["nginx", "nginx:latest", "registry.example.com:5000/team/nginx"] {
		count(workload.deny_latest) == 1 with input as with_image(image)
	}
}

test_workload_latest_passes if {
	every image in ["nginx:1.27", sprintf("nginx%s", [digest]), "registry.example.com:5000/team/nginx:1"] {
		count(workload.deny_latest) == 0 with input as with_image(image)
	}
}

test_workload_image_digest_denied if {
	every image in ["nginx:1.27", "nginx@sha256:abc"] {
		count(workload.deny_image_digest) == 1 with input as with_image(image)
	}
}

test_workload_image_digest_passes if count(workload.deny_image_digest) == 0 with input as with_image(sprintf("nginx:1.27%s", [digest]))

allowed := {"allowedRegistries": ["registry.example.com/team", "docker.io/library/"]}

test_workload_image_registry_denied if {
	every image in ["registry.example.com/team-b/x:1", "registry.example.com.evil.io/team/x", "evil/x:1", "localhost/team/x"] {
		count(workload.deny_image_registry) == 1 with input as with_image(image) with data.parameters as allowed
	}
}

test_workload_image_registry_passes if {
	every image in ["registry.example.com/team/x:1", "nginx:1", "docker.io/library/nginx"] {
		count(workload.deny_image_registry) == 0 with input as with_image(image) with data.parameters as allowed
	}
}

test_workload_image_registry_passes_where_no_list_is_set if count(workload.deny_image_registry) == 0 with input as with_image("any/x")

test_workload_scan_status_denied if count(workload.deny_scan_status) == 1 with input as with_image("x")

test_workload_scan_status_denied_when_failed if count(workload.deny_scan_status) == 1 with input as annotated({"security.scan.status": "failed"})

test_workload_scan_status_passes if count(workload.deny_scan_status) == 0 with input as annotated({"security.scan.status": "passed"})

test_workload_scan_status_passes_on_the_template if {
	count(workload.deny_scan_status) == 0 with input as {"kind": "Deployment", "spec": {"template": {"metadata": {"annotations": {"security.scan.status": "passed"}}, "spec": {"containers": []}}}}
}

test_meta_labels_denied if count(meta.deny_labels) == 1 with input as with_image("x")

test_meta_labels_denied_by_parameter if count(meta.deny_labels) == 2 with input as with_image("x") with data.parameters as {"requiredLabels": ["team", "tier"]}

test_meta_labels_passes if count(meta.deny_labels) == 0 with input as {"kind": "ConfigMap", "metadata": {"labels": {"app.kubernetes.io/name": "x"}}}

test_meta_annotations_denied if count(meta.deny_annotations) == 1 with input as with_image("x") with data.parameters as {"requiredAnnotations": ["owner"]}

test_meta_annotations_passes if count(meta.deny_annotations) == 0 with input as annotated({"owner": "me"}) with data.parameters as {"requiredAnnotations": ["owner"]}
